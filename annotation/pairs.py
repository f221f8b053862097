"""The pairs of a comparison from their drawing to their end: judged by k experts, or set aside.

Whoever writes a preference, a refusal or the end of a lease locks the pair and then its slots (`lock_pair`); who locks
responses as well locks these before.
"""

from django.db.models import Count, F, Q

from annotation.models import Pair, PairDraft, PairSlot, Response
from annotation.pairing import draw_pairs, stands_left
from core import audit
from core.bulk import Among, insert_rows
from core.errors import Archived, InvalidInput
from core.models import Stage
from core.transitions import transition, transition_all

Status = Pair.Status
BATCH = 1000


def draw_pairs_of(stage, *, by, now):
    """Draw the pairs of a locked comparison whose rating is being opened, each with k open slots.

    Raises InvalidInput where no two of its responses make one.
    """
    answers = {}
    rows = Response.objects.filter(stage=stage, is_anchor=False).order_by("candidate")
    rows = rows.exclude(status=Response.Status.SET_ASIDE)
    for prompt, version, response in rows.values_list("prompt", "model_version", "pk"):
        answers.setdefault(prompt, {}).setdefault(version, []).append(response)
    pairs = draw_pairs(answers, seed=f"{stage.project.seed}:{stage.key}", per_prompt=stage.pairs_per_prompt)
    if not pairs:
        raise InvalidInput("No two of these model versions answered the same prompt: choose others.")
    rows = [(prompt, *sorted(two), position) for position, (prompt, *two) in enumerate(pairs)]
    names = ("prompt", "one", "other", "position")
    _insert(Pair, names, rows, stage=stage.pk, status=Status.AWAITING, created_at=now)
    keys = Pair.objects.filter(stage=stage).values_list("pk", flat=True)
    slots = [(pk, slot) for pk in keys for slot in range(1, stage.ratings_per_response + 1)]
    open_slots = {"stage": stage.pk, "status": PairSlot.Status.OPEN, "again": False}
    _insert(PairSlot, ("pair", "slot"), slots, **open_slots)
    audit.record("pairs:draw", stage, by=by, now=now, params={"pairs": len(pairs)})


def lock_pair(pk=None, *, slot=None):
    """The pair of this key, or of the slot of this key, locked with its `slots_now`, its stage read afterwards.

    Raises Pair.DoesNotExist.
    """
    which = {"pk": pk} if slot is None else {"pk__in": PairSlot.objects.filter(pk=slot).values("pair")}
    pair = Pair.objects.select_for_update(no_key=True).get(**which)
    slots = PairSlot.objects.select_for_update(no_key=True).filter(pair=pair)
    pair.slots_now = list(slots.order_by("slot"))
    pair.stage = Stage.objects.select_related("project", "policy").get(pk=pair.stage_id)
    for each in pair.slots_now:
        each.pair, each.stage = pair, pair.stage
    return pair


def require_changeable(pair):
    """Raise Archived where the project of a locked pair can only be read."""
    if pair.stage.project.archived_at is not None:
        raise Archived(pair.stage.project)


def decide_pair(pair, *, by, now, trail):
    """A locked pair is JUDGED once it has k preferences; slots that are not filled by then are closed."""
    if pair.status != Status.AWAITING or given(pair) < pair.stage.ratings_per_response:
        return
    transition(pair, Status.JUDGED, by=by, now=now, trail=trail)
    _close_slots(pair, because="decided", by=by, now=now, trail=trail)


def laid_out(pair, stage, expert):
    """(prompt, left response, right response) of a pair as it lies before the expert; each response once."""
    keys = sides_of(pair, stage, expert)
    found = Response.objects.select_related("prompt").in_bulk(keys)
    left, right = (found[key] for key in keys)
    return left.prompt, left, right


def sides_of(pair, stage, expert):
    """The keys of the responses that stand (left, right) on the expert's page: drawn by chance, and always the same."""
    left = stands_left(pair.one_id, pair.other_id, seed=stage.project.seed, expert=expert.pk)
    return (left, pair.other_id) if left == pair.one_id else (left, pair.one_id)


def take_back_pair(pair, *, by, now, trail):
    """A locked pair awaits preferences again; the caller has locked its stage, which is in rating, before."""
    if pair.status == Status.JUDGED:
        transition(pair, Status.AWAITING, by=by, now=now, trail=trail)


def given(pair):
    """How many preferences a locked pair has."""
    return sum(slot.status == PairSlot.Status.SUBMITTED for slot in pair.slots_now)


