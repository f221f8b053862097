"""The hand-out: who judges which response next.

Why nobody is told "nothing left" while a slot they may take is open, though their cursor never looks back:
when a cursor moves to a position, no open slot before it is open *to this expert*. Such a slot can only become
so later by being reopened, or by the expert letting go of the response; and whenever a slot is reopened, every
open slot of its response is marked `reopened_at`. So what lies before a cursor and may be taken is always
marked, and marked slots are looked through when nothing lies ahead.
"""

import zlib
from collections import Counter
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from annotation.deciding import decide_response, lock_response
from annotation.models import Assignment, Draft, Involvement, QueueCursor, Response
from core import audit
from core.errors import Conflict, InvalidInput
from core.models import Membership, Stage
from core.texts import tidy
from core.transitions import StatusConflict, transition

# How many responses an expert is offered at a time: enough that clients who ask at once rarely want the same
# slot, few enough that what is begun gets finished.
WINDOW = 8
LAPSES_AT_ONCE = 500


def next_assignment(*, stage, expert, now):
    """The slot `expert` judges next, leased to them; None when the stage has nothing left for them.

    Asking again returns the same slot with its lease renewed. The cost depends neither on the number of
    responses nor on how far the expert has come. A lease is a reservation, not a record: it may be taken on GET.
    """
    if stage.status != Stage.Status.RATING:
        return None
    slot = _next_slot(stage, expert, now)
    if slot is None and _release_lapsed(now, stage=stage):
        slot = _next_slot(stage, expert, now)
    return slot


def take_slot(*, response, expert, now):
    """Lease any open slot of one response to `expert`: for work that was begun before its lease lapsed.

    None when no slot is open or the expert has taken part already.
    """
    if Involvement.objects.filter(response=response, user=expert).exists():
        return None
    held = response.assignments.filter(expert=expert, status=Assignment.Status.LEASED).first()
    slots = list(response.assignments.filter(status=Assignment.Status.OPEN))
    for slot in slots:
        slot.stage = response.stage
    return held or _claim_one(slots, expert, now)


def renew_lease(assignment, *, now):
    """Push the end of a lease that is still held: the expert is at work. Returns whether it was."""
    held = Assignment.objects.filter(
        pk=assignment.pk, status=Assignment.Status.LEASED, expert=assignment.expert_id
    )
    return held.update(lease_until=_lease_end(now)) == 1


def release_lapsed(*, now):
    """Reopen every slot whose lease has ended. Returns how many.

    What the expert had filled in stays as their draft, and marks the response as one they were given.
    """
    return _release_lapsed(now)


@transaction.atomic
def decline(*, assignment, by, reason, now):
    """ "I cannot judge this": free the slot for another expert and remember that this one is out.

    If too few experts are left, the response goes to a lead. Declining twice is the same as once. Raises
    InvalidInput without a reason, Conflict where the slot is no longer theirs.
    """
    reason = tidy(reason).strip()
    if not reason:
        raise InvalidInput("Say in a few words why you cannot judge this.", ["reason"])
    response = lock_response(assignment.response_id)
    slot = response.assignments.filter(expert=by, status=Assignment.Status.LEASED).first()
    involvement = Involvement.objects.filter(response=response, user=by).first()
    if slot is None and involvement is not None and involvement.part == Involvement.Part.DECLINED:
        return involvement
    if slot is None:
        raise Conflict("This response is no longer before you: go on with the next one.")
    slot.stage = response.stage
    if involvement is None:
        involvement = Involvement.objects.create(
            response=response, user=by, part=Involvement.Part.DECLINED, reason=reason, created_at=now
        )
    Draft.objects.filter(response=response, expert=by).delete()
    _reopen(slot, by=by, now=now, detail="declined")
    decide_response(response, by=by, now=now)
    audit.record("response:decline", response, by=by, now=now, detail=reason)
    return involvement


@transaction.atomic
def _next_slot(stage, expert, now):
    cursor = _cursor(stage, expert)
    # A round that claims nothing means that somebody else claimed something: the loop ends.
    while True:
        held = _held(stage, expert, now)
        if held is not None:
            return held
        slots = _open_slots(stage, expert, cursor)
        if not slots:
            return None
        slot = _claim_one(slots, expert, now)
        if slot is not None:
            return slot


def _cursor(stage, expert):
    """The expert's place in the stage, locked: one expert with two tabs open still asks one after the other."""
    cursors = QueueCursor.objects.select_for_update()
    cursor = cursors.filter(stage=stage, expert=expert).first()
    if cursor is None:
        QueueCursor.objects.get_or_create(stage=stage, expert=expert, defaults={"share": _fair_share(stage)})
        cursor = cursors.get(stage=stage, expert=expert)
    return cursor


