"""Which model goes on: an admin's act, once a stage. It opens the next stage and lets the model answer there."""

from django.db import transaction

from core import audit
from core.access import ADMIN
from core.errors import Conflict, InvalidInput, NotAllowed
from core.limits import asked_text
from core.locks import lock_project, lock_stage
from core.models import ModelVersion, Stage
from core.stages import open_stage
from training.gate import take_gate
from training.generation import launch_generation
from training.models import GenerationRun, Promotion, PromotionRequest, TrainingRun, Verdict


class GateWarns(Conflict):
    """The gate warns of the model: whoever promotes it has to have seen that. `gate` is what was measured."""

    def __init__(self, gate):
        super().__init__(
            f"The gate warns of “{gate.model_version}”: look at its figures and say why it goes on all the same."
        )
        self.gate = gate


class GateStops(Conflict):
    """The gate stops the model: a second admin must agree. `gate` is what was measured."""

    def __init__(self, gate, others):
        what = (
            "Ask another admin to agree."
            if others
            else "Another admin must agree, and this project has no other: make somebody admin under Setup, People."
        )
        super().__init__(f"The gate stops “{gate.model_version}”. {what}")
        self.gate = gate


@transaction.atomic
def promote(*, stage, model_version, reason, by, now, seen=None):
    """Make `model_version` the one that the stage after `stage` asks, and say why. Returns the Promotion.

    It measures the gate of the stage's policy, completes the stage, opens the next one and launches its generation with
    the sampling, precision and seed of this stage's. Any version of the project that has weights may go on: made by a
    run on this stage, as a rule. The same promotion sent twice is one. `seen`: the key of the Gate whose warnings the
    person was shown. Raises NotAllowed for whoever is no admin of the project, InvalidInput without a reason or for a
    model without weights, GateWarns where warnings were not seen, GateStops (see `ask_to_promote`), Conflict before the
    labels are final or where the stage was followed already, saying by whom, when and why.
    """
    stage, reason, earlier = _check(stage, model_version, reason, by)
    if earlier is not None:
        return earlier
    gate = take_gate(stage=stage, model_version=model_version, by=by, now=now)
    if gate.verdict == Verdict.STOP:
        raise GateStops(gate, has_another_admin(stage.project, by))
    if gate.verdict == Verdict.WARN and seen != gate.pk:
        raise GateWarns(gate)
    return _promote(stage, gate, reason, by, None, now)


@transaction.atomic
def ask_to_promote(*, stage, model_version, reason, by, now):
    """Ask another admin to agree to a promotion that the gate stops. Returns the PromotionRequest.

    The same wish sent twice is one. Raises as `promote` does, and Conflict where the gate does not stop the model, the
    project has no other admin, or another wish is open.
    """
    stage, reason, earlier = _check(stage, model_version, reason, by)
    if earlier is not None:
        raise Conflict(f"{tell(earlier)} A stage is followed once.")
    gate = take_gate(stage=stage, model_version=model_version, by=by, now=now)
    if gate.verdict != Verdict.STOP:
        raise Conflict(f"The gate does not stop “{model_version}”: promote it yourself.")
    if not has_another_admin(stage.project, by):
        raise GateStops(gate, False)
    open_one = open_request(stage)
    if open_one is not None:
        if (open_one.gate_id, open_one.asked_by, open_one.reason) == (gate.pk, by, reason):
            return open_one
        raise Conflict(
            f"{open_one.asked_by} asked already for “{open_one.gate.model_version}”: agree to that, or take it back "
            "first."
        )
    request = PromotionRequest.objects.create(
        stage=stage, gate=gate, reason=reason, asked_by=by, created_at=now
    )
    params = {"model": model_version.name}
    audit.record("promotion:ask", request, by=by, now=now, params=params, detail=reason)
    return request


