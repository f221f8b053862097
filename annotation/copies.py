"""Comparisons and calibrations: stages whose responses are copies of responses that turns have.

A copy is a row of its own with the text, the model and how it was drawn in it, so that it is handed out, rated,
escalated, decided and labeled like any other response, and nothing that is shown of it tells that it is one.
"""

from itertools import groupby

from django.db import transaction

from annotation.models import ReferenceLabel, Response
from annotation.responses import NewResponse, add_responses, open_rating
from core import audit
from core.errors import InvalidInput
from core.models import Stage
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
):
    """Have responses of several model versions judged blind, mixed, at one time: the open stage of copies.

    `responses`: rows or keys, of the project's stages; `answers_of` finds those of model versions.
    `ratings_per_response`: k, the policy's unless given. The order of hand-out is drawn from the project's seed.
    `mode`: whether they are rated, or laid side by side in pairs, or both; with `overall` an expert makes one choice
    over all of a pair, not one on each axis. `pairs_per_prompt`: how many pairs of model versions are drawn of each
    prompt, in balance, all unless given. Raises InvalidInput unless they come from two model versions at least, and
    where no two of them answer one prompt that is to make pairs; Conflict while another comparison of the project is
    open.
    """
    originals = _originals(project, responses)
    if len({response.model_version_id for response in originals}) < 2:
        raise InvalidInput("A comparison needs responses of at least two model versions: choose more.")
    if pairs_per_prompt is not None and pairs_per_prompt < 1:
        raise InvalidInput("Choose at least one pair of each prompt, or all of them.")
    return _open(
        Stage.Kind.COMPARISON,
        project,
        originals,
        by,
        now,
        ratings_per_response=ratings_per_response,
        mode=mode,
        overall=overall,
        pairs_per_prompt=pairs_per_prompt,
    )


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
    return _open(
        Stage.Kind.CALIBRATION, project, originals, by, now, ratings_per_response=ratings_per_response
    )


def answers_of(model_versions, *, split, every_candidate=False):
    """The responses of these model versions to the prompts of a split, for `open_comparison`: a list of keys.

    Where a model version answered a prompt in several turns, those of the newest; the first candidate of each, or all.
    """
    found = (
        Response.objects.filter(
            model_version__in=model_versions, prompt__split=split, stage__kind=Stage.Kind.TURN
        )
        .order_by("model_version", "prompt", "-stage__number", "candidate")
        .values_list("model_version", "prompt", "stage", "pk")
    )
    chosen = []
    for _, rows in groupby(found, key=lambda row: row[:2]):
        rows = list(rows)
        newest = [pk for _, _, stage, pk in rows if stage == rows[0][2]]
        chosen += newest if every_candidate else newest[:1]
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


def _open(kind, project, originals, by, now, **given):
    stage = open_stage(project=project, model_version=None, kind=kind, by=by, now=now, **given)
    add_responses(stage=stage, answers=_copies(originals), now=now)
    audit.record("responses:copy", stage, by=by, now=now, params={"responses": len(originals)})
    return open_rating(stage=stage, by=by, now=now)


def _copies(originals):
    """What the stage takes in. Several models answer a prompt here, so candidates are counted over all of them."""
    counted = {}
    for original in originals:
        candidate = counted[original.prompt_id] = counted.get(original.prompt_id, -1) + 1
        yield NewResponse(
            prompt=original.prompt_id,
            text=original.text,
            model_version=original.model_version_id,
            candidate=candidate,
            sampling=original.sampling_id,
            seed=original.seed,
            finish_reason=original.finish_reason,
            copy_of=original,
        )
