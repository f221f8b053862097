"""What a project needs before its first stage, and which of it is there."""

from dataclasses import dataclass

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from annotation.counting import shown_prompts
from core.guidelines import current
from core.models import Membership, Stage
from core.policies import whole
from core.texts import is_blank

Role = Membership.Role


@dataclass(frozen=True)
class Need:
    """One thing that has to be there: what, in words, whether it is, and the address where it is seen to."""

    what: str
    is_met: bool
    url: str


def needs(project):
    """The Needs of a project, in the order in which they are best met; empty once nothing is missing, or once rating
    has begun without it."""
    turns = list(project.stages.turns().values_list("status", flat=True))
    if any(status != Stage.Status.RESPONDING for status in turns):
        return []
    policy = whole(project.policy)
    axes, sets = policy.rubric.axes.all(), policy.rubric.label_sets.all()
    k = policy.ratings_per_response
    can_sign_in = project.memberships.filter(user__is_active=True)
    people = can_sign_in.aggregate(
        experts=Count("pk", filter=Q(role=Role.EXPERT)), leads=Count("pk", filter=Q(role=Role.LEAD))
    )
    prompts = sum(shown_prompts(project).values())

    def at(name):
        return reverse(name, args=[project.slug])

    experts = ngettext(
        "%(k)s expert or more, for as many ratings of a response: there are %(n)s",
        "%(k)s experts or more, for as many ratings of a response: there are %(n)s",
        k,
    ) % {"k": k, "n": people["experts"]}
    rubric = gettext("A rubric: %(axes)s axes, %(sets)s label sets") % {"axes": len(axes), "sets": len(sets)}
    found = [
        Need(rubric, True, at("project-setup")),
        Need(gettext("Guidelines"), not is_blank(current(project).text), at("setup-guidelines")),
        Need(experts, people["experts"] >= k, at("setup-people")),
        Need(gettext("A lead, for what experts differ on"), people["leads"] > 0, at("setup-people")),
        Need(gettext("Prompts"), prompts > 0, at("annotation:prompts")),
        Need(gettext("A model that answers them, or responses"), bool(turns), at("training:generate")),
    ]
    return [] if all(need.is_met for need in found) else found
