"""The hand-out: who judges which response next.

A look (one statement, no lock) finds what the expert holds, or the open slots ahead of their cursor; a claim (one
short transaction) moves the cursor on by compare-and-set, then a slot. Why that is exact:

- One slot at a time. A claim moves the cursor's `turn` from what the look saw. Of two tabs that looked at once, the
  second finds it moved, looks again, and finds the slot that the first one claimed.
- Nobody hears "nothing left" while a slot they may take is open, though a cursor never looks back. When it moves to
  a position, no open slot before that is open *to this expert*. Such a slot can only become so later by being
  reopened, or by the expert letting go of the response; and then every open slot of its response is marked
  `reopened_at`. Marked slots are looked through when nothing lies ahead.
- No k + 1: the k slots are rows from the start, and OPEN → LEASED is a compare-and-set.
"""

import random
import zlib
from collections import Counter
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from annotation import looking
from annotation.counting import count_items
from annotation.deciding import decide_response, lock_response, require_changeable
from annotation.models import Assignment, Draft, Involvement, QueueCursor, Rating, Response
from annotation.raters import may_rate, raters_of
from annotation.slots import CALLED_IN, DECLINED, let_go, reopen
from core import audit
from core.errors import Conflict, InvalidInput
from core.limits import asked_text
from core.models import Stage
from core.transitions import transition_first

LAPSES_AT_ONCE = 500


def next_assignment(*, stage, expert, now, spaced=None):
    """The slot `expert` judges next, leased to them; None when the stage has nothing left for them.

    `spaced`: no prompt that they met among their last items, as long as there is another (`looking.look`); so it is in
    comparisons unless said.

    Asking again returns the same slot with its lease renewed. The cost depends neither on the number of
    responses nor on how far the expert has come. A lease is a reservation, not a record: it may be taken on GET.
    """
    if stage.status != Stage.Status.RATING:
        return None
    spaced = stage.kind == Stage.Kind.COMPARISON if spaced is None else spaced
    slot = _next_slot(stage, expert, now, spaced)
    if slot is None and _release_lapsed(now, stage=stage):
        slot = _next_slot(stage, expert, now, spaced)
    return slot


def next_of(*, stages, expert, now):
    """The slot `expert` judges next in any of the `stages`: one that they hold, else one of a calibration, which comes
    before all (the stages come so), else of one of the others by lot.

    One stage costs what `next_assignment` costs.
    """
    if len(stages) > 1:
        held = Assignment.objects.filter(stage__in=stages, expert=expert, status=Assignment.Status.LEASED)
        begun = set(held.filter(lease_until__gt=now).values_list("stage", flat=True))
        stages = sorted(_mixed(stages, expert), key=lambda stage: stage.pk not in begun)
    # A turn asks the prompts of the comparison beside it, too.
    spaced = any(stage.kind == Stage.Kind.COMPARISON for stage in stages)
    slots = (next_assignment(stage=stage, expert=expert, now=now, spaced=spaced) for stage in stages)
    return next(filter(None, slots), None)


def _mixed(stages, expert):
    """Calibrations, then the others, each drawn by how much of it is left for the expert: what comes one after another
    does not tell a copy from a response of a turn."""
    left = dict(
        QueueCursor.objects.filter(stage__in=stages, expert=expert).values_list(
            "stage", F("share") - F("turn")
        )
    )
    for stage in stages:
        if stage.pk not in left and (cursor := begin(stage, expert)):
            left[stage.pk] = cursor.share
    stages = [stage for stage in stages if stage.pk in left]
    # The first of several to arrive, each at its own pace, is each with the probability of its share in all paces.
    lots = {stage.pk: random.expovariate(max(left[stage.pk], 1)) for stage in stages}
    return sorted(stages, key=lambda stage: (stage.kind != Stage.Kind.CALIBRATION, lots[stage.pk]))


