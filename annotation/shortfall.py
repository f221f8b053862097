"""A stage that is short of ratings: an expert has left, is ill, or is too slow. An admin says how it goes on.

Either fewer ratings count from now on, for the stage or for one response, or what is open goes to the lead as it is.
What an admin decides for a stage holds at once for whatever happens to its responses; those to which nothing happens
are looked through in batches, here and by the sweep, so that a stage of any size keeps nobody waiting.

Where nobody decides: what has a rating and can get no other, because somebody who was at work in the stage has left,
goes to a lead after a day.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from annotation.deciding import decide_response, lock_response
from annotation.models import Assignment, Involvement, QueueCursor, Response, Shortfall
from annotation.pairs import fit_pairs
from annotation.raters import raters_of
from annotation.responses import largest_k
from annotation.slots import close_slots
from core import audit
from core.errors import Conflict, InvalidInput
from core.limits import asked_text
from core.locks import lock_stage
from core.models import Stage

BATCH = 100
PATIENCE = timedelta(days=1)
"""How long a response that can get no other rating waits for an admin's word."""
AWAITING = Response.Status.AWAITING_RATINGS


@transaction.atomic
def count_fewer(*, stage, ratings_per_response, reason, by, now):
    """Have fewer ratings count in a stage from now on. Returns the Shortfall, its first responses settled.

    Responses with a k of their own keep it. Raises InvalidInput without a reason or for a k that is not lower, Conflict
    unless the stage is in rating.
    """
    reason, stage = checked_reason(reason, "fewer ratings count"), _in_rating(stage)
    former = stage.ratings_per_response
    if not 1 <= ratings_per_response < former:
        raise InvalidInput(
            f"Choose from 1 to {former - 1} ratings: the stage asks for {former}."
            if former > 1
            else "The stage asks for one rating of each response: fewer cannot count."
        )
    stage.ratings_per_response = ratings_per_response
    stage.save(update_fields=["ratings_per_response"])
    if stage.has_pairs:
        with audit.Trail() as trail:
            fit_pairs(stage, by=by, now=now, trail=trail)
    return _decide(stage, Shortfall.Way.FEWER, former, reason, by=by, now=now)


@transaction.atomic
def let_the_lead_decide(*, stage, at_least, reason, by, now):
    """Send to the lead what awaits ratings and has `at_least` so many of them. Returns the Shortfall, as `count_fewer`.

    Slots that are open on somebody's screen are called in. Raises InvalidInput without a reason, Conflict unless the
    stage is in rating.
    """
    reason, stage = checked_reason(reason, "the lead decides"), _in_rating(stage)
    if not 0 <= at_least < (most := largest_k(stage)):
        raise InvalidInput(
            f"Choose from 0 to {most - 1} ratings at least: with {most} a response is decided anyway."
        )
    return _decide(
        stage, Shortfall.Way.TO_LEAD, stage.ratings_per_response, reason, at_least=at_least, by=by, now=now
    )


@transaction.atomic
def count_fewer_of(*, response, ratings_needed, reason, by, now):
    """Have fewer ratings of one response count: it has a k of its own from now on. Returns the response, locked.

    Raises InvalidInput without a reason or for a k that is not lower, Conflict where it awaits no ratings.
    """
    reason = checked_reason(reason, "fewer ratings count")
    _in_rating(response.stage)
    response = lock_response(response.pk)
    if response.status != AWAITING:
        raise Conflict("This response awaits no ratings any more: reload to see where it stands.")
    former = response.k
    if not 1 <= ratings_needed < former:
        raise InvalidInput(f"Choose fewer ratings than {former}, and one at least.")
    with audit.Trail() as trail:
        Response.objects.filter(pk=response.pk).update(ratings_needed=ratings_needed)
        response.ratings_needed = ratings_needed
        params = {"former": former, "ratings": ratings_needed}
        trail.record("response:fewer-ratings", response, by=by, now=now, params=params, detail=reason)
        _fit(response, by=by, now=now, trail=trail)
    return response


@transaction.atomic
def settle_next(shortfall, *, now):
    """Look through the next responses of a Shortfall. Returns whether there may be more.

    Doing it twice, or at two places at once, is the same as once.
    """
    shortfall = Shortfall.objects.select_for_update(no_key=True).get(pk=shortfall.pk)
    if shortfall.settled_at is not None:
        return False
    waiting = Response.objects.filter(
        stage=shortfall.stage_id, status=AWAITING, position__gt=shortfall.reached
    )
    rows = list(waiting.order_by("position").values_list("pk", "position")[:BATCH])
    with audit.Trail() as trail:
        for pk, position in rows:
            shortfall.moved += _settle(lock_response(pk), shortfall, now=now, trail=trail)
            shortfall.reached = position
        if len(rows) < BATCH:
            shortfall.settled_at = now
            moved = {"moved": shortfall.moved}
            trail.record("shortfall:settle", shortfall, by=None, now=now, params=moved)
    shortfall.save(update_fields=["reached", "moved", "settled_at"])
    return shortfall.settled_at is None


