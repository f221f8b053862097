"""The hand-out of pairs: which two responses an expert lays side by side next.

The slots live as those of responses do: a lease is a reservation that lapses by itself, and the k rows exist from the
start, so there is no k + 1. That one expert holds one pair at a time, whatever they have open, is held by the
database: of two tabs that claim at once, the second fails and finds what the first one claimed.
"""

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from annotation.assignment import begin, lease_end
from annotation.models import Pair, PairDecline, PairDraft, PairSlot, Preference, QueueCursor, Rating
from annotation.pairs import lock_pair, require_changeable
from annotation.raters import may_rate, raters_of
from core import audit
from core.errors import Conflict, InvalidInput
from core.limits import asked_text
from core.models import Stage
from core.transitions import transition, transition_first

APART = 20
"""So many items an expert judges before they meet a prompt again, where enough are left."""
WINDOW = 8
"""How many pairs an expert is offered at a time: enough that those who ask at once rarely want the same slot."""
LAPSES_AT_ONCE = 500
Status = PairSlot.Status


def next_pair(*, stage, expert, now):
    """The slot of the pair that `expert` judges next, leased to them; None where the stage has none left for them.

    Asking again returns the same slot with its lease renewed.
    """
    if stage.status != Stage.Status.RATING or not stage.has_pairs:
        return None
    slot = _next_slot(stage, expert, now)
    if slot is None and release_lapsed_pairs(now=now, stage=stage):
        slot = _next_slot(stage, expert, now)
    return slot


def holds_pair(*, stage, expert):
    """Whether the expert holds a pair of the stage."""
    return stage.has_pairs and _held(stage, expert).exists()


def has_pair(*, stage, expert):
    """Whether the stage has a pair that the expert holds or may take. Nothing is leased."""
    if stage.status != Stage.Status.RATING or not stage.has_pairs:
        return False
    return _held(stage, expert).exists() or (_open_pairs(stage, expert).exists() and may_rate(stage, expert))


def take_pair(pair, *, expert, now, trail, again=False):
    """Lease an open slot of a locked pair to the expert; the one they hold already, if they do; None without any.

    `again`: beside another pair that they may hold.
    """
    if pair.status != Pair.Status.AWAITING:
        return None
    mine = [slot for slot in pair.slots_now if slot.expert_id == expert.pk]
    if mine:
        return mine[0] if mine[0].status == Status.LEASED else None
    if PairDecline.objects.filter(pair=pair, expert=expert).exists():
        return None
    free = [slot for slot in pair.slots_now if slot.status == Status.OPEN]
    return _claim(free, expert, now, trail, again)


def renew_pair_lease(*, pair, expert, now):
    """Push the end of a lease that is still held: the expert is at work. Returns whether it was."""
    held = PairSlot.objects.filter(pair=pair, expert=expert, status=Status.LEASED)
    return held.update(lease_until=lease_end(now=now)) == 1


def release_lapsed_pairs(*, now, stage=None):
    """Reopen every slot whose lease has ended; what was filled in stays as the expert's draft. Returns how many."""
    lapsed = PairSlot.objects.filter(status=Status.LEASED, lease_until__lte=now)
    if stage is not None:
        lapsed = lapsed.filter(stage=stage)
    keys = lapsed.order_by("lease_until", "pk").values_list("pk", flat=True)[:LAPSES_AT_ONCE]
    return sum(_release(pk, now) for pk in keys)


@transaction.atomic
def decline_pair(*, slot, by, reason, now):
    """ "I cannot judge this": free the slot for another expert and remember that this one is out.

    Twice is the same as once. Raises InvalidInput without a reason or for one that is too long, Conflict where the
    pair is no longer theirs.
    """
    reason, what = asked_text(reason, "Say in a few words why you cannot judge this.")
    if what:
        raise InvalidInput(what, ["reason"])
    pair = lock_pair(slot.pair_id)
    require_changeable(pair)
    before = PairDecline.objects.filter(pair=pair, expert=by).first()
    held = next((each for each in pair.slots_now if each.expert_id == by.pk), None)
    if held is None and before is not None:
        return before
    if held is None or held.status != Status.LEASED:
        raise Conflict("These two responses are no longer before you: go on with the next ones.")
    with audit.Trail() as trail:
        PairDraft.objects.filter(pair=pair, expert=by).delete()
        declined = PairDecline.objects.create(pair=pair, expert=by, reason=reason, created_at=now)
        _reopen(held, by=by, now=now, trail=trail, because="declined")
        trail.record("pair:decline", pair, by=by, now=now, detail=reason)
    return declined


