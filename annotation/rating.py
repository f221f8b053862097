"""Ratings: submitted once, decided in the same transaction."""

from django.db import IntegrityError, transaction

from annotation.answers import Fault, InvalidAnswers, check_answers, load_answers, write_answers
from annotation.assignment import take_open
from annotation.deciding import decide_response, lock_response, require_changeable
from annotation.drafts import NOT_YOURS, drop_draft
from annotation.models import Assignment, Draft, Involvement, Rating, Response
from core import audit
from core.bulk import insert_rows
from core.errors import Conflict, NotAllowed
from core.guidelines import shown_version
from core.limits import LONGEST_REMARK, LONGEST_TEXT, text_fault
from core.models import Stage
from core.policies import whole
from core.texts import tidy
from core.transitions import transition

LONGEST_SECONDS = 24 * 3600
CHANGED_SINCE = (
    "This form was sent before, and saved as it was then: what you have changed since was not taken."
)
USED = "This form was already used: reload the page to see what was saved."
OUTDATED = "You have corrected this rating or taken it back since: see it under your ratings."
NOT_OPEN = (
    "This response is no longer open for rating. What you wrote is kept as a draft; go on with the next one."
)


class AlreadyRated(Conflict):
    """The expert has rated this response before. `rating` is what was stored then; what came now was not taken."""

    def __init__(self, message, rating):
        super().__init__(message)
        self.rating = rating


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
    writing=None,
):
    """Store one expert's rating and, if it is the k-th, decide the response. Returns the Rating.

    `assignment`: the slot, or its primary key; `project`: the one that it must lie in, where the caller knows.
    `guidelines`: the version that the expert had before them, the newest unless said.
    `scores` {axis key: 1…5} for every axis, `labels` {label set key: answer key} for every required set;
    `submission` (a UUID) is the form's own key: sent twice, it gives the first rating again. `seconds`: how
    long the page was in use. `writing` (drafts.Writing): who writes, where another page may have gone on with the
    draft. A lease that ended meanwhile is taken up again where a slot is still open.

    Raises InvalidAnswers naming every fault, NotAllowed for somebody who was never given the response, Conflict
    where it takes no more ratings, AlreadyRated where they have rated it, also by this very form if its answers were
    others then, DraftMoved where they have written on elsewhere. The draft stays in every case.
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
                writing,
                now,
            )
    except IntegrityError:
        # The same form for different responses; for one, its lock serializes them.
        raise Conflict(USED) from None


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
    writing,
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
    require_changeable(response)
    held = _held(response, by)
    # A stage's policy is held fast once its responses have slots that can be leased.
    policy = response.stage.policy
    if held is not None and response.status != Response.Status.AWAITING_RATINGS:
        raise Conflict(NOT_OPEN)
    before = None if held else same_submission(response, submission, by=by)
    try:
        answers, words = check_rating(policy, scores, labels, comment, revised_response, asks_senior)
    except InvalidAnswers:
        if before is None:
            raise
        raise AlreadyRated(CHANGED_SINCE, before) from None
    if before is not None:
        if is_same(before, answers, words):
            return before
        raise AlreadyRated(CHANGED_SINCE, before)
    with audit.Trail() as trail:
        slot = held or _take_up_again(response, by, now, trail)
        replaced = drop_draft(response, by, writing)
        if replaced is None or not Rating.objects.filter(pk=replaced).supersede(now=now):
            # One part in a response for everyone, held by the database: a second rating or a lead's fails here.
            part = (response.pk, by.pk, Involvement.Part.RATED, "")
            insert_rows(Involvement, ("response", "user", "part", "reason"), [part], created_at=now)
        rating = write_rating(
            slot,
            answers,
            words,
            by=by,
            guidelines=guidelines,
            submission=submission,
            seconds=seconds,
            supersedes=replaced,
            now=now,
        )
        transition(slot, Assignment.Status.SUBMITTED, by=by, now=now, trail=trail, lease_until=None)
        decide_response(response, by=by, now=now, trail=trail)
        params = replaced and {"supersedes": replaced}
        project = response.stage.project_id
        trail.record("rating:submit", rating, by=by, now=now, project=project, params=params)
    return rating


def check_rating(policy, scores, labels, comment, revised_response, asks_senior):
    """(Answers, the rest of a rating as its fields) of what was handed in. Raises InvalidAnswers naming every fault."""
    comment, revised_response = tidy(comment).strip(), tidy(revised_response)
    answers = _checked(policy, scores, labels, comment, revised_response)
    return answers, {
        "comment": comment,
        "revised_response": revised_response,
        "asks_senior": bool(asks_senior),
    }


def write_rating(slot, answers, words, *, by, guidelines, submission, seconds, supersedes, now):
    """Store what `check_rating` gave on a slot of a locked response.

    `guidelines`: the version that was shown; the newest where it is None, or one that there is not. `supersedes`: the
    key of a rating that counts no more, or None.
    """
    response = slot.response
    rating = Rating.objects.create(
        assignment=slot,
        response=response,
        expert=by,
        policy=response.stage.policy,
        guidelines=shown_version(response.stage.project_id, guidelines, newest=response.guidelines_version),
        submission=submission,
        seconds=as_kept(seconds),
        submitted_at=now,
        supersedes_id=supersedes,
        **words,
    )
    write_answers([(rating, answers)])
    return rating


def as_kept(seconds):
    """How long a page was in use, as a judgement keeps it: None where nobody measured it."""
    return None if seconds is None else min(max(int(seconds), 0), LONGEST_SECONDS)


def _held(response, by):
    """The slot of a locked response that this expert holds; None where they hold none."""
    slots = (slot for slot in response.slots if slot.expert_id == by.pk)
    return next((slot for slot in slots if slot.status == Assignment.Status.LEASED), None)


def same_submission(response, submission, *, by):
    """The rating that this very form became when it was sent before, if it was."""
    before = Rating.objects.filter(submission=submission).first()
    if before is not None and (before.response_id, before.expert_id) != (response.pk, by.pk):
        raise Conflict(USED)
    if before is not None and before.superseded_at is not None:
        raise Conflict(OUTDATED)
    return before


def is_same(rating, answers, words):
    """Whether a stored rating says what `check_rating` gave, in every word."""
    if any(getattr(rating, name) != value for name, value in words.items()):
        return False
    return load_answers(Rating, [rating.pk])[rating.pk] == answers


def _take_up_again(response, by, now, trail):
    """A slot of a locked response for an expert whose lease has ended. Raises where there is none."""
    if any(slot.expert_id == by.pk for slot in response.slots):
        rating = Rating.objects.current().get(response=response, expert=by)
        raise AlreadyRated("You have already rated this response: see it under your ratings.", rating)
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