def settle_shortfalls(*, clock, seconds=5):
    """Go on with every Shortfall that is not settled yet, for about so many seconds. Returns how many batches."""
    began, batches = clock(), 0
    for shortfall in Shortfall.objects.filter(settled_at__isnull=True):
        more = True
        while more and clock() - began < timedelta(seconds=seconds):
            more = settle_next(shortfall, now=clock())
            batches += 1
    return batches


def escalate_the_left(*, now):
    """Send to the leads what nobody is left to rate, where no admin has decided for a day. Returns how many."""
    escalated = 0
    for stage in Stage.objects.filter(status=Stage.Status.RATING).select_related("project"):
        # With as many experts as ratings, nobody who left is missed: a refusal is looked after as it is given.
        if raters_of(stage).count() < largest_k(stage) and _somebody_left(stage):
            for pk in list(_waiting_in_vain(stage, now).values_list("pk", flat=True)[:BATCH]):
                escalated += _escalate(pk, now)
    return escalated


def checked_reason(reason, why):
    """The reason that a person gave, as it is kept. Raises InvalidInput without one or for one that is too long."""
    reason, fault = asked_text(reason, f"Say in a sentence why {why}.")
    if fault:
        raise InvalidInput(fault, ["reason"])
    return reason


def _in_rating(stage):
    stage = lock_stage(stage)
    if stage.status != Stage.Status.RATING:
        raise Conflict(f"{stage} is not in rating: {stage.get_status_display().lower()}.")
    return stage


def _decide(stage, way, former, reason, *, by, now, at_least=0):
    k = stage.ratings_per_response
    shortfall = Shortfall.objects.create(
        stage=stage, way=way, former=former, ratings_per_response=k, at_least=at_least, reason=reason,
        decided_by=by, created_at=now,
    )  # fmt: skip
    params = {"way": way, "former": former, "ratings": k, "at_least": at_least}
    audit.record("stage:shortfall", stage, by=by, now=now, params=params, detail=reason)
    settle_next(shortfall, now=now)
    return shortfall


def _settle(response, shortfall, *, now, trail):
    """Do with a locked response as was decided. Returns whether it is decided by that."""
    by = shortfall.decided_by
    if shortfall.way == Shortfall.Way.FEWER:
        _fit(response, by=by, now=now, trail=trail)
    elif _given(response) >= shortfall.at_least:
        decide_response(response, by=by, now=now, trail=trail, as_it_is=True)
    return response.status != AWAITING


def _fit(response, *, by, now, trail):
    """Decide a locked response if its k ratings are there; else close the slots beyond its k."""
    decide_response(response, by=by, now=now, trail=trail)
    if response.status == AWAITING:
        keep = response.k - _given(response)
        close_slots(response, because="fewer", by=by, now=now, trail=trail, keep=keep)


def _given(response):
    return sum(slot.status == Assignment.Status.SUBMITTED for slot in response.slots)


def _somebody_left(stage):
    still = raters_of(stage).filter(user=OuterRef("expert"))
    return QueueCursor.objects.filter(~Exists(still), stage=stage).exists()


def _waiting_in_vain(stage, now):
    """The responses that have a rating, that nobody holds, and that lack more ratings than there are experts for."""
    slots = Assignment.objects.filter(response=OuterRef("pk")).order_by().values("response")
    taken_part = Involvement.objects.filter(response=OuterRef(OuterRef("pk")), user=OuterRef("user"))
    able = raters_of(stage).filter(~Exists(taken_part)).order_by()
    is_open, is_rated = Q(status=Assignment.Status.OPEN), Q(status=Assignment.Status.SUBMITTED)
    found = Response.objects.filter(stage=stage, status=AWAITING).annotate(
        rated=Subquery(slots.annotate(n=Count("pk", filter=is_rated)).values("n")),
        held=Subquery(slots.annotate(n=Count("pk", filter=Q(status=Assignment.Status.LEASED))).values("n")),
        lacking=Subquery(slots.annotate(n=Count("pk", filter=is_open)).values("n")),
        moved_at=Subquery(slots.annotate(at=Max("reopened_at")).values("at")),
        rated_at=Subquery(slots.annotate(at=Max("ratings__submitted_at")).values("at")),
        able=Coalesce(Subquery(able.values("project").annotate(n=Count("pk")).values("n")), 0),
    )
    quiet = Q(moved_at__isnull=True) | Q(moved_at__lte=now - PATIENCE)
    return found.filter(
        quiet, rated__gt=0, held=0, rated_at__lte=now - PATIENCE, able__lt=F("lacking")
    ).order_by("position")


@transaction.atomic
def _escalate(pk, now):
    response = lock_response(pk)
    if any(slot.status == Assignment.Status.LEASED for slot in response.slots):
        return False
    with audit.Trail() as trail:
        decide_response(response, by=None, now=now, trail=trail, as_it_is=True)
    return response.status != AWAITING