def _fair_share(stage):
    k = stage.policy.ratings_per_response
    experts = Membership.objects.filter(project=stage.project_id, role=Membership.Role.EXPERT).count()
    responses = Response.objects.filter(stage=stage).count()
    return responses if experts <= k else -(-responses * k // experts)


def _held(stage, expert, now):
    held = Assignment.objects.filter(stage=stage, expert=expert, status=Assignment.Status.LEASED)
    slot = held.order_by("leased_at", "id").first()
    if slot is None or not renew_lease(slot, now=now):
        return None
    slot.lease_until = _lease_end(now)
    slot.stage = stage
    return slot


def _open_slots(stage, expert, cursor):
    """Open slots this expert may take, of at most WINDOW responses: ahead of the cursor, else reopened ones."""
    slots = Assignment.objects.filter(stage=stage, status=Assignment.Status.OPEN)
    ahead = _walk(slots.filter(position__gte=cursor.position), stage, expert)
    reached = ahead[0].position if ahead else QueueCursor.END
    if reached != cursor.position:
        cursor.position = reached
        cursor.save(update_fields=["position"])
    return ahead or _walk(slots.filter(reopened_at__isnull=False), stage, expert)


def _walk(slots, stage, expert):
    """The slots of the first WINDOW responses in which the expert has no part yet, by position.

    Page by page, with the expert's own part looked up for each page: as one query with two anti-joins, the
    database would sometimes plan for the whole stage.
    """
    size = max(WINDOW * stage.policy.ratings_per_response, 2 * WINDOW)
    found, page = {}, list(slots.order_by("position")[:size])
    while page:
        responses = {slot.response_id for slot in page}
        taken = _has_part_in(responses, expert)
        for slot in page:
            # What is known already need not be asked for again when the audit event names the project.
            slot.stage = stage
            if slot.response_id not in taken:
                found.setdefault(slot.response_id, []).append(slot)
        if len(found) >= WINDOW or len(page) < size:
            break
        page = list(slots.filter(position__gt=page[-1].position).order_by("position")[:size])
    return [slot for response in list(found)[:WINDOW] for slot in found[response]]


def _has_part_in(responses, expert):
    """Those of the responses that the expert has rated, declined, arbitrated or holds."""
    involvements = Involvement.objects.filter(user=expert, response__in=responses).order_by()
    held = Assignment.objects.filter(expert=expert, response__in=responses).order_by()
    return {*involvements.values_list("response", flat=True), *held.values_list("response", flat=True)}


def _claim_one(slots, expert, now):
    """Lease one of the slots to the expert; None if all were taken.

    Responses with the fewest open slots come first: what is begun gets finished, and what diverges reaches a lead
    while the stage is young.
    """
    if not slots:
        return None
    # Among equals from a place that differs from expert to expert, so that they spread, and changes as the window
    # moves. Of two such places the earlier, so that no response waits in the window for long: the first of it holds
    # every cursor back.
    chance = zlib.crc32(f"{expert.pk}:{slots[0].pk}:{slots[-1].pk}:{len(slots)}".encode())
    start = min((chance & 0xFFFF) % len(slots), (chance >> 16) % len(slots))
    left = Counter(slot.response_id for slot in slots)
    for slot in sorted(slots[start:] + slots[:start], key=lambda slot: left[slot.response_id]):
        try:
            return transition(
                slot,
                Assignment.Status.LEASED,
                by=expert,
                now=now,
                expert=expert,
                leased_at=now,
                lease_until=_lease_end(now),
            )
        except (StatusConflict, IntegrityError):
            # Somebody was first, or this expert got another slot of the response in another tab.
            continue
    return None


def _release_lapsed(now, stage=None):
    lapsed = Assignment.objects.filter(status=Assignment.Status.LEASED, lease_until__lte=now)
    if stage is not None:
        lapsed = lapsed.filter(stage=stage)
    released = 0
    for pk, response_pk in lapsed.order_by("lease_until", "pk").values_list("pk", "response")[
        :LAPSES_AT_ONCE
    ]:
        with transaction.atomic():
            response = lock_response(response_pk)
            slot = response.assignments.filter(
                pk=pk, status=Assignment.Status.LEASED, lease_until__lte=now
            ).first()
            if slot is None:
                continue
            Draft.objects.get_or_create(response=response, expert=slot.expert, defaults={"updated_at": now})
            _reopen(slot, by=None, now=now, detail="lease ended", only_if={"lease_until__lte": now})
            decide_response(response, by=None, now=now)
            released += 1
    return released


def _reopen(slot, *, by, now, detail, only_if=None):
    transition(
        slot,
        Assignment.Status.OPEN,
        by=by,
        now=now,
        detail=detail,
        only_if=only_if,
        expert=None,
        leased_at=None,
        lease_until=None,
        reopened_at=now,
    )
    # Experts may have passed the response by while they could not take it; see the top of this file.
    Assignment.objects.filter(
        response=slot.response_id, status=Assignment.Status.OPEN, reopened_at__isnull=True
    ).update(reopened_at=now)


def _lease_end(now):
    return now + timedelta(minutes=settings.ASSIGNMENT_LEASE_MINUTES)
