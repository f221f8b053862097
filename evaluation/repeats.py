"""What a comparison's copies tell of the panel: how alike experts rate the same text again, and how all have moved."""

from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from django.core.cache import cache
from scipy import stats

from annotation.answers import load_answers, score_rows
from annotation.models import Rating
from arbitration.models import FinalLabel
from core.models import Axis, Stage
from evaluation.per_prompt import PerPrompt, pair
from evaluation.statistics import CONFIDENCE, UNSEEN, Difference, Estimate, estimate, holm, paired_difference

KEPT_SECONDS = 24 * 3600
VERSION = 1


@dataclass(frozen=True)
class OwnRepeats:
    """How experts rated on one axis what they had rated before. `pairs`: two ratings of one text by one expert.

    `exact` and `within_one`: the share of them with the same score, and with scores at most one apart. `difference`:
    new − old, over prompts.
    """

    axis: str
    pairs: int
    exact: Estimate
    within_one: Estimate
    difference: Difference


@dataclass(frozen=True)
class Drift:
    """How the panel's final scores on one axis have moved for the same texts: new − old, over prompts.

    `since`: the stage of the old ones. `p_holm` of the difference is corrected over all axes and stages shown.
    """

    since: str
    axis: str
    difference: Difference


@dataclass(frozen=True)
class Panel:
    """What the copies of a comparison tell of those who rated: `own` repeats per axis, the `drifts`, and `sentences`
    that say which of these are larger than chance."""

    own: list[OwnRepeats]
    drifts: list[Drift]
    sentences: list[str]


def panel_of(stage):
    """The Panel of a comparison stage with final labels. They never change, and so it is reckoned once and kept."""
    key = f"evaluation.panel.{VERSION}.{stage.pk}.{stage.created_at.isoformat()}"
    found = cache.get(key)
    if found is None:
        drifts = drifts_of(stage)
        found = Panel(own_repeats(stage), drifts, told(drifts))
        cache.set(key, found, KEPT_SECONDS)
    return found


def own_repeats(stage):
    """[OwnRepeats] of the axes on which anybody rated a copy and the response it copies; on the same range alone."""
    pairs = _rated_twice(stage)
    old, new = (load_answers(Rating, [pair[place] for pair in pairs]) for place in (1, 2))
    same = {axis.pk: now.pk for axis, now in _same_axes(stage)}
    axes, scores = _axes(stage), defaultdict(list)
    for prompt, earlier, later in pairs:
        before = {same[axis]: score for axis, score in old[earlier].scores.items() if axis in same}
        for axis, score in new[later].scores.items():
            if axis in before:
                scores[axis].append((prompt, before[axis], score))
    return [_repeats(axis, scores[axis.pk], stage.project.seed) for axis in axes if scores[axis.pk]]


def drifts_of(stage):
    """[Drift] of every earlier stage and axis of which copies have a final score now and then.

    Both are what came out of the whole way, experts and leads, for that is what separate rounds are compared by; how
    the same people have moved, `own_repeats` tells. All copies count, the compared ones as well as the anchors.
    """
    same = {axis.pk: known for axis, known in _same_axes(stage)}
    rows = score_rows(FinalLabel).filter(owner__response__stage=stage, owner__response__copy_of__isnull=False)
    now = {
        (row[0], row[1]): row[2:]
        for row in rows.values_list("owner__response__copy_of", "axis", "value", "owner__response__prompt")
    }
    then = score_rows(FinalLabel).filter(owner__response__copies__stage=stage, axis__in=same)
    found = defaultdict(list)
    for response, origin, axis, value in then.values_list(
        "owner__response", "owner__response__stage", "axis", "value"
    ):
        if (new := now.get((response, same[axis].pk))) is not None:
            found[origin, same[axis].pk].append((new[1], value, new[0]))
    stages = Stage.objects.in_bulk({origin for origin, _ in found})
    drifts = [
        Drift(str(stages[origin]), axis.name, _change(axis, found[origin, axis.pk], stage.project.seed))
        for origin in sorted(stages, key=lambda pk: (stages[pk].created_at, pk))
        for axis in _axes(stage)
        if found[origin, axis.pk]
    ]
    adjusted = holm([drift.difference.p for drift in drifts])
    return [
        replace(drift, difference=replace(drift.difference, p_holm=p))
        for drift, p in zip(drifts, adjusted, strict=True)
    ]


