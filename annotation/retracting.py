"""An admin withdraws ratings: they are marked, with the reason, and where labels are not final they count no more.

Nothing vanishes. In an open stage the response awaits a rating in their place, as after a correction, and is decided
anew; the expert keeps their part in it, so that it does not come to them again. What is final stays as it is.
"""

from django.db import transaction

from annotation.deciding import decide_response, lock_response, take_back
from annotation.models import Assignment, Rating, Response, RetractedRating, Retraction
from annotation.slots import CALLED_IN, close_slots, let_go, reopen
from core import audit
from core.access import ADMIN
from core.errors import Conflict, InvalidInput, NotAllowed
from core.limits import asked_text
from core.locks import lock_project, lock_stage
from core.models import Stage

BATCH = 1_000


def retractable(project):
    """The ratings of a project that can be withdrawn: those that count and are not withdrawn yet."""
    return Rating.objects.current().filter(response__stage__project=project, retracted=None)


@transaction.atomic
def retract_ratings(*, project, ratings, reason, by, now, expert=None):
    """Withdraw ratings (keys) of a project. Returns the Retraction. `expert`: whose they all are, where that is why.

    Raises NotAllowed for whoever is no admin, InvalidInput without a reason or for nothing, Conflict where one of them
    counts no more or is withdrawn already.
    """
    lock_project(project)
    if not project.memberships.filter(user=by, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can withdraw ratings.")
    reason, fault = asked_text(reason, "Say in a sentence why these ratings are withdrawn.")
    if fault:
        raise InvalidInput(fault)
    keys = sorted(set(ratings))
    if not keys:
        raise InvalidInput("There is nothing to withdraw: choose at least one rating.")
    stages = Stage.objects.filter(project=project, status=Stage.Status.RATING).order_by("pk")
    is_open = [stage.pk for stage in map(lock_stage, stages) if stage.status == Stage.Status.RATING]
    responses = []
    for start in range(0, len(keys), BATCH):
        batch = keys[start : start + BATCH]
        found = retractable(project).filter(pk__in=batch)
        if found.count() < len(batch):
            raise Conflict(
                "Some of these ratings count no more or are withdrawn already: look at them again."
            )
        here = found.filter(response__stage__in=is_open)
        responses += here.order_by().values_list("response", "pk")
    retraction = Retraction.objects.create(
        project=project, expert=expert, reason=reason, withdrawn_by=by, created_at=now
    )
    RetractedRating.objects.bulk_create(
        (RetractedRating(retraction=retraction, rating_id=key) for key in keys), batch_size=BATCH
    )
    with audit.Trail() as trail:
        for response, withdrawn in _by_response(responses):
            _go_on_without(response, withdrawn, by=by, now=now, trail=trail)
        params = {"ratings": len(keys), "expert": expert and expert.username}
        trail.record("rating:retract", retraction, by=by, now=now, params=params, detail=reason)
    return retraction


def _by_response(pairs):
    """[(response, its ratings)] of pairs of keys, in the order in which responses are locked."""
    found = {}
    for response, rating in pairs:
        found.setdefault(response, []).append(rating)
    return sorted(found.items())


def _go_on_without(response, withdrawn, *, by, now, trail):
    """Let some ratings of an open response count no more, and decide it from those that do."""
    response = lock_response(response)
    slots = set(Rating.objects.filter(pk__in=withdrawn).values_list("assignment", flat=True))
    Rating.objects.filter(pk__in=withdrawn).supersede(now=now)
    is_aside = response.status == Response.Status.SET_ASIDE
    if not is_aside:
        take_back(response, because="retracted", by=by, now=now, trail=trail)
    for slot in response.slots:
        if slot.pk not in slots:
            continue
        if slot.status == Assignment.Status.LEASED:
            # A lead had returned the rating, and its expert is at it.
            let_go(slot, by=by, now=now, trail=trail, because=CALLED_IN)
        else:
            reopen(slot, by=by, now=now, trail=trail, because="retracted")
    if is_aside:
        close_slots(response, because="set_aside", by=by, now=now, trail=trail)
    else:
        decide_response(response, by=by, now=now, trail=trail)
