"""Ratings: submitted once, decided in the same transaction; and the drafts that lead to them."""

from django.db import IntegrityError, transaction

from annotation.answers import InvalidAnswers, check_answers, text_fault
from annotation.assignment import renew_lease, take_slot
from annotation.deciding import decide_response, lock_response
from annotation.models import Assignment, Draft, Involvement, Rating, RatingLabel, RatingScore, Response
from core import audit
from core.errors import Conflict, NotAllowed
from core.models import Stage
from core.texts import tidy
from core.transitions import transition

LONGEST_SECONDS = 24 * 3600
NOT_OPEN = (
    "This response is no longer open for rating. What you wrote is kept as a draft; go on with the next one."
)


def submit_rating(
    *,
    assignment,
    by,
    scores,
    submission,
    now,
    labels=None,
    comment="",
    revised_response="",
    asks_senior=False,
    seconds=None,
):
    """Store one expert's rating and, if it is the k-th, decide the response. Returns the Rating.

    `scores` {axis key: 1…5} for every axis, `labels` {label set key: answer key} for every required set;
    `submission` (a UUID) is the form's own key: sent twice, it gives the first rating again. `seconds`: how
    long the page was in use. A lease that ended meanwhile is taken up again where a slot is still open.

    Raises InvalidAnswers naming every fault, NotAllowed for somebody who was
    never given the response, Conflict where it takes no more ratings or they have rated it already. The draft
    stays in every case.
    """
    try:
        with transaction.atomic():
            return _submit(
                assignment,
                by,
                scores,
                labels or {},
                submission,
                comment,
                revised_response,
                asks_senior,
                seconds,
                now,
            )
    except IntegrityError:
        # The same form sent twice at once for different responses; one response's are serialized by its lock.
        raise Conflict(
            "This form was sent twice at the same time: reload the page to see what was saved."
        ) from None


@transaction.atomic
def save_draft(*, response, by, fields, now):
    """Keep what an expert has filled in so far, as the form's fields, and renew their lease.

    Also after the lease has ended. Raises NotAllowed for somebody who was never given the response.
    """
    held = Assignment.objects.filter(response=response, expert=by, status=Assignment.Status.LEASED).first()
    if held is None and not Draft.objects.filter(response=response, expert=by).exists():
        raise NotAllowed("This response is not before you.")
    if held is not None:
        renew_lease(held, now=now)
    draft, _ = Draft.objects.update_or_create(
        response=response, expert=by, defaults={"fields": fields, "updated_at": now}
    )
    return draft


def _submit(assignment, by, scores, labels, submission, comment, revised_response, asks_senior, seconds, now):
    response = lock_response(assignment.response_id)
    before = Rating.objects.filter(submission=submission).first()
    if before is not None:
        if before.response_id == response.pk and before.expert_id == by.pk:
            return before
        raise Conflict("This form was already used: reload the page.")
    # A stage's policy is held fast once its responses have slots that can be leased.
    policy = assignment.stage.policy
    comment, revised_response = tidy(comment).strip(), tidy(revised_response)
    scores, labels = _checked(policy, scores, labels, comment, revised_response)
    slot = _slot_of(response, by, now)
    # One part in a response for everyone, held by the database: a second rating or a lead's fails here.
    Involvement.objects.create(response=response, user=by, part=Involvement.Part.RATED, created_at=now)
    rating = Rating.objects.create(
        assignment=slot,
        response=response,
        expert=by,
        policy=policy,
        comment=comment,
        revised_response=revised_response,
        asks_senior=asks_senior,
        submission=submission,
        seconds=None if seconds is None else min(max(int(seconds), 0), LONGEST_SECONDS),
        submitted_at=now,
    )
    RatingScore.objects.bulk_create(
        RatingScore(rating=rating, axis=axis, value=v) for axis, v in scores.items()
    )
    RatingLabel.objects.bulk_create(
        RatingLabel(rating=rating, label_set=s, value=v) for s, v in labels.items()
    )
    transition(slot, Assignment.Status.SUBMITTED, by=by, now=now, only_if={"expert": by}, lease_until=None)
    Draft.objects.filter(response=response, expert=by).delete()
    decide_response(response, by=by, now=now)
    audit.record("rating:submit", rating, by=by, now=now, project=response.stage.project)
    return rating


def _slot_of(response, by, now):
    """The slot that this expert's rating goes to, leased to them. Raises where there is none."""
    mine = response.assignments.filter(expert=by).first()
    if mine is not None:
        mine.stage = response.stage
    if mine is not None and mine.status == Assignment.Status.LEASED:
        return mine
    if mine is not None:
        raise Conflict("You have already rated this response: see it under your ratings.")
    if not Draft.objects.filter(response=response, expert=by).exists():
        raise NotAllowed("This response is not before you.")
    open_for_rating = (
        response.status == Response.Status.AWAITING_RATINGS and response.stage.status == Stage.Status.RATING
    )
    slot = take_slot(response=response, expert=by, now=now) if open_for_rating else None
    if slot is None:
        raise Conflict(NOT_OPEN)
    return slot


def _checked(policy, scores, labels, comment, revised_response):
    """({axis: score}, {label set: value}). Raises InvalidAnswers naming every fault."""
    scores, labels, faults = check_answers(policy.rubric, scores=scores, labels=labels)
    for name, text in (("comment", comment), ("revised_response", revised_response)):
        if fault := text_fault(text):
            faults[name] = fault
    if faults:
        raise InvalidAnswers(faults)
    return scores, labels