def told(drifts):
    """A sentence for every shift that is larger than chance, or one that says that there is none."""
    shifts = [drift for drift in drifts if drift.difference.significant]
    tested = [drift for drift in drifts if drift.difference.p is not None]
    if not tested:
        return ["Too few responses were rated again to tell how the panel has moved."] if drifts else []
    if not shifts:
        return ["For the same texts the panel’s scores have not moved by more than chance explains."]
    return [_sentence(drift) for drift in shifts]


def _sentence(drift):
    change = drift.difference
    way = "higher" if change.value > 0 else "lower"
    size, low, high = (f"{value:+.2f}".replace("-", "−") for value in (change.value, change.low, change.high))
    p = f"{change.p_holm:.3f}" if change.p_holm >= 0.001 else "below 0.001"
    return (
        f"{drift.axis}: the panel now gives the same texts of {drift.since} {way} scores than then, {size} on average "
        f"({low} to {high}; p {p}). That is more than chance explains: figures of separate rounds differ by as much "
        "without any change of the model."
    )


def _axes(stage):
    return list(stage.policy.rubric.axes.all())


def _same_axes(stage):
    """[(axis, that of the stage's rubric)] of all axes of the project with the same key and range."""
    now = {(axis.key, axis.scale): axis for axis in _axes(stage)}
    every = Axis.objects.filter(rubric__policies__project=stage.project_id).distinct()
    return [(axis, now[axis.key, axis.scale]) for axis in every if (axis.key, axis.scale) in now]


def _rated_twice(stage):
    """[(prompt, the earlier rating, the later one)] of all who rated a copy after the response that it copies."""
    current = Rating.objects.current().order_by()
    then = {
        tuple(key): (rating, at)
        for rating, at, *key in current.filter(response__copies__stage=stage).values_list(
            "pk", "submitted_at", "response", "expert"
        )
    }
    again = current.filter(response__stage=stage, response__copy_of__isnull=False)
    found = []
    for rating, at, prompt, *key in again.values_list(
        "pk", "submitted_at", "response__prompt", "response__copy_of", "expert"
    ):
        earlier, before = then.get(tuple(key), (None, None))
        if earlier is not None and before < at:
            found.append((prompt, earlier, rating))
    return sorted(found)


def _repeats(axis, rows, seed):
    prompts, old, new = zip(*rows, strict=True)
    apart = [abs(one - other) for one, other in zip(old, new, strict=True)]
    exact, near = (PerPrompt.grouped(prompts, [each <= most for each in apart]) for most in (0, 1))
    return OwnRepeats(
        axis.name,
        len(rows),
        estimate(exact.sums, exact.counts),
        estimate(near.sums, near.counts),
        _change(axis, rows, seed),
    )


def _change(axis, rows, seed):
    prompts, old, new = zip(*rows, strict=True)
    before, after = pair(PerPrompt.grouped(prompts, old), PerPrompt.grouped(prompts, new))
    change = paired_difference(before, after, lowest=axis.lowest, highest=axis.highest, seed=seed)
    low, high = interval_of_change(after - before)
    return replace(change, low=low, high=high)


def interval_of_change(change):
    """(low, high), the 95 % interval of a mean change of the same texts' scores; (None, None) for one prompt.

    Student's t, with half a prompt counted in that changed by a point: nearly all stay as they were, and what few saw
    change by chance would be taken for none. An interval from those of both rounds would be several times too wide
    here, where the two go together so closely.
    """
    n = len(change)
    if n < 2:
        return None, None
    mean = float(np.mean(change))
    spread = (np.sum((change - mean) ** 2) + UNSEEN) / (n - 1 + UNSEEN)
    reach = float(stats.t.isf((1 - CONFIDENCE) / 2, n - 1) * np.sqrt(spread / n))
    return mean - reach, mean + reach
