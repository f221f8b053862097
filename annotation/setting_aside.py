"""Prompts and responses that are taken out of the work, with a reason, and brought back.

A response that is set aside is neither handed out nor decided, labeled or learned from; what was rated and written
stays. A prompt that is set aside is asked of no model any more, and its responses in stages that are still open go with
it. Labels that are final stay as they are, but nothing is learned from those of such a prompt any more.
"""

from django.db import transaction

from annotation.deciding import decide_response, lock_response
from annotation.models import Assignment, Divergence, Prompt, Response, SettingAside
from annotation.pairs import awaiting, bring_back_pairs_of, set_aside_open_pairs, set_aside_pairs_of
from annotation.shortfall import checked_reason
from annotation.slots import CALLED_IN, close_slots, let_go, open_closed
from core import audit
from core.errors import Conflict
from core.locks import lock_project, lock_stage
from core.models import Stage
from core.transitions import transition, transition_all

Status = Response.Status
FINAL = "The labels of this stage are final: its responses stay as they are."


@transaction.atomic
def set_aside_response(*, response, reason, by, now):
    """Take one response out of the work. Returns it. Twice is the same as once.

    Slots that are open on somebody's screen are called in. Raises InvalidInput without a reason, Conflict where a lead
    has decided it or its labels are final.
    """
    reason, stage = checked_reason(reason, "it is set aside"), _open_stage(response.stage)
    response = lock_response(response.pk)
    if response.status == Status.SET_ASIDE:
        return response
    if response.status not in Response.MAY_BE_SET_ASIDE:
        raise Conflict("A lead has decided this response: have the decision reopened first.")
    aside = _note(stage.project, reason, by, now)
    with audit.Trail() as trail:
        _put_aside(response, aside, by=by, now=now, trail=trail)
    return response


@transaction.atomic
def bring_back_response(*, response, by, now):
    """Take a response up again that was set aside: it goes on where it stood. Twice is the same as once.

    Raises Conflict where the labels of its stage are final, or its prompt is set aside.
    """
    _open_stage(response.stage)
    response = lock_response(response.pk)
    if response.status != Status.SET_ASIDE:
        return response
    if Prompt.objects.filter(pk=response.prompt_id, set_aside__isnull=False).exists():
        raise Conflict("Its prompt is set aside: bring that back first.")
    with audit.Trail() as trail:
        _take_up(response, by=by, now=now, trail=trail)
    return response


@transaction.atomic
def set_aside_prompt(*, prompt, reason, by, now):
    """Ask a prompt of no model any more, and set aside its responses in stages that are still open. Returns it.

    Twice is the same as once. Raises InvalidInput without a reason.
    """
    reason = checked_reason(reason, "it is set aside")
    project = lock_project(prompt.project)
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    if prompt.set_aside_id is not None:
        return prompt
    prompt.set_aside = _note(project, reason, by, now)
    prompt.save(update_fields=["set_aside"])
    with audit.Trail() as trail:
        trail.record("prompt:set-aside", prompt, by=by, now=now, detail=reason)
        for response in _of_prompt(prompt, status__in=Response.MAY_BE_SET_ASIDE):
            _put_aside(response, prompt.set_aside, by=by, now=now, trail=trail)
    return prompt


@transaction.atomic
def bring_back_prompt(*, prompt, by, now):
    """Ask a prompt again, from the next generation on, and take up the responses that went with it in open stages.

    Twice is the same as once. Returns the prompt.
    """
    lock_project(prompt.project)
    prompt = Prompt.objects.select_for_update(no_key=True).get(pk=prompt.pk)
    if prompt.set_aside_id is None:
        return prompt
    aside, prompt.set_aside = prompt.set_aside_id, None
    prompt.save(update_fields=["set_aside"])
    with audit.Trail() as trail:
        trail.record("prompt:bring-back", prompt, by=by, now=now)
        for response in _of_prompt(prompt, set_aside=aside):
            _take_up(response, by=by, now=now, trail=trail)
    return prompt


