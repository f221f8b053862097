"""PURE. How far each two raters of a stage agree with one another, and who gave the very same answers.

The figure of a pair is the mean over the axes of Gwet's AC2 with ordinal weights, and not a weighted κ: where both
nearly always choose the same value κ falls to 0 however well they agree, and is undefined where they always do.
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from annotation.agreement import TENTATIVE, gwet_ac

FEWEST_SHARED = 10
"""Responses that two have both rated, from which on their agreement is told."""
FEWEST_IDENTICAL = 20
UNLIKELY = 0.001
NOTHING_GIVEN = -1


@dataclass(frozen=True)
class Pair:
    """Two raters. `shared`: the responses that both rated; `same`: those of them to which they gave the very same
    scores and labels; `agreement`: the mean AC2 over the axes, None where no axis has one."""

    one: Hashable
    other: Hashable
    shared: int
    same: int
    agreement: float | None

    @property
    def is_weak(self):
        return self.agreement is not None and self.agreement < TENTATIVE


@dataclass(frozen=True)
class RaterPairs:
    """`pairs` with FEWEST_SHARED responses and more; `identical` are those of them whose answers are the same on every
    response, on so many that chance would hardly make them so."""

    pairs: tuple[Pair, ...] = ()
    identical: tuple[Pair, ...] = ()

    @property
    def raters(self):
        """Those in any pair, in order."""
        return sorted({rater for pair in self.pairs for rater in (pair.one, pair.other)})


def pair_raters(raters, responses, answers, axes):
    """The RaterPairs of ratings, given as three tables with one row a rating.

    `raters`, `responses`: who rated what. `answers`: one column a question, the value given, or NOTHING_GIVEN. `axes`:
    of the first columns the scores that each axis has, in order; columns beyond them are labels.
    """
    together = _rated_by_both(raters, responses)
    found, chances = [], []
    for (one, other), rows in sorted(together.items()):
        if len(rows) < FEWEST_SHARED:
            continue
        left, right = (answers[list(places)] for places in zip(*rows, strict=True))
        found.append(
            Pair(
                one,
                other,
                shared=len(rows),
                same=int((left == right).all(axis=1).sum()),
                agreement=_agreement(left, right, axes),
            )
        )
        chances.append(_chance(left, right))
    return RaterPairs(tuple(found), tuple(_identical(found, chances)))


def _rated_by_both(raters, responses):
    """{(one, other): [(row of the one, row of the other)]}."""
    by_response = {}
    for row, (rater, response) in enumerate(zip(raters, responses, strict=True)):
        by_response.setdefault(response, []).append((rater, row))
    together = {}
    for rated in by_response.values():
        for (one, left), (other, right) in combinations(sorted(rated), 2):
            together.setdefault((one, other), []).append((left, right))
    return together


def _agreement(left, right, axes):
    found = []
    for column, points in enumerate(axes):
        both = (left[:, column] != NOTHING_GIVEN) & (right[:, column] != NOTHING_GIVEN)
        rows = np.arange(both.sum())
        counts = np.zeros((len(rows), len(points)), dtype=np.int64)
        for given in (left, right):
            # Points are consecutive whole numbers.
            np.add.at(counts, (rows, given[both, column] - points[0]), 1)
        if (ac := gwet_ac(counts, "ordinal")) is not None:
            found.append(ac)
    return float(np.mean(found)) if found else None


def _chance(left, right):
    """How often the two would give the very same answers if each gave theirs without looking at the response."""
    one, other = (Counter(map(tuple, given.tolist())) for given in (left, right))
    return sum(times * other[answers] for answers, times in one.items()) / len(left) ** 2


def _identical(pairs, chances):
    """A pair is told where neither chance nor what is usual among the others explains that all is the same."""
    others = [pair for pair in pairs if pair.same < pair.shared]
    usual = sum(pair.same for pair in others) / max(sum(pair.shared for pair in others), 1)
    for pair, chance in zip(pairs, chances, strict=True):
        if pair.same == pair.shared >= FEWEST_IDENTICAL:
            expected = max(chance, usual) ** pair.shared * len(pairs)
            if expected < UNLIKELY:
                yield pair
