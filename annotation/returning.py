"""A diverging response goes back to those who rated it, with a question, or gets one more rating.

Acts on a response that the caller has locked behind its stage; that a lead may do so is the caller's to know.
"""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef

from annotation.correcting import give_as_draft
from annotation.deciding import take_back
from annotation.models import Assignment, Involvement, Rating, Response, Return
from core.errors import Conflict
from core.models import Membership
from core.transitions import transition

NOBODY = (
    "None of those who rated it is an expert of this project any more: ask for one more rating, or decide."
)
EVERYBODY = "Every expert of this project has taken part in it already: return it with a question, or decide."


def return_to_experts(response, *, question, by, now, trail):
    """Lay a response before its experts again, with a question and their former answers. Returns the Return.

    Each has CONCORD_RETURN_DAYS; then their rating stands as it was. Raises Conflict where none of them is left.
    """
    experts = set(_experts(response).values_list("user", flat=True))
    held = [
        slot
        for slot in response.slots
        if slot.status == Assignment.Status.SUBMITTED and slot.expert_id in experts
    ]
    if not held:
        raise Conflict(NOBODY)
    returned = Return.objects.create(response=response, question=question, asked_by=by, created_at=now)
    take_back(response, because="returned", by=by, now=now, trail=trail)
    given = {each.assignment_id: each for each in Rating.objects.current().filter(response=response)}
    lease_until = now + timedelta(days=settings.RETURN_DAYS)
    for slot in held:
        transition(
            slot,
            Assignment.Status.LEASED,
            by=by,
            now=now,
            trail=trail,
            leased_at=now,
            lease_until=lease_until,
        )
        give_as_draft(given[slot.pk], now=now, returned=returned)
    return returned


def want_one_more(response, *, by, now, trail):
    """Open one slot more than the response has ratings. Raises Conflict where nobody is left to fill it."""
    taken_part = Involvement.objects.filter(response=response, user=OuterRef("user"))
    if not _experts(response).filter(~Exists(taken_part)).exists():
        raise Conflict(EVERYBODY)
    given = sum(slot.status == Assignment.Status.SUBMITTED for slot in response.slots)
    response.ratings_needed = given + 1
    Response.objects.filter(pk=response.pk).update(ratings_needed=response.ratings_needed)
    if all(slot.status == Assignment.Status.SUBMITTED for slot in response.slots):
        Assignment.objects.create(
            response=response,
            slot=given + 1,
            stage=response.stage,
            position=response.position,
            reopened_at=now,
        )
    take_back(response, because="one_more", by=by, now=now, trail=trail)


def _experts(response):
    return Membership.objects.filter(
        project=response.stage.project_id, role=Membership.Role.EXPERT, user__is_active=True
    )