def set_aside_what_is_open(stage, *, reason, by, now):
    """Set aside every response of a stage that awaits ratings or a lead, and every pair that awaits preferences.
    Returns how many responses.

    For a caller whose transaction has locked the stage.
    """
    reason = checked_reason(reason, "what is open is set aside")
    is_open = {"stage": stage, "status__in": Response.ACTIVE}
    # As `lock_response` does it, of all at once and in one order, so that whoever is writing a rating is waited for.
    slots = Assignment.objects.select_for_update(of=("self", "response"), no_key=True)
    slots = slots.filter(stage=stage, response__status__in=Response.ACTIVE).order_by("response_id", "slot")
    locked = sum(1 for _ in slots.select_related("response").only("slot", "response__id").iterator())
    if not locked and not awaiting(stage):
        return 0
    aside = _note(stage.project, reason, by, now)
    with audit.Trail() as trail:
        if stage.has_pairs:
            set_aside_open_pairs(stage, because={"aside": aside.pk}, by=by, now=now, trail=trail)
        held = Assignment.objects.filter(
            stage=stage, response__status__in=Response.ACTIVE, status=Assignment.Status.LEASED
        )
        for slot in held.select_related("response__stage"):
            let_go(slot, by=by, now=now, trail=trail, because=CALLED_IN)
        free = Assignment.objects.filter(
            stage=stage, response__status__in=Response.ACTIVE, status=Assignment.Status.OPEN
        )
        event = {"by": by, "now": now, "trail": trail, "about": stage}
        transition_all(
            free,
            old=Assignment.Status.OPEN,
            to=Assignment.Status.CLOSED,
            verb="assignment:close",
            params={"because": "set_aside"},
            **event,
        )
        moved = 0
        for old in Response.ACTIVE:
            moved += transition_all(
                Response.objects.filter(**is_open),
                old=old,
                to=Status.SET_ASIDE,
                verb="response:set_aside",
                params={"aside": aside.pk},
                set_aside=aside,
                **event,
            )
    return moved


def _note(project, reason, by, now):
    return SettingAside.objects.create(project=project, reason=reason, set_by=by, created_at=now)


def _open_stage(stage):
    stage = lock_stage(stage)
    if stage.status in Stage.FINAL:
        raise Conflict(FINAL)
    return stage


def _of_prompt(prompt, **which):
    """The responses of a prompt in stages that are still open, each locked behind its stage."""
    stages = Stage.objects.filter(project=prompt.project_id, status__in=Stage.ACTIVE).order_by("pk")
    for stage in stages:
        if lock_stage(stage).status in Stage.ACTIVE:
            rows = Response.objects.filter(prompt=prompt, stage=stage, **which).order_by("pk")
            yield from map(lock_response, list(rows.values_list("pk", flat=True)))


def _put_aside(response, aside, *, by, now, trail):
    if response.status not in Response.MAY_BE_SET_ASIDE:
        return
    params = {"aside": aside.pk}
    transition(response, Status.SET_ASIDE, by=by, now=now, trail=trail, params=params, set_aside=aside)
    close_slots(response, because="set_aside", by=by, now=now, trail=trail)
    if response.stage.has_pairs:
        set_aside_pairs_of(response, because=params, by=by, now=now, trail=trail)


def _take_up(response, *, by, now, trail):
    """Bring a locked response back to where it stood: before a lead, or to whatever its ratings make of it."""
    if not response.stage.is_rated:
        transition(response, Status.PAIRED, by=by, now=now, trail=trail, set_aside=None)
    elif Divergence.objects.current().filter(response=response).exists():
        transition(response, Status.DIVERGENT, by=by, now=now, trail=trail, set_aside=None)
    else:
        transition(response, Status.AWAITING_RATINGS, by=by, now=now, trail=trail, set_aside=None)
        open_closed(response, because="brought_back", by=by, now=now, trail=trail)
        decide_response(response, by=by, now=now, trail=trail)
    if response.stage.has_pairs:
        bring_back_pairs_of(response, by=by, now=now, trail=trail)
