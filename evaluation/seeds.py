"""PURE. The change from one method to another where either was trained with several seeds.

A run's seed moves all of its answers together, so what differs between seeds counts beside what differs between
prompts: seeds and prompts are both drawn anew, each with replacement (a two-way bootstrap; Owen, Annals of Applied
Statistics 1, 2007). Few seeds show less spread than there is: their means are drawn apart by √(S / (S − 1)), and the
spread of the draws is taken times Student's t with Satterthwaite's degrees of freedom. `benchmarks/coverage.py`
simulates how often that holds.
"""

from dataclasses import replace

import numpy as np
from scipy import stats

from evaluation.statistics import CONFIDENCE, paired_difference

DRAWS = 2_000
AT_ONCE = 100
FEWEST_SEEDS = 3
"""Fewer never tell a method from the run that it happened to be."""


def difference_over_seeds(before, after, *, lowest, highest, seed):
    """The Difference between two methods. `before`, `after`: arrays of prompt means, one row a training seed, with the
    prompts in the same order; None without a prompt."""
    before, after = _in_order(before, after)
    known = paired_difference(
        before.mean(axis=0), after.mean(axis=0), lowest=lowest, highest=highest, seed=seed
    )
    if known is None or known.p is None:
        return known
    spread = _spread(before, after, np.random.default_rng(seed))
    if spread == 0:
        return known
    freedom = _freedom(before, after)
    reach = float(stats.t.isf((1 - CONFIDENCE) / 2, freedom) * spread)
    # Never surer than for the very runs that there are.
    return replace(
        known,
        low=max(min(known.low, known.value - reach), lowest - highest),
        high=min(max(known.high, known.value + reach), highest - lowest),
        p=max(known.p, float(2 * stats.t.sf(abs(known.value) / spread, freedom))),
        test="seeds and prompts drawn anew",
    )


def _spread(before, after, draw):
    """The standard deviation of the mean change where seeds and prompts are drawn anew."""
    before, after = _apart(before), _apart(after)
    prompts = before.shape[1]
    found = []
    for _ in range(DRAWS // AT_ONCE):
        weights = draw.multinomial(prompts, [1 / prompts] * prompts, size=AT_ONCE) / prompts
        new = (_drawn(after, draw) * weights).sum(axis=1)
        found.append(new - (_drawn(before, draw) * weights).sum(axis=1))
    return float(np.concatenate(found).std())


def _drawn(rows, draw):
    seeds = len(rows)
    return draw.multinomial(seeds, [1 / seeds] * seeds, size=AT_ONCE) @ rows / seeds


def _apart(rows):
    seeds = len(rows)
    if seeds == 1:
        return rows
    own = rows.mean(axis=1, keepdims=True) - rows.mean()
    return rows + own * (np.sqrt(seeds / (seeds - 1)) - 1)


def _freedom(before, after):
    """Satterthwaite's degrees of freedom of the variance that seeds and prompts give together."""
    change = after.mean(axis=0) - before.mean(axis=0)
    parts = [(change.var(ddof=1) / len(change), len(change) - 1)]
    parts += [
        (rows.mean(axis=1).var(ddof=1) / len(rows), len(rows) - 1)
        for rows in (before, after)
        if len(rows) > 1
    ]
    return sum(part for part, _ in parts) ** 2 / sum(part**2 / free for part, free in parts)


def _in_order(before, after):
    """Seeds and prompts by what they hold: in which order they come says nothing."""
    before, after = (np.round(np.asarray(rows, dtype=float), 12) for rows in (before, after))
    before, after = (rows[np.argsort(rows.mean(axis=1), kind="stable")] for rows in (before, after))
    order = np.lexsort([*before, *after])
    return before[:, order], after[:, order]
