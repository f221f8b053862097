"""Responses come in, each with its k slots; when all are there, rating opens."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef
from django.db.models.functions import Coalesce

from annotation.models import Assignment, Prompt, QueueCursor, Response, Unanswered, WantedAnswer
from annotation.pairs import draw_pairs_of
from core import audit
from core.bulk import insert_rows
from core.errors import Conflict
from core.locks import lock_stage
from core.models import Stage
from core.transitions import transition

BATCH = 1000


@dataclass(frozen=True)
class NewResponse:
    """One answer of a model, not yet a row. `prompt` and `model_version` are rows or their primary keys.

    `sampling` (a Sampling row or key) and `seed` say how it was drawn; empty where it was imported. `ratings` is a k
    of its own; `copy_of` the response that it copies, in a comparison or calibration, `is_anchor` whether it is rated
    again to tell how the panel has moved.
    """

    prompt: Any
    text: str
    model_version: Any
    candidate: int = 0
    sampling: Any = None
    seed: int | None = None
    finish_reason: str = ""
    ratings: int | None = None
    copy_of: Any = None
    is_anchor: bool = False

    @property
    def key(self):
        return (_pk(self.prompt), self.candidate)


@transaction.atomic
def add_responses(*, stage, answers: Iterable[NewResponse], now, rounds=None):
    """Store the answers of a stage that waits for responses, each with k open slots. Returns the new rows.

    Where the stage asks for preferences alone they have none, and are PAIRED from the start.
    `rounds`: the most answers that one prompt gets, where `hand_out_positions` is to keep them apart.

    What the stage already has (same prompt and candidate) is skipped, so that a worker may send a batch again; so is
    what a turn is told of a prompt that was set aside meanwhile. Writes no audit event: the job or import that calls it
    does. Raises Conflict once rating is open.
    """
    stage = lock_stage(stage)
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict("This stage takes no more responses: rating has begun.")
    created = []
    answers = iter(answers)
    while batch := list(islice(answers, BATCH)):
        created += _add_batch(stage, batch, rounds, now)
    return created


def _add_batch(stage, answers, rounds, now):
    wanted = {answer.key: answer for answer in answers}
    for key in _existing_keys(stage, {prompt for prompt, _ in wanted}):
        wanted.pop(key, None)
    if stage.is_turn:
        aside = Prompt.objects.filter(pk__in={prompt for prompt, _ in wanted}, set_aside__isnull=False)
        aside = set(aside.values_list("pk", flat=True))
        wanted = {key: answer for key, answer in wanted.items() if key[0] not in aside}
    positions = hand_out_positions(stage, wanted, rounds)
    insert_rows(
        Response,
        (
            "copy_of",
            "is_anchor",
            "prompt",
            "model_version",
            "candidate",
            "position",
            "text",
            "sampling",
            "seed",
            "finish_reason",
            "ratings_needed",
        ),
        (
            (
                _pk(answer.copy_of),
                answer.is_anchor,
                _pk(answer.prompt),
                _pk(answer.model_version),
                answer.candidate,
                positions[key],
                answer.text,
                _pk(answer.sampling),
                answer.seed,
                answer.finish_reason,
                answer.ratings,
            )
            for key, answer in wanted.items()
        ),
        stage=stage.pk,
        stage_kind=stage.kind,
        status=Response.Status.AWAITING_RATINGS if stage.is_rated else Response.Status.PAIRED,
        created_at=now,
    )
    created = list(Response.objects.filter(stage=stage, position__in=positions.values()).order_by("pk"))
    for response in created:
        response.stage = stage
    if stage.is_rated:
        _create_slots((response, range(1, response.k + 1)) for response in created)
    return created


def hand_out_positions(stage, keys, rounds=None):
    """The place of each (prompt id, candidate) in the stage's hand-out: {key: position}.

    Drawn from the project's seed, so that neighbouring prompts, splits and models come mixed, and from nothing
    else, so that a resumed run gives every answer the same place. Two keys that draw the same place (1 in
    4,000 at a thousand responses, some 230 at a million) are told apart by taking the next free one.

    With `rounds` the answers to one prompt, candidates 0 to rounds − 1, lie at least about three quarters of all
    prompts apart: each in a round of its own, which of them in which by lot, and prompts in nearly the same order in
    every round.
    """
    drawn = {key: _draw_apart(stage, key, rounds) if rounds else _draw(stage, *key) for key in keys}
    taken = _taken(stage, set(drawn.values()))
    positions = {}
    for key, position in drawn.items():
        while position in taken:
            position = (position + 1) % QueueCursor.END
            taken |= _taken(stage, {position})
        taken.add(position)
        positions[key] = position
    return positions


def prompts_without_response(stage, model_version=None):
    """The project's prompts that the stage lacks a response to, though a turn is to answer all of them, and a
    comparison those for which an answer is wanted (of `model_version`, or of any).

    Not those that are set aside, nor those of which it is known that the model cannot answer them.
    """
    if not stage.is_turn:
        wanted = WantedAnswer.objects.filter(stage=stage, prompt=OuterRef("pk"), reason_code="")
        wanted = wanted if model_version is None else wanted.filter(model_version=model_version)
        return Prompt.objects.in_use().filter(Exists(wanted), project=stage.project_id)
    answered = Response.objects.filter(stage=stage, prompt=OuterRef("pk"))
    failed = Unanswered.objects.filter(stage=stage, prompt=OuterRef("pk"))
    return Prompt.objects.in_use().filter(~Exists(answered), ~Exists(failed), project=stage.project_id)


def rounds_of(stage):
    """The most answers that one prompt gets in a comparison, those it still waits for among them."""
    rows = (Response.objects.filter(stage=stage), WantedAnswer.objects.filter(stage=stage))
    found = [each.aggregate(last=Max("candidate"))["last"] for each in rows]
    return 1 + max((last for last in found if last is not None), default=0)


def largest_k(stage):
    """The most ratings that any response of the stage gets."""
    own = Response.objects.filter(stage=stage, ratings_needed__isnull=False)
    return max(stage.ratings_per_response, own.aggregate(most=Max("ratings_needed"))["most"] or 0)


@transaction.atomic
def open_rating(*, stage, by, now):
    """Open the stage for rating: RESPONDING → RATING. Opening it twice is the same as once.

    The policy is held fast from here on, and every response gets exactly its k slots, also where k was changed
    while responses came in; pairs are drawn where the stage lays responses side by side. Raises Conflict while a prompt
    has no response, InvalidInput where no two responses make a pair.
    """
    stage = lock_stage(stage)
    if stage.status == Stage.Status.RATING:
        return stage
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict(f"{stage} is past rating: {stage.get_status_display().lower()}.")
    missing = prompts_without_response(stage).count()
    if missing:
        raise Conflict(f"{missing} prompt(s) have no response yet: generate or import them first.")
    if not Response.objects.filter(stage=stage).exists():
        raise Conflict("There is nothing to rate yet: import prompts, then generate or import responses.")
    _fit_slots(stage)
    if stage.has_pairs:
        draw_pairs_of(stage, by=by, now=now)
    return transition(stage, Stage.Status.RATING, by=by, now=now)


def record_import(stage, count, *, by, now):
    """The audit event of responses that a person brought in."""
    audit.record("responses:import", stage, by=by, now=now, params={"responses": count})


def _existing_keys(stage, prompts):
    # Without an order, so that the database looks the prompts up instead of walking the stage in order.
    rows = Response.objects.filter(stage=stage, prompt__in=prompts).order_by()
    return set(rows.values_list("prompt_id", "candidate"))


def _draw(stage, *what):
    words = ":".join(map(str, (stage.project.seed, stage.key, *what)))
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:4]) % QueueCursor.END


def _draw_apart(stage, key, rounds):
    prompt, candidate = key
    by_lot = sorted(range(rounds), key=lambda each: _draw(stage, "round", prompt, each))
    # A quarter of the place within the round is the answer's own, so that prompts change their neighbours.
    within = (3 * _draw(stage, "prompt", prompt) + _draw(stage, *key)) / (4 * QueueCursor.END)
    return int((by_lot.index(candidate) + within) / rounds * QueueCursor.END)


def _taken(stage, positions):
    rows = Response.objects.filter(stage=stage, position__in=positions).order_by()
    return set(rows.values_list("position", flat=True))


def _create_slots(wanted):
    """Open slots: `wanted` gives (response, its slots' numbers)."""
    slots = (
        (response.pk, slot, response.stage_id, response.position)
        for response, numbers in wanted
        for slot in numbers
    )
    while batch := list(islice(slots, BATCH)):
        insert_rows(
            Assignment, ("response", "slot", "stage", "position"), batch, status=Assignment.Status.OPEN
        )


def _fit_slots(stage):
    """Give every response exactly its k slots. Slots are numbered from 1 on, so the last ones are those too many."""
    k = Coalesce("ratings_needed", stage.ratings_per_response)
    beyond = Coalesce("response__ratings_needed", stage.ratings_per_response)
    Assignment.objects.filter(stage=stage, slot__gt=beyond, status=Assignment.Status.OPEN).delete()
    without = (Response.Status.SET_ASIDE, Response.Status.PAIRED)
    responses = Response.objects.filter(stage=stage).exclude(status__in=without)
    responses = responses.annotate(wanted=k, slots=Count("assignments"))
    lacking = responses.filter(slots__lt=F("wanted")).only("pk", "stage_id", "position").order_by()
    _create_slots((response, range(response.slots + 1, response.wanted + 1)) for response in lacking)


def _pk(row):
    return getattr(row, "pk", row)