def _next_slot(stage, expert, now):
    # A round that claims nothing means that somebody else, or this expert's other tab, claimed something: it ends.
    while True:
        held = _held(stage, expert).select_related("pair").first()
        if held is not None and renew_pair_lease(pair=held.pair_id, expert=expert, now=now):
            held.stage = stage
            return held
        begun = QueueCursor.objects.filter(stage=stage, expert=expert).exists()
        if not begun and begin(stage, expert) is None:
            return None
        pairs = _next_pairs(stage, expert)
        if not pairs:
            return None
        free = PairSlot.objects.filter(pair__in=pairs, status=Status.OPEN).select_related("pair")
        order = {pair.pk: place for place, pair in enumerate(pairs)}
        free = sorted(free, key=lambda slot: (order[slot.pair_id], slot.slot))
        for slot in free:
            slot.stage = stage
        try:
            with transaction.atomic():
                if slot := _claim(free, expert, now):
                    return slot
                # Each of them is being moved at this moment: wait for the first.
                if slot := take_pair(lock_pair(pairs[0].pk), expert=expert, now=now, trail=audit):
                    return slot
        except IntegrityError:
            continue  # this very expert got a pair in another tab


def _held(stage, expert):
    mine = PairSlot.objects.filter(stage=stage, expert=expert, status=Status.LEASED)
    return mine.order_by("-again", "leased_at", "pk")


def _open_pairs(stage, expert):
    """The pairs with an open slot that the expert has no part in, in the order of hand-out."""
    slots = PairSlot.objects.filter(pair=OuterRef("pk"))
    declined = PairDecline.objects.filter(pair=OuterRef("pk"), expert=expert)
    return Pair.objects.filter(
        Exists(slots.filter(status=Status.OPEN)),
        ~Exists(slots.filter(expert=expert)),
        ~Exists(declined),
        Exists(raters_of(stage).filter(user=expert)),
        stage=stage,
        status=Pair.Status.AWAITING,
    ).order_by("position")


def _next_pairs(stage, expert):
    """The first open pairs of prompts that the expert has not met lately; where all were, those met longest ago."""
    met = _met_lately(stage, expert)
    pairs = list(_open_pairs(stage, expert).exclude(prompt__in=met)[:WINDOW])
    if pairs or not met:
        return pairs
    last = {prompt: place for place, prompt in enumerate(met)}
    left = _open_pairs(stage, expert)[: APART * WINDOW]
    return sorted(left, key=lambda pair: -last[pair.prompt_id])[:WINDOW]


def _met_lately(stage, expert):
    """The prompts of the last items that the expert judged in the stage, the latest first, each once."""
    preferences = Preference.objects.filter(expert=expert, pair__stage=stage).order_by("-submitted_at", "-pk")
    met = list(preferences.values_list("submitted_at", "pair__prompt")[:APART])
    if stage.is_rated:
        ratings = Rating.objects.filter(expert=expert, response__stage=stage).order_by("-submitted_at", "-pk")
        met += ratings.values_list("submitted_at", "response__prompt")[:APART]
    met.sort(key=lambda judged: judged[0], reverse=True)
    return list(dict.fromkeys(prompt for _, prompt in met[:APART]))


def _claim(slots, expert, now, trail=audit, again=False):
    return transition_first(
        slots,
        Status.LEASED,
        by=expert,
        now=now,
        trail=trail,
        expert=expert,
        leased_at=now,
        lease_until=lease_end(now=now),
        again=again,
    )


@transaction.atomic
def _release(pk, now):
    pair = lock_pair(slot=pk)
    slot = next(each for each in pair.slots_now if each.pk == pk)
    if slot.status != Status.LEASED or slot.lease_until > now:
        return False
    with audit.Trail() as trail:
        PairDraft.objects.get_or_create(pair=pair, expert_id=slot.expert_id, defaults={"updated_at": now})
        _reopen(slot, by=None, now=now, trail=trail, because="lease_ended")
    return True


def _reopen(slot, *, by, now, trail, because):
    transition(
        slot,
        Status.OPEN,
        by=by,
        now=now,
        trail=trail,
        params={"because": because},
        expert=None,
        leased_at=None,
        lease_until=None,
        again=False,
    )
