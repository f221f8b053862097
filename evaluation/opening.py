"""Choosing a comparison: which model versions, prompts, experts and anchors; what it will cost; and opening it so."""

import hashlib
import math
from dataclasses import dataclass, field

from django.db import transaction

from annotation.copies import answers_by_prompt, open_comparison
from annotation.models import Prompt, Response
from annotation.progress import seconds_each
from core.errors import InvalidInput
from core.models import Membership, Stage
from evaluation.pace import hours
from training.comparing import launch_wanted

HELD_OUT = Prompt.Split.HELD_OUT


@dataclass(frozen=True)
class Choice:
    """What an admin chooses of a comparison.

    `number`: so many of the held-out prompts, drawn by `seed`; None: all. `tag`: those filed under it alone, "": any.
    `generate`: have the responses that a model version lacks generated first, where it has weights. `raters`: users,
    none for all experts of the project. `anchors`: so many responses of `anchor_stage`, drawn by seed. `mode` and
    `overall` are the stage's.
    """

    model_versions: list
    ratings: int
    seed: int = 0
    number: int | None = None
    tag: str = ""
    raters: list = field(default_factory=list)
    anchors: int = 0
    anchor_stage: Stage | None = None
    generate: bool = False
    mode: str = Stage.Mode.RATED
    overall: bool = False


@dataclass(frozen=True)
class Preview:
    """What a Choice comes to.

    So many `prompts` have a response of every model version, or get one; `left_out`: those that have not; `lacking`:
    [(model version, how many of the chosen prompts it has not answered)]. `responses` and `anchors` (primary keys) are
    rated, and what is `wanted`, (model version, prompt) by primary key, is generated before. `ratings` are all that
    experts do: ratings, and preferences between pairs.
    `hours` is None where the pace of no expert is known.
    """

    prompts: int
    left_out: int
    lacking: list
    responses: list
    anchors: list
    wanted: list
    ratings: int
    hours: float | None


def preview(project, choice):
    """The Preview of a Choice."""
    asked = chosen_prompts(project, choice)
    answers = answers_by_prompt(choice.model_versions, HELD_OUT)
    lacking = {
        version: [prompt for prompt in asked if (version.pk, prompt) not in answers]
        for version in choice.model_versions
    }
    out = {
        prompt
        for version, missing in lacking.items()
        if not (choice.generate and version.location)
        for prompt in missing
    }
    compared = [prompt for prompt in asked if prompt not in out]
    pairs = [(version.pk, prompt) for prompt in compared for version in choice.model_versions]
    responses = [pk for pair in pairs for pk in answers.get(pair, ())]
    wanted = [pair for pair in pairs if pair not in answers]
    anchors = _anchors(choice, set(responses))
    rated = len(responses) + len(wanted) + len(anchors) if choice.mode != Stage.Mode.PREFERRED else 0
    laid = len(compared) * math.comb(len(choice.model_versions), 2) if choice.mode != Stage.Mode.RATED else 0
    ratings = (rated + laid) * choice.ratings
    return Preview(
        prompts=len(compared),
        left_out=len(out),
        lacking=[(version, len(missing)) for version, missing in lacking.items() if missing],
        responses=responses,
        anchors=anchors,
        wanted=wanted,
        ratings=ratings,
        hours=hours(ratings, seconds_each(choice.raters or raters_of_project(project))),
    )


@transaction.atomic
def open_chosen(*, project, choice, by, now):
    """Open the comparison that was chosen, or have the answers that it lacks generated first. Returns its stage.

    Raises InvalidInput where no prompt has a response of every model version, and what `open_comparison` raises.
    """
    if len(choice.model_versions) < 2:
        raise InvalidInput(
            "Choose at least two model versions: one alone compares with nothing.", ["model_versions"]
        )
    found = preview(project, choice)
    if not found.prompts:
        raise InvalidInput(
            "No held-out prompt that you chose has a response of every model version: choose other versions or prompts."
        )
    stage = open_comparison(
        project=project,
        responses=found.responses,
        anchors=found.anchors,
        wanted=found.wanted,
        raters=choice.raters,
        ratings_per_response=choice.ratings,
        mode=choice.mode,
        overall=choice.overall,
        chosen={"seed": choice.seed, "tag": choice.tag, "prompts": found.prompts},
        by=by,
        now=now,
    )
    if found.wanted:
        launch_wanted(stage=stage, by=by, now=now)
    return stage


def chosen_prompts(project, choice):
    """The held-out prompts that a Choice asks for, by primary key, in the order in which they were drawn."""
    prompts = Prompt.objects.in_use().filter(project=project, split=HELD_OUT)
    if choice.tag:
        prompts = prompts.filter(tags__name=choice.tag)
    return _draw(prompts.order_by().values_list("pk", flat=True), choice.seed, choice.number)


def raters_of_project(project):
    """Whoever can rate in the project, by name: users."""
    experts = Membership.objects.experts_of(project).select_related("user").order_by("user__username")
    return [membership.user for membership in experts]


def _anchors(choice, compared):
    if not choice.anchors or choice.anchor_stage is None:
        return []
    found = Response.objects.filter(stage=choice.anchor_stage, status=Response.Status.LABELED).order_by()
    originals = {original or pk for pk, original in found.values_list("pk", "copy_of")}
    return _draw(originals - compared, choice.seed, choice.anchors)


def _draw(keys, seed, number):
    """`number` of the keys (None: all) by lot; the same seed draws the same, and more of them adds to fewer."""

    def lot(key):
        return hashlib.sha256(f"{seed}:{key}".encode()).digest()

    return sorted(keys, key=lot)[:number]