def has_work(*, stages, expert):
    """Whether any of the `stages` has something left for `expert`. Nothing is leased: they may have gone for lunch."""
    looks = ((stage, looking.look(stage, expert)) for stage in stages if stage.status == Stage.Status.RATING)
    return any(may_rate(stage, expert) if look is None else look.held or look.slots for stage, look in looks)


@transaction.atomic
def take_slot(*, response, expert, now):
    """Lease any open slot of one response to `expert`; the one they hold already, if they do.

    None when no slot is open, the expert has taken part already, or others were chosen to rate the stage.
    """
    response = lock_response(response.pk)
    return take_open(response, expert=expert, now=now) if may_rate(response.stage, expert) else None


def take_open(response, *, expert, now, trail=audit):
    """`take_slot` of a response that the caller has locked, slots and all: what is decided is handed out no more."""
    if response.status != Response.Status.AWAITING_RATINGS:
        return None
    mine = [slot for slot in response.slots if slot.expert_id == expert.pk]
    if mine:
        return mine[0] if mine[0].status == Assignment.Status.LEASED else None
    if Involvement.objects.filter(response=response, user=expert).exists():
        return None
    free = [slot for slot in response.slots if slot.status == Assignment.Status.OPEN]
    return _claim_one(free, expert, now, trail)


def renew_lease(*, response, expert, now):
    """Push the end of a lease that is still held: the expert is at work. Returns whether it was.

    What a lead returned to them has a longer one, which never becomes shorter by this.
    """
    held = Assignment.objects.filter(response=response, expert=expert, status=Assignment.Status.LEASED)
    return held.update(lease_until=Greatest(F("lease_until"), Value(lease_end(now=now)))) == 1


def release_lapsed(*, now):
    """Reopen every slot whose lease has ended. Returns how many.

    What the expert had filled in stays as their draft, and marks the response as one they were given.
    """
    return _release_lapsed(now)


@transaction.atomic
def call_in(*, assignment, by, now):
    """Take back a slot that is open on somebody's screen: it is anyone's again.

    What its expert had filled in stays as their draft, and they are told; if they submit before somebody else has the
    slot, it counts. Raises Conflict where nobody holds it any more.
    """
    response = lock_response(assignment.response_id)
    require_changeable(response)
    slot = next(each for each in response.slots if each.pk == assignment.pk)
    if slot.status != Assignment.Status.LEASED or slot.expert_id != assignment.expert_id:
        raise Conflict("Nobody holds this any more: reload to see who holds what.")
    with audit.Trail() as trail:
        let_go(slot, by=by, now=now, trail=trail, because=CALLED_IN)
        decide_response(response, by=by, now=now, trail=trail)
    return slot


@transaction.atomic
def decline(*, assignment, by, reason, now):
    """ "I cannot judge this": free the slot for another expert and remember that this one is out.

    If too few experts are left, the response goes to a lead. Declining twice is the same as once. Raises
    InvalidInput without a reason or for one that is too long, Conflict where the slot is no longer theirs.
    """
    reason, what = asked_text(reason, "Say in a few words why you cannot judge this.")
    if what:
        raise InvalidInput(what, ["reason"])
    with audit.Trail() as trail:
        response = lock_response(assignment.response_id)
        require_changeable(response)
        slot = next((each for each in response.slots if each.expert_id == by.pk), None)
        involvement = Involvement.objects.filter(response=response, user=by).first()
        if slot is None and involvement is not None and involvement.part == Involvement.Part.DECLINED:
            return involvement
        if slot is None or slot.status != Assignment.Status.LEASED:
            raise Conflict("This response is no longer before you: go on with the next one.")
        if involvement is None:
            involvement = Involvement.objects.create(
                response=response, user=by, part=Involvement.Part.DECLINED, reason=reason, created_at=now
            )
        Draft.objects.filter(response=response, expert=by).delete()
        if involvement.part == Involvement.Part.RATED:
            # A lead had returned their rating to them.
            Rating.objects.filter(response=response, expert=by).supersede(now=now)
            Involvement.objects.filter(pk=involvement.pk).update(
                part=Involvement.Part.DECLINED, reason=reason, created_at=now
            )
        reopen(slot, by=by, now=now, trail=trail, because=DECLINED)
        decide_response(response, by=by, now=now, trail=trail)
        trail.record("response:decline", response, by=by, now=now, detail=reason)
    return involvement


