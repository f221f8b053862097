"""How much figures of a project change from one model version to another: what a comparison is planned with."""

from dataclasses import dataclass

import numpy as np

from core.models import Stage
from evaluation import measures
from evaluation.comparing import figures_of, finished_comparisons
from evaluation.per_prompt import pair
from evaluation.planning import UNKNOWN_CHANGED, UNKNOWN_SPREAD

FEWEST = 10
"""Prompts below which what they show is too uncertain to plan with."""


@dataclass(frozen=True)
class Spread:
    """Of one endpoint, see `planning.Planned`; `is_known` is False where it is a guess."""

    name: str
    kind: str
    spread: float
    is_known: bool


def spreads_of(project):
    """([Spread] of the endpoints that need raters, what they rest on, in words).

    From the two newest model versions of the newest finished comparison, or else the two newest turns; where there is
    neither, or too few prompts, a guess.
    """
    axes = list(project.policy.rubric.axes.all())
    before, after, source = _newest_two(project)
    scores = [
        (axis.name, _pair(before[0], after[0], axis.key), UNKNOWN_SPREAD * axis.scale.width) for axis in axes
    ]
    shares = [
        (name, _pair(before[1], after[1], key), UNKNOWN_CHANGED)
        for key, name in (("misaligned", "Misaligned"), ("aligned", "Fully aligned"))
    ]
    found = [_spread(name, "score", pairs, guess) for name, pairs, guess in scores]
    found += [_spread(name, "share", pairs, guess) for name, pairs, guess in shares]
    if not any(each.is_known for each in found):
        source = "No two model versions were rated on the same held-out prompts yet, so these are guesses"
    return found, source


def _newest_two(project):
    comparisons = finished_comparisons(project)
    figures = figures_of(comparisons[-1])[-2:] if comparisons else []
    if len(figures) == 2:
        one, other = figures
        source = f"From {one.model_version} and {other.model_version} in {comparisons[-1]}"
        return (one.scores, one.shares), (other.scores, other.shares), source
    turns = list(project.stages.turns().filter(status__in=Stage.FINAL).order_by("-number")[:2])[::-1]
    if len(turns) < 2:
        return ({}, {}), ({}, {}), ""
    found = [(measures.scores_by_axis(turn), measures.alignment(turn)[0]) for turn in turns]
    return *found, f"From {turns[0]} and {turns[1]}, each rated in a round of its own"


def _pair(before, after, key):
    return pair(before[key], after[key]) if key in before and key in after else None


def _spread(name, kind, pairs, guess):
    if pairs is None or len(pairs[0]) < FEWEST:
        return Spread(name, kind, guess, False)
    change = pairs[1] - pairs[0]
    value = float(np.std(change, ddof=1) if kind == "score" else np.mean(np.abs(change)))
    # Where nothing changed among a few prompts, something will among others.
    return Spread(name, kind, value or guess, bool(value))
