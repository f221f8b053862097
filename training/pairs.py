"""Which final labels make pairs of a better and a worse answer; never across prompts or what was said before them."""

from collections import defaultdict
from itertools import combinations

from training.judged import system_prompt
from training.models import TrainingExample
from training.preferring import by_all, by_order

Kind = TrainingExample.Kind
DECIMALS = 6
"""Weights are rounded to as many, so that the same labels give the same line on every machine."""


def pairs_of(judged, recipe, stage, cuts):
    """The pairs that Judged labels of one prompt after the other give, as TrainingExamples without set and position.

    Those between responses, where the recipe has an order of axes and one of the two is of the stage; the labels of
    earlier turns are only held against the stage's. Then the accepted revisions of the stage over their responses.
    """
    contexts = defaultdict(list)
    for each in judged:
        contexts[each.response.prompt_id, system_prompt(each.response)].append(each)
    for together in contexts.values():
        if recipe.means.has_order:
            yield from _between(together, recipe, stage, cuts)
        for each in together:
            if each.response.stage_id == stage.pk:
                yield from _corrected(each, recipe)


def _between(together, recipe, stage, cuts):
    together = sorted(together, key=lambda each: (each.response.stage.number, each.response.candidate))
    told = set()
    for one, other in combinations(together, 2):
        texts = (one.response.text, other.response.text)
        if stage.pk not in (one.response.stage_id, other.response.stage_id) or not all(texts):
            continue
        if texts[0] == texts[1] or not _comparable(one, other):
            continue
        verdict = tell_apart(one, other, recipe, cuts)
        if verdict is None:
            continue
        if verdict.gap < 0:
            one, other, verdict = other, one, verdict.turned()
        if (one.response.text, other.response.text) in told:
            continue
        told.add((one.response.text, other.response.text))
        yield _preferred(one, other, verdict)


def tell_apart(one, other, recipe, cuts):
    """The Verdict of the recipe over two Judged labels, or None. `cuts`: the share from which each axis is good."""
    if recipe.all_axes:
        return by_all(one.shares, other.shares, {key: cuts[key] for key in recipe.order}, recipe.least_gap)
    return by_order(one.shares, other.shares, recipe.order, recipe.least_gap)


def _comparable(one, other):
    """Whether the axes that both have mean the same numbers: a rubric may have changed between turns."""
    return all(one.axes[key].scale == other.axes[key].scale for key in one.axes.keys() & other.axes.keys())


def _preferred(better, worse, verdict):
    axis = verdict.axis
    scores = (verdict.score, verdict.other) if axis is None else (better.scores[axis], worse.scores[axis])
    sure = (better.confidence + worse.confidence) / 2
    return TrainingExample(
        **_common(better),
        kind=Kind.PREFERRED,
        completion=better.response.text,
        is_cut_off=better.response.is_cut_off,
        rejected=worse.response.text,
        rejected_label=worse.label,
        is_rejected_cut_off=worse.response.is_cut_off,
        axis=better.axes[axis] if axis else None,
        score=round(scores[0], DECIMALS),
        rejected_score=round(scores[1], DECIMALS),
        weight=round(verdict.gap * sure, DECIMALS),
    )


def _corrected(each, recipe):
    """An accepted revision over its response; it weighs by how far the response's worst axis lies below the best."""
    revision, response = each.label.revision, each.response
    if revision is None or not response.text or revision.text == response.text:
        return
    gap = max(1 - min(each.shares.values(), default=0.0), recipe.least_gap)
    yield TrainingExample(
        **_common(each),
        kind=Kind.CORRECTED,
        completion=revision.text,
        rejected=response.text,
        rejected_label=each.label,
        is_rejected_cut_off=response.is_cut_off,
        weight=round(gap * each.confidence, DECIMALS),
    )


def _common(each):
    prompt = each.response.prompt
    return {
        "final_label": each.label,
        "split": prompt.split,
        "prompt_text": prompt.text,
        "earlier_count": prompt.earlier_count,
        "system_prompt": system_prompt(each.response),
    }
