"""Comparisons and calibrations: stages whose responses are copies of responses that turns have.

A copy is a row of its own with the text, the model and how it was drawn in it, so that it is handed out, rated,
escalated, decided and labeled like any other response, and nothing that is shown of it tells that it is one.
"""

from collections import Counter
from itertools import groupby

from django.db import transaction

from annotation.models import ChosenRater, ReferenceLabel, Response, WantedAnswer
from annotation.responses import NewResponse, add_responses, open_rating
from core import audit
from core.errors import InvalidInput
from core.models import Membership, Stage
from core.stages import open_stage


@transaction.atomic
def open_comparison(
    *,
    project,
    responses,
    by,
    now,
    ratings_per_response=None,
    mode=Stage.Mode.RATED,
    overall=False,
    pairs_per_prompt=None,
    anchors=(),
    raters=(),
    wanted=(),
    chosen=None,
):
    """Have responses of several model versions judged blind, mixed, at one time: the open stage of copies.

    `responses`: rows or keys, of the project's stages; `answers_of` finds those of model versions. `anchors`: further
    ones that are rated again to tell how the panel has moved; those among `responses` are none.
    `wanted`: pairs of model version and prompt (rows or keys) whose answers are still to be given; the stage waits for
    them, and rating opens with the last (training/comparing.py).
    `ratings_per_response`: k, the policy's unless given. `raters`: the experts to whom it is handed out, those of the
    project unless any are given. `chosen`: how the responses were chosen, named values for the record. The order of
    hand-out is drawn from the project's seed; answers to one prompt lie far apart in it.
    `mode`: whether they are rated, or laid side by side in pairs, or both; with `overall` an expert makes one choice
    over all of a pair, not one on each axis. `pairs_per_prompt`: how many pairs of model versions are drawn of each
    prompt, in balance, all unless given. Raises InvalidInput unless the responses
    come from two model versions at least, where no two of them answer one prompt that is to make pairs, and for raters
    who are no experts here or too few; Conflict while another comparison of the project is open.
    """
    wanted = [(_pk(version), _pk(prompt)) for version, prompt in wanted]
    originals = _originals(project, responses) if responses or not wanted else []
    compared = {response.model_version_id for response in originals} | {version for version, _ in wanted}
    if len(compared) < 2:
        raise InvalidInput("A comparison needs responses of at least two model versions: choose more.")
    if pairs_per_prompt is not None and pairs_per_prompt < 1:
        raise InvalidInput("Choose at least one pair of each prompt, or all of them.")
    known = {response.pk for response in originals}
    again = [each for each in _originals(project, anchors) if each.pk not in known] if anchors else []
    k = project.policy.ratings_per_response if ratings_per_response is None else ratings_per_response
    raters = _checked_raters(project, raters, k)
    stage = open_stage(
        project=project,
        model_version=None,
        kind=Stage.Kind.COMPARISON,
        ratings_per_response=ratings_per_response,
        mode=mode,
        overall=overall,
        pairs_per_prompt=pairs_per_prompt,
        by=by,
        now=now,
    )
    ChosenRater.objects.bulk_create(ChosenRater(stage=stage, expert=rater) for rater in raters)
    counted = Counter()
    copies = list(_copies(originals, counted)) + list(_copies(again, counted, is_anchor=True))
    WantedAnswer.objects.bulk_create(
        WantedAnswer(
            stage=stage, model_version_id=version, prompt_id=prompt, candidate=_next(counted, prompt)
        )
        for version, prompt in wanted
    )
    add_responses(stage=stage, answers=copies, now=now, rounds=max(counted.values()))
    params = {"responses": len(originals), "anchors": len(again), "raters": len(raters)}
    params |= {"wanted": len(wanted)} if wanted else {}
    audit.record("responses:copy", stage, by=by, now=now, params=params | (chosen or {}))
    return stage if wanted else open_rating(stage=stage, by=by, now=now)


