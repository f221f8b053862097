"""Who rates in a stage: all experts of its project, or those who were chosen for it."""

from django.db.models import Exists, OuterRef, Q

from annotation.models import ChosenRater
from core.models import Membership, Stage


def raters_of(stage):
    """The memberships of whoever can rate in a stage."""
    return _raters(stage.project_id, stage.pk, stage.pk)


def raters_of_outer(stage):
    """As `raters_of`, in a subquery: `stage` is what the outer query's row calls its stage."""
    return _raters(OuterRef(f"{stage}__project"), OuterRef(stage), OuterRef(OuterRef(stage)))


def may_rate(stage, expert):
    """Whether the stage is handed out to this expert of its project. Only comparisons have chosen raters."""
    return stage.kind != Stage.Kind.COMPARISON or raters_of(stage).filter(user=expert).exists()


def _raters(project, stage, from_within):
    chosen = ChosenRater.objects.filter(stage=from_within)
    return Membership.objects.experts_of(project).filter(
        Q(Exists(chosen.filter(expert=OuterRef("user")))) | ~Q(Exists(chosen))
    )
