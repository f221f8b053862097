"""Opening the stages of the loop."""

from django.db import IntegrityError, transaction

from core import audit
from core.errors import Conflict
from core.models import Stage
from core.transitions import transition


@transaction.atomic
def open_stage(*, project, model_version, by, now):
    """Open the project's next stage, waiting for the responses of `model_version` (None: to be imported).

    The stage before it must have final labels; it becomes COMPLETE. Raises Conflict while one is open.
    """
    last = project.stages.order_by("-number").first()
    if last is not None and last.status in Stage.ACTIVE:
        raise Conflict(f"{last} is still open: finalize its labels before the next stage begins.")
    if last is not None and last.status == Stage.Status.LABELS_FINAL:
        transition(last, Stage.Status.COMPLETE, by=by, now=now)
    try:
        with transaction.atomic():
            stage = Stage.objects.create(
                project=project,
                number=last.number + 1 if last else 0,
                policy=project.policy,
                model_version=model_version,
                created_at=now,
            )
    except IntegrityError:
        raise Conflict("Someone else has just opened this stage: reload the page.") from None
    audit.record("stage:open", stage, by=by, now=now, detail=str(model_version or "responses to be imported"))
    return stage
