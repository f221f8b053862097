"""Ratings: submitted once, decided in the same transaction; and the drafts that lead to them."""

from django.db import IntegrityError, connection, transaction

from annotation.answers import Fault, InvalidAnswers, check_answers, write_answers
from annotation.assignment import renew_lease, take_open
from annotation.deciding import decide_response, lock_response
from annotation.models import Assignment, Draft, Involvement, Rating, Response
from core import audit
from core.bulk import insert_rows
from core.errors import Conflict, NotAllowed
from core.guidelines import version_of
from core.limits import LONGEST_REMARK, LONGEST_TEXT, text_fault
from core.models import Stage
from core.policies import whole
from core.texts import tidy
from core.transitions import transition

LONGEST_SECONDS = 24 * 3600
NOT_YOURS = "This response is not before you."
USED = "This form was already used: reload the page to see what was saved."
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
    project=None,
    guidelines=None,
    labels=None,
    comment="",
    revised_response="",
    asks_senior=False,
    seconds=None,
):
    """Store one expert's rating and, if it is the k-th, decide the response. Returns the Rating.

    `assignment`: the slot, or its primary key; `project`: the one that it must lie in, where the caller knows.
    `guidelines`: the version that the expert had before them, the newest unless said.
    `scores` {axis key: 1…5} for every axis, `labels` {label set key: answer key} for every required set;
    `submission` (a UUID) is the form's own key: sent twice, it gives the first rating again. `seconds`: how
    long the page was in use. A lease that ended meanwhile is taken up again where a slot is still open.

    Raises InvalidAnswers naming every fault, NotAllowed for somebody who was never given the response, Conflict
    where it takes no more ratings or they have rated it already. The draft stays in every case.
    """
    try:
        with transaction.atomic():
            return _submit(
                getattr(assignment, "pk", assignment),
                project,
                guidelines,
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
        # The same form for different responses; for one, its lock serializes them.
        raise Conflict(USED) from None


@transaction.atomic
def save_draft(*, response, by, fields, now):
    """Keep what an expert has filled in so far, as the form's fields, and renew their lease.

    Also after the lease has ended. Raises NotAllowed for somebody who was never given the response.
    """
    # The renewal waits for a submit that is under way: what that settles is no draft any more.
    held = renew_lease(response=response, expert=by, now=now)
    if not held and not Draft.objects.filter(response=response, expert=by).exists():
        raise NotAllowed(NOT_YOURS)
    draft = Draft(response=response, expert=by, fields=fields, updated_at=now)
    Draft.objects.bulk_create(
        [draft],
        update_conflicts=True,
        unique_fields=["response", "expert"],
        update_fields=["fields", "updated_at"],
    )
    return draft


def _submit(
    slot,
    project,
    guidelines,
    by,
    scores,
    labels,
    submission,
    comment,
    revised_response,
    asks_senior,
    seconds,
    now,
):
    try:
        response = lock_response(slot=slot)
    except Response.DoesNotExist:
        raise NotAllowed(NOT_YOURS) from None
    if project is not None and response.stage.project_id != project.pk:
        raise NotAllowed(NOT_YOURS)
    asked = next(each for each in response.slots if each.pk == slot)
    if asked.expert_id != by.pk and not Assignment.objects.visible_to(by).filter(pk=slot).exists():
        raise NotAllowed(NOT_YOURS)
    held = _held(response, by)
    if held is None and (before := _same_submission(response, by, submission)):
        return before
    # A stage's policy is held fast once its responses have slots that can be leased.
    policy = response.stage.policy
    if held is not None and response.status != Response.Status.AWAITING_RATINGS:
        raise Conflict(NOT_OPEN)
    comment, revised_response = tidy(comment).strip(), tidy(revised_response)
    answers = _checked(policy, scores, labels, comment, revised_response)
    with audit.Trail() as trail:
        slot = held or _take_up_again(response, by, now, trail)
        # One part in a response for everyone, held by the database: a second rating or a lead's fails here.
        part = (response.pk, by.pk, Involvement.Part.RATED, "")
        insert_rows(Involvement, ("response", "user", "part", "reason"), [part], created_at=now)
        rating = Rating.objects.create(
            assignment=slot,
            response=response,
            expert=by,
            policy=policy,
            guidelines=_guidelines(response.stage.project_id, guidelines, response.guidelines_version),
            comment=comment,
            revised_response=revised_response,
            asks_senior=asks_senior,
            submission=submission,
            seconds=None if seconds is None else min(max(int(seconds), 0), LONGEST_SECONDS),
            submitted_at=now,
        )
        write_answers([(rating, answers)])
        transition(slot, Assignment.Status.SUBMITTED, by=by, now=now, trail=trail, lease_until=None)
        _drop_draft(response, by)
        decide_response(response, by=by, now=now, trail=trail)
        trail.record("rating:submit", rating, by=by, now=now, project=response.stage.project_id)
    return rating


def _guidelines(project, shown, newest):
    """The version that was shown; the newest where none was said, or one that there is not."""
    return version_of(project, shown if shown and shown <= newest else newest)


def _drop_draft(response, by):
    # Nothing hangs on a draft: what the ORM would look for before it deletes one is not there.
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM annotation_draft WHERE response_id = %s AND expert_id = %s", [response.pk, by.pk]
        )


def _held(response, by):
    """The slot of a locked response that this expert holds; None where they hold none."""
    slots = (slot for slot in response.slots if slot.expert_id == by.pk)
    return next((slot for slot in slots if slot.status == Assignment.Status.LEASED), None)


def _same_submission(response, by, submission):
    """The rating that this very form became when it was sent before, if it was."""
    before = Rating.objects.filter(submission=submission).first()
    if before is not None and (before.response_id, before.expert_id) != (response.pk, by.pk):
        raise Conflict(USED)
    return before


def _take_up_again(response, by, now, trail):
    """A slot of a locked response for an expert whose lease has ended. Raises where there is none."""
    if any(slot.expert_id == by.pk for slot in response.slots):
        raise Conflict("You have already rated this response: see it under your ratings.")
    if not Draft.objects.filter(response=response, expert=by).exists():
        raise NotAllowed(NOT_YOURS)
    open_for_rating = response.stage.status == Stage.Status.RATING
    slot = take_open(response, expert=by, now=now, trail=trail) if open_for_rating else None
    if slot is None:
        raise Conflict(NOT_OPEN)
    return slot


def _checked(policy, scores, labels, comment, revised_response):
    """The Answers. Raises InvalidAnswers naming every fault."""
    answers, faults = check_answers(whole(policy).rubric, scores=scores, labels=labels)
    words = (
        ("comment", comment, LONGEST_REMARK),
        ("revised_response", revised_response, LONGEST_TEXT),
    )
    for part, text, longest in words:
        if what := text_fault(text, longest):
            faults.append(Fault(what, part=part))
    if faults:
        raise InvalidAnswers(faults)
    return answers
