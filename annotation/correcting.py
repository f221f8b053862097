"""An expert takes back a rating, or corrects it, until the labels of its stage are final.

Nothing is overwritten: what counted until then stays, marked by when it ceased to. What had come of the ratings is
found again from those that count now; what a lead had decided on the old ones goes before a lead again.
"""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from annotation.answer_fields import rating_fields
from annotation.answers import with_answers
from annotation.deciding import decide_response, lock_response, take_back
from annotation.drafts import drop_draft
from annotation.models import Assignment, Draft, Involvement, Rating
from annotation.rating import (
    CHANGED_SINCE,
    OUTDATED,
    USED,
    AlreadyRated,
    check_rating,
    is_same,
    same_submission,
    write_rating,
)
from core import audit
from core.errors import Conflict, NotAllowed
from core.locks import lock_stage
from core.models import Stage
from core.transitions import transition

NOT_YOURS = "This is not a rating of yours."
FINAL = "The labels of this stage are final, so its ratings stay as they are."


@transaction.atomic
def withdraw_rating(*, rating, by, now):
    """Take back a rating of one's own: it counts no more, and its slot is held by them again. Returns the slot.

    What they had answered is the draft with which they go on; what comes of it supersedes the rating. If the lease
    ends before, anybody may take the slot. Twice is the same as once. Raises NotAllowed for another's rating, Conflict
    where the labels are final or the rating was superseded meanwhile.
    """
    response, rating, slot = lock_rating(rating, by=by)
    if slot.status == Assignment.Status.LEASED and slot.expert_id == by.pk:
        return slot  # taken back in another tab, or returned by a lead
    if rating.superseded_at is not None:
        raise Conflict(OUTDATED)
    with audit.Trail() as trail:
        Rating.objects.filter(pk=rating.pk).supersede(now=now)
        Involvement.objects.filter(response=response, user=by, part=Involvement.Part.RATED).delete()
        take_back(response, because="withdrawn", by=by, now=now, trail=trail)
        lease_until = now + timedelta(minutes=settings.ASSIGNMENT_LEASE_MINUTES)
        transition(slot, Assignment.Status.LEASED, by=by, now=now, trail=trail, lease_until=lease_until)
        give_as_draft(rating, now=now)
        trail.record("rating:withdraw", rating, by=by, now=now)
    return slot


def correct_rating(
    *, rating, by, scores, submission, now, labels=None, guidelines=None, seconds=None, **words
):
    """Put a new rating in the place of one's own, which it supersedes, and decide the response anew. Returns it.

    The arguments are those of `submit_rating`. The same form twice is one correction, and answers that are the same in
    every word change nothing: the rating itself is returned. Raises InvalidAnswers naming every fault, NotAllowed for
    another's rating, AlreadyRated where the form was sent before with other answers, Conflict where the labels are
    final or the rating was superseded meanwhile.
    """
    try:
        with transaction.atomic():
            return _correct(rating, by, scores, labels or {}, guidelines, submission, seconds, now, **words)
    except IntegrityError:
        # The form's key belongs to a rating of another response.
        raise Conflict(USED) from None


def lock_rating(rating, *, by):
    """(its response, locked behind the stage; the rating; its slot). Raises where it is not `by`'s, or is final."""
    rating = Rating.objects.select_related("response__stage").get(pk=rating.pk)
    if rating.expert_id != by.pk:
        raise NotAllowed(NOT_YOURS)
    if lock_stage(rating.response.stage).status != Stage.Status.RATING:
        raise Conflict(FINAL)
    response = lock_response(rating.response_id)
    rating.refresh_from_db(fields=["superseded_at"])
    return response, rating, next(slot for slot in response.slots if slot.pk == rating.assignment_id)


def give_as_draft(rating, *, now, returned=None):
    """Lay a rating before its expert as a draft that is to replace it; what they had begun to write goes on."""
    rating = with_answers(Rating.objects.filter(pk=rating.pk)).get()
    draft, _ = Draft.objects.get_or_create(
        response=rating.response, expert=rating.expert, defaults={"updated_at": now}
    )
    draft.fields = draft.fields or rating_fields(rating)
    draft.replaces, draft.returned, draft.updated_at = rating, returned, now
    draft.save()


def _correct(
    rating,
    by,
    scores,
    labels,
    guidelines,
    submission,
    seconds,
    now,
    comment="",
    revised_response="",
    asks_senior=False,
):
    response, rating, slot = lock_rating(rating, by=by)
    before = same_submission(response, submission, by=by)
    if before is None and rating.superseded_at is not None:
        raise Conflict(OUTDATED)
    policy = response.stage.policy
    answers, words = check_rating(policy, scores, labels, comment, revised_response, asks_senior)
    if is_same(before or rating, answers, words):
        return before or rating
    if before is not None:
        raise AlreadyRated(CHANGED_SINCE, before)
    with audit.Trail() as trail:
        Rating.objects.filter(pk=rating.pk).supersede(now=now)
        drop_draft(response, by)
        corrected = write_rating(
            slot,
            answers,
            words,
            by=by,
            guidelines=guidelines,
            submission=submission,
            seconds=seconds,
            supersedes=rating.pk,
            now=now,
        )
        take_back(response, because="corrected", by=by, now=now, trail=trail)
        if slot.status == Assignment.Status.LEASED:
            # A lead had returned it: this is the answer.
            transition(slot, Assignment.Status.SUBMITTED, by=by, now=now, trail=trail, lease_until=None)
        decide_response(response, by=by, now=now, trail=trail)
        trail.record("rating:correct", corrected, by=by, now=now, params={"supersedes": rating.pk})
    return corrected
