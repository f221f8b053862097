"""Opening the stages of a project."""

from django.db import IntegrityError, transaction

from core import audit
from core.errors import Conflict, InvalidInput
from core.locks import lock_project
from core.models import Stage
from core.transitions import transition


@transaction.atomic
def open_stage(
    *,
    project,
    model_version,
    by,
    now,
    kind=Stage.Kind.TURN,
    ratings_per_response=None,
    mode=Stage.Mode.RATED,
    overall=False,
    pairs_per_prompt=None,
):
    """Open the project's next stage of a kind, waiting for the responses of `model_version` (None: for others).

    `ratings_per_response` is the policy's k unless given; `mode`, `overall` and `pairs_per_prompt` say how a
    comparison is judged. The stage of the same kind before it must have final labels; a turn before it becomes
    COMPLETE. Raises Conflict while one is open, InvalidInput for a k below 1.
    """
    # A policy that is saved at this moment comes before the stage, which takes it, or finds the stage waiting.
    policy = lock_project(project).policy
    k = policy.ratings_per_response if ratings_per_response is None else ratings_per_response
    if k < 1:
        raise InvalidInput("A response needs at least one rating.")
    last = project.stages.filter(kind=kind).order_by("-number").first()
    if last is not None and last.status in Stage.ACTIVE:
        raise Conflict(f"{last} is still open: finalize its labels before the next stage begins.")
    if last is not None and last.is_turn and last.status == Stage.Status.LABELS_FINAL:
        transition(last, Stage.Status.COMPLETE, by=by, now=now)
    try:
        with transaction.atomic():
            stage = Stage.objects.create(
                project=project,
                kind=kind,
                number=last.number + 1 if last else int(kind != Stage.Kind.TURN),
                policy=policy,
                ratings_per_response=k,
                mode=mode,
                overall=overall,
                pairs_per_prompt=pairs_per_prompt,
                model_version=model_version,
                created_at=now,
            )
    except IntegrityError:
        raise Conflict("Someone else has just opened this stage: reload the page.") from None
    audit.record("stage:open", stage, by=by, now=now, params={"model": model_version and model_version.name})
    return stage