def set_aside_pairs_of(response, *, because, by, now, trail):
    """Take the pairs in which a locked response stands out of the work with it."""
    found = Pair.objects.with_response(response).exclude(status=Status.SET_ASIDE).order_by("pk")
    for pair in map(lock_pair, list(found.values_list("pk", flat=True))):
        transition(pair, Status.SET_ASIDE, by=by, now=now, trail=trail, params=because)
        _close_slots(pair, because="set_aside", by=by, now=now, trail=trail)


def bring_back_pairs_of(response, *, by, now, trail):
    """Take up the pairs of a locked response that was brought back, where the other one is in the work as well."""
    aside = Response.Status.SET_ASIDE
    found = Pair.objects.with_response(response).filter(status=Status.SET_ASIDE)
    found = found.exclude(one__status=aside).exclude(other__status=aside).order_by("pk")
    for pair in map(lock_pair, list(found.values_list("pk", flat=True))):
        transition(pair, Status.AWAITING, by=by, now=now, trail=trail)
        closed = [slot for slot in pair.slots_now if slot.status == PairSlot.Status.CLOSED]
        wanted = pair.stage.ratings_per_response - (len(pair.slots_now) - len(closed))
        for slot in closed[: max(wanted, 0)]:
            transition(slot, PairSlot.Status.OPEN, by=by, now=now, trail=trail)
        decide_pair(pair, by=by, now=now, trail=trail)


def awaiting(stage):
    """How many pairs of a stage still await preferences."""
    if not stage.has_pairs:
        return 0
    return Pair.objects.filter(stage=stage, status=Status.AWAITING).count()


def set_aside_open_pairs(stage, *, because, by, now, trail):
    """Set aside every pair that awaits preferences, of a stage that the caller has locked."""
    found = Pair.objects.filter(stage=stage, status=Status.AWAITING)
    _end(stage, found, Status.SET_ASIDE, "set_aside", because, by=by, now=now, trail=trail)


def fit_pairs(stage, *, by, now, trail):
    """Fewer preferences count in a locked stage from now on: what has so many is judged, what is too much is closed."""
    k = stage.ratings_per_response
    enough = _with_given(Pair.objects.filter(stage=stage, status=Status.AWAITING)).filter(given__gte=k)
    _end(stage, enough, Status.JUDGED, "fewer", {}, by=by, now=now, trail=trail)
    beyond = PairSlot.objects.filter(stage=stage, slot__gt=k)
    _close(beyond, PairSlot.Status.OPEN, stage, "fewer", by=by, now=now, trail=trail)


def _insert(model, names, rows, **same):
    for start in range(0, len(rows), BATCH):
        insert_rows(model, names, rows[start : start + BATCH], **same)


def _with_given(pairs):
    return pairs.annotate(given=Count("slots", filter=Q(slots__status=PairSlot.Status.SUBMITTED)))


def _end(stage, found, to, because, params, *, by, now, trail):
    """Move pairs of a locked stage that await preferences, all at once; who is writing one is waited for."""
    keys = list(found.order_by("pk").values_list("pk", flat=True))
    pairs = Pair.objects.filter(Among(F("pk"), keys))
    sum(1 for _ in pairs.select_for_update(no_key=True).order_by("pk").only("pk"))
    event = {"by": by, "now": now, "trail": trail}
    transition_all(pairs, old=Status.AWAITING, to=to, about=stage, verb=f"pair:{to}", params=params, **event)
    slots = PairSlot.objects.filter(Among(F("pair_id"), keys))
    for old in (PairSlot.Status.LEASED, PairSlot.Status.OPEN):
        _close(slots, old, stage, because, **event)


def _close_slots(pair, *, because, by, now, trail):
    slots = PairSlot.objects.filter(pair=pair)
    for old in (PairSlot.Status.LEASED, PairSlot.Status.OPEN):
        if any(slot.status == old for slot in pair.slots_now):
            _close(slots, old, pair, because, by=by, now=now, trail=trail)


def _close(slots, old, about, because, *, by, now, trail):
    if old == PairSlot.Status.LEASED:
        # What is called in stays with its expert, as a draft.
        held = slots.filter(status=old).values_list("pair", "expert")
        drafts = [PairDraft(pair_id=pair, expert_id=expert, updated_at=now) for pair, expert in held]
        PairDraft.objects.bulk_create(drafts, ignore_conflicts=True)
    transition_all(
        slots,
        old=old,
        to=PairSlot.Status.CLOSED,
        by=by,
        now=now,
        trail=trail,
        about=about,
        verb="pairslot:close",
        params={"because": because},
        expert=None,
        lease_until=None,
        again=False,
    )