def _next_slot(stage, expert, now, spaced):
    # A round that claims nothing means that somebody else, or this expert's other tab, claimed something: it ends.
    while True:
        found = looking.look(stage, expert, spaced=spaced)
        if found is None:
            if begin(stage, expert) is None:
                return None
        elif found.held is not None:
            if renew_lease(response=found.held.response_id, expert=expert, now=now):
                found.held.lease_until = lease_end(now=now)
                return found.held
        elif not found.slots:
            if found.stood != found.reached:
                _move_cursor(found, stage, expert, turn=found.turn)
            return None
        elif slot := _claim(found, stage, expert, now):
            return slot


def begin(stage, expert):
    """The expert's first time in the stage: their cursor, with about how many items fall to them. Returns it; None
    where others were chosen to rate."""
    if not may_rate(stage, expert):
        return None
    k = stage.ratings_per_response
    experts = raters_of(stage).count()
    items = count_items(stage)
    share = items if experts <= k else -(-items * k // experts)
    cursor, _ = QueueCursor.objects.get_or_create(stage=stage, expert=expert, defaults={"share": share})
    return cursor


def _move_cursor(found, stage, expert, turn):
    """Move the expert's cursor to what was reached, if they have claimed nothing since the look. Whether it moved."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE annotation_queuecursor SET position = %s, turn = %s "
            "WHERE stage_id = %s AND expert_id = %s AND turn = %s",
            [found.reached, turn, stage.pk, expert.pk, found.turn],
        )
        return cursor.rowcount == 1


def _claim(found, stage, expert, now):
    """One of the slots that were found, leased to the expert; None where somebody or their own other tab was first."""
    try:
        with transaction.atomic():
            if not _move_cursor(found, stage, expert, turn=found.turn + 1):
                return None
            if slot := _claim_one(found.slots, expert, now):
                return slot
        # Each of them is being moved at this moment. Whoever has locked a slot never waits for another of its
        # response but in the one order of lock_response: else two could wait for each other.
        found.turn += 1
        with transaction.atomic():
            if not _move_cursor(found, stage, expert, turn=found.turn + 1):
                return None
            return take_open(lock_response(found.slots[0].response_id), expert=expert, now=now)
    except IntegrityError:
        # This very expert got another slot of the response in another tab.
        return None


def _claim_one(slots, expert, now, trail=audit):
    """Lease one of the slots to the expert; None if all were taken or are being moved.

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
    return transition_first(
        sorted(slots[start:] + slots[:start], key=lambda slot: left[slot.response_id]),
        Assignment.Status.LEASED,
        by=expert,
        now=now,
        trail=trail,
        expert=expert,
        leased_at=now,
        lease_until=lease_end(now=now),
    )


def _release_lapsed(now, stage=None):
    lapsed = Assignment.objects.filter(status=Assignment.Status.LEASED, lease_until__lte=now)
    if stage is not None:
        lapsed = lapsed.filter(stage=stage)
    keys = lapsed.order_by("lease_until", "pk").values_list("pk", flat=True)[:LAPSES_AT_ONCE]
    return sum(_release(pk, now) for pk in keys)


@transaction.atomic
def _release(pk, now):
    response = lock_response(slot=pk)
    slot = next(each for each in response.slots if each.pk == pk)
    if slot.status != Assignment.Status.LEASED or slot.lease_until > now:
        return False
    with audit.Trail() as trail:
        let_go(slot, by=None, now=now, trail=trail)
        decide_response(response, by=None, now=now, trail=trail)
    return True


def lease_end(*, now):
    """When a lease ends that begins `now`."""
    return now + timedelta(minutes=settings.ASSIGNMENT_LEASE_MINUTES)
