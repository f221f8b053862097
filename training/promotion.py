"""Which model goes on: an admin's act, once a stage. It opens the next stage and lets the model answer there."""

from django.db import transaction

from core import audit
from core.access import ADMIN
from core.errors import Conflict, InvalidInput, NotAllowed
from core.limits import asked_text
from core.locks import lock_project, lock_stage
from core.models import ModelVersion, Stage
from core.stages import open_stage
from training.generation import launch_generation
from training.models import GenerationRun, Promotion, TrainingRun


@transaction.atomic
def promote(*, stage, model_version, reason, by, now):
    """Make `model_version` the one that the stage after `stage` asks, and say why. Returns the Promotion.

    It completes the stage, opens the next one and launches its generation with the sampling, precision and seed of
    this stage's. Any version of the project that has weights may go on: made by a run on this stage, as a rule. The
    same promotion sent twice is one. Raises NotAllowed for whoever is no admin of the project, InvalidInput without a
    reason or for a model without weights, Conflict before the labels are final or where the stage was followed
    already, saying by whom, when and why.
    """
    lock_project(stage.project)
    stage = lock_stage(stage)
    if not stage.project.memberships.filter(user=by, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can promote a model.")
    reason, fault = asked_text(reason, "Say in a sentence why this model goes on.")
    if fault:
        raise InvalidInput(fault)
    earlier = promotion_of(stage)
    if earlier is not None:
        if (earlier.model_version, earlier.promoted_by, earlier.reason) == (model_version, by, reason):
            return earlier
        raise Conflict(f"{tell(earlier)} A stage is followed once.")
    if not stage.is_turn:
        raise Conflict(f"{stage} is no turn of the loop: promote a model from the newest stage of the loop.")
    if stage.status not in Stage.FINAL:
        raise Conflict(f"The labels of {stage} are not final yet: finalize them first.")
    if stage.status == Stage.Status.COMPLETE:
        raise Conflict(
            f"{stage} was followed by a stage for imported responses: go on from the newest stage."
        )
    if not promotable(stage).filter(pk=model_version.pk).exists():
        raise InvalidInput("Choose a model of this project that has weights.")
    following = open_stage(project=stage.project, model_version=model_version, by=by, now=now)
    promotion = Promotion.objects.create(
        stage=stage,
        model_version=model_version,
        run=TrainingRun.objects.filter(model_version=model_version).first(),
        opened=following,
        reason=reason,
        promoted_by=by,
        created_at=now,
    )
    params = {"model": model_version.name, "opened": following.number}
    audit.record("promotion:make", promotion, by=by, now=now, params=params, detail=reason)
    former = GenerationRun.objects.filter(stage=stage).first()
    launch_generation(
        stage=following,
        sampling=former and former.sampling,
        precision=former and former.precision,
        seed=former.seed if former else stage.project.seed,
        candidates=former.candidates if former else 1,
        by=by,
        now=now,
    )
    return promotion


def promotable(stage):
    """The model versions that may go on after the stage, the newest first."""
    return ModelVersion.objects.filter(project=stage.project_id).exclude(location="").order_by("-id")


def promotion_of(stage):
    """The stage's Promotion with all that telling it needs, or None."""
    related = ("stage", "model_version", "run", "opened", "promoted_by")
    return Promotion.objects.select_related(*related).filter(stage=stage).first()


def tell(promotion):
    """Who promoted what, when and why, in a sentence or two."""
    day = f"{promotion.created_at:%-d %B %Y, %H:%M} UTC"
    if promotion.ground == Promotion.Ground.BEFORE:
        return f"“{promotion.model_version}” went on as {promotion.opened} on {day}, before models were promoted."
    return (
        f"{promotion.promoted_by} promoted “{promotion.model_version}”, asked in {promotion.opened}, on {day}: "
        f"{promotion.reason}"
    )
