"""Which of two answers to one prompt is better, how clearly, and how sure a label is. Pure: numbers in, numbers out.

All scores here are shares of their axis' range: 0 is the lowest point, 1 the highest.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

LEAST_GAP = 0.25
"""By how much two answers must differ on an axis to be told apart, unless said: one point of five."""
SURE_AT_LEAST = 0.05
"""No label weighs nothing: what the experts let pass is learned, if little."""
STEEPNESS = 4.0
"""How steeply soft-AND falls: one point of five is one unit of the logistic function."""
ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What tells two answers apart: the axis (None: all of them together), and the score of either on it."""

    axis: Hashable | None
    score: float
    other: float

    @property
    def gap(self):
        """Above 0 where the one is better, below where the other is."""
        return self.score - self.other

    def turned(self):
        return Verdict(self.axis, self.other, self.score)


def by_order(
    one: Mapping, other: Mapping, order: Sequence[Hashable], least_gap: float = LEAST_GAP
) -> Verdict | None:
    """The first axis of `order` on which both have a score and these lie at least `least_gap` apart decides.

    What comes after it is not looked at: no helpfulness makes up for less safety. None where no axis decides.
    """
    for axis in order:
        if axis not in one or axis not in other:
            continue
        verdict = Verdict(axis, one[axis], other[axis])
        if abs(verdict.gap) >= least_gap - ROUNDING:
            return verdict
    return None


def by_all(
    one: Mapping, other: Mapping, cuts: Mapping[Hashable, float], least_gap: float = LEAST_GAP
) -> Verdict | None:
    """All axes of `cuts` together decide, by soft-AND. None where one lacks a score or they lie closer."""
    if not cuts or any(axis not in scores for axis in cuts for scores in (one, other)):
        return None
    verdict = Verdict(None, soft_and(one, cuts), soft_and(other, cuts))
    return verdict if abs(verdict.gap) >= least_gap - ROUNDING else None


def soft_and(scores: Mapping, cuts: Mapping[Hashable, float]) -> float:
    """How far the scores are good on all axes at once, from 0 (the lowest on all) to 1 (the highest on all).

    The geometric mean of the logistic function of score − cut: where a mean lets the other axes make up for one that
    fails, this hardly does. `cuts`: the score from which an axis counts as good.
    """
    lowest, highest = (_joined(dict.fromkeys(cuts, end), cuts) for end in (0.0, 1.0))
    return (_joined(scores, cuts) - lowest) / (highest - lowest)


def _joined(scores, cuts):
    units = [STEEPNESS * (scores[axis] - cut) for axis, cut in cuts.items()]
    return math.exp(-sum(math.log1p(math.exp(-unit)) for unit in units) / len(units))


def confidence(consensus: Mapping[Hashable, float], ratings: Mapping[Hashable, Sequence[float]]) -> float:
    """How sure a label is, from SURE_AT_LEAST to 1, by how near the ratings lie to the consensus and how many they are.

    Per axis 1 − the root mean square of rating − consensus, times m / (m + 1) for m ratings; the mean of the axes. So
    a lead who decided against the experts leaves a label less sure than experts of one mind do.
    """
    sure = []
    for axis, value in consensus.items():
        given = ratings.get(axis, ())
        if given:
            off = math.sqrt(sum((score - value) ** 2 for score in given) / len(given))
            sure.append((1 - off) * len(given) / (len(given) + 1))
    return max(sum(sure) / len(sure), SURE_AT_LEAST) if sure else SURE_AT_LEAST