@transaction.atomic
def open_calibration(*, project, responses, by, now, ratings_per_response=None):
    """Have experts rate responses whose labels are known, before their ratings count: the open stage of copies.

    As `open_comparison`, of any number of model versions, but every response (of a copy the one that it copies) has a
    reference label.
    """
    originals = _originals(project, responses)
    known = ReferenceLabel.objects.filter(response__in=originals).count()
    if known < len(originals):
        raise InvalidInput(
            f"{len(originals) - known} of the responses have no reference label: give them one, or leave them out."
        )
    stage = open_stage(
        project=project,
        model_version=None,
        kind=Stage.Kind.CALIBRATION,
        ratings_per_response=ratings_per_response,
        by=by,
        now=now,
    )
    add_responses(stage=stage, answers=_copies(originals, Counter()), now=now)
    audit.record("responses:copy", stage, by=by, now=now, params={"responses": len(originals)})
    return open_rating(stage=stage, by=by, now=now)


def answers_of(model_versions, *, split, every_candidate=False):
    """The responses of these model versions to the prompts of a split, for `open_comparison`: a list of keys.

    Where a model version answered a prompt in several stages, those of the newest turn, or else of the newest
    comparison they were generated for; the first candidate of each, or all.
    """
    return [pk for pks in answers_by_prompt(model_versions, split, every_candidate).values() for pk in pks]


def answers_by_prompt(model_versions, split, every_candidate=False):
    """The same as {(model version, prompt): [response]}, all by primary key."""
    found = (
        Response.objects.filter(
            model_version__in=model_versions,
            prompt__split=split,
            prompt__set_aside=None,
            copy_of=None,
        )
        .exclude(status=Response.Status.SET_ASIDE)
        .order_by("model_version", "prompt", "-stage_kind", "-stage__number", "candidate")
        .values_list("model_version", "prompt", "stage", "pk")
    )
    chosen = {}
    for key, rows in groupby(found, key=lambda row: row[:2]):
        rows = list(rows)
        newest = [pk for _, _, stage, pk in rows if stage == rows[0][2]]
        chosen[key] = newest if every_candidate else newest[:1]
    return chosen


def _originals(project, responses):
    """The responses to copy, each once, in the order of their keys; for a copy the response that it copies."""
    keys = {getattr(response, "pk", response) for response in responses}
    found = Response.objects.select_related("stage", "copy_of").in_bulk(list(keys))
    if not found:
        raise InvalidInput("There is nothing to rate here: choose at least one response.")
    if len(found) != len(keys) or any(each.stage.project_id != project.pk for each in found.values()):
        raise InvalidInput("Choose responses of this project alone.")
    originals = {each.copy_of_id or each.pk: each.copy_of or each for each in found.values()}
    return [originals[pk] for pk in sorted(originals)]


def _checked_raters(project, raters, k):
    """The chosen raters, once each. Raises InvalidInput where they cannot give every response its k ratings."""
    chosen = {rater.pk: rater for rater in raters}
    experts = Membership.objects.experts_of(project)
    if chosen:
        known = set(experts.filter(user__in=chosen).values_list("user", flat=True))
        if strangers := [str(rater) for pk, rater in chosen.items() if pk not in known]:
            raise InvalidInput(
                f"{', '.join(strangers)} cannot rate here: choose experts of the project.", ["raters"]
            )
    able = len(chosen) or experts.count()
    if able < k:
        raise InvalidInput(
            f"Each response gets {k} ratings, and {able} can rate: choose more experts or fewer ratings.",
            ["raters"],
        )
    return list(chosen.values())


def _copies(originals, counted, is_anchor=False):
    """What the stage takes in. Several models answer a prompt here, so candidates are `counted` over all of them."""
    for original in originals:
        yield NewResponse(
            prompt=original.prompt_id,
            text=original.text,
            model_version=original.model_version_id,
            candidate=_next(counted, original.prompt_id),
            sampling=original.sampling_id,
            seed=original.seed,
            finish_reason=original.finish_reason,
            copy_of=original,
            is_anchor=is_anchor,
        )


def _next(counted, prompt):
    counted[prompt] += 1
    return counted[prompt] - 1


def _pk(row):
    return getattr(row, "pk", row)