@transaction.atomic
def agree_to_promotion(*, request, by, now):
    """Agree to what another admin asked for: the model is promoted, by them. Returns the Promotion.

    Raises NotAllowed for whoever asked or is no admin, Conflict where the wish was taken back, or the gate's figures
    are others by now.
    """
    if request.asked_by_id == by.pk:
        raise NotAllowed("You asked for this yourself: another admin has to agree.")
    stage, reason, earlier = _check(
        request.stage, request.gate.model_version, request.reason, request.asked_by, by
    )
    if earlier is not None:
        return earlier
    if PromotionRequest.objects.get(pk=request.pk).withdrawn_at is not None:
        raise Conflict("This was taken back meanwhile.")
    gate = take_gate(stage=stage, model_version=request.gate.model_version, by=by, now=now)
    if gate.pk != request.gate_id:
        raise Conflict(
            "The gate’s figures are others than those it was asked over: take the request back and ask anew."
        )
    return _promote(stage, gate, reason, request.asked_by, by, now)


@transaction.atomic
def take_back_request(*, request, by, now):
    """End a wish that nobody agreed to yet; an admin's act. Twice is the same as once."""
    stage = lock_stage(request.stage)
    _require_admin(stage, by)
    if promotion_of(stage) is not None:
        raise Conflict("The model was promoted meanwhile.")
    if PromotionRequest.objects.filter(pk=request.pk, withdrawn_at=None).update(withdrawn_at=now):
        audit.record("promotion:take_back", request, by=by, now=now)


def open_request(stage):
    """The PromotionRequest that waits for another admin, or None."""
    requests = PromotionRequest.objects.filter(stage=stage, withdrawn_at=None)
    return requests.select_related("gate__model_version", "asked_by").first()


def has_another_admin(project, person):
    """Whether somebody else can agree as admin of the project."""
    others = project.memberships.filter(role=ADMIN, user__is_active=True).exclude(user=person)
    return others.exists()


def _check(stage, model_version, reason, by, *also):
    """(the stage, locked; the reason as it is kept; the same promotion, if there was one) of what all these may do."""
    lock_project(stage.project)
    stage = lock_stage(stage)
    for person in (by, *also):
        _require_admin(stage, person)
    reason, fault = asked_text(reason, "Say in a sentence why this model goes on.")
    if fault:
        raise InvalidInput(fault)
    earlier = promotion_of(stage)
    if earlier is not None:
        if (earlier.model_version, earlier.promoted_by, earlier.reason) == (model_version, by, reason):
            return stage, reason, earlier
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
    return stage, reason, None


def _require_admin(stage, person):
    if not stage.project.memberships.filter(user=person, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can promote a model.")


def _promote(stage, gate, reason, by, agreed_by, now):
    model_version = gate.model_version
    following = open_stage(project=stage.project, model_version=model_version, by=by, now=now)
    promotion = Promotion.objects.create(
        stage=stage,
        model_version=model_version,
        run=TrainingRun.objects.filter(model_version=model_version).first(),
        opened=following,
        reason=reason,
        promoted_by=by,
        gate=gate,
        verdict=gate.verdict,
        agreed_by=agreed_by,
        created_at=now,
    )
    params = {"model": model_version.name, "opened": following.number, "gate": str(gate.verdict)}
    audit.record("promotion:make", promotion, by=agreed_by or by, now=now, params=params, detail=reason)
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
    related = ("stage", "model_version", "run", "opened", "promoted_by", "agreed_by", "gate")
    return Promotion.objects.select_related(*related).filter(stage=stage).first()


def tell(promotion):
    """Who promoted what, when and why, in a sentence or two."""
    day = f"{promotion.created_at:%-d %B %Y, %H:%M} UTC"
    if promotion.ground == Promotion.Ground.BEFORE:
        return f"“{promotion.model_version}” went on as {promotion.opened} on {day}, before models were promoted."
    agreed = f" {promotion.agreed_by} agreed to it over the gate’s stop." if promotion.agreed_by_id else ""
    return (
        f"{promotion.promoted_by} promoted “{promotion.model_version}”, asked in {promotion.opened}, on {day}: "
        f"{promotion.reason}{agreed}"
    )
