"""PURE. How large a comparison must be: the held-out prompts that find a wanted difference with a wanted power.

The level is that of the hardest test under Holm's correction over the endpoints, so that the power holds whichever of
them the difference is in. A score is tested by its mean change over prompts (the t-test's power, which the permutation
of signs has as well), a share of single responses by McNemar's exact test, whose power is summed up over how many
prompts may change. `benchmarks/planning.py` holds both against simulated comparisons.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.power import TTestPower

from evaluation.statistics import FEWEST_PAIRS, SIGNIFICANCE

MOST_PROMPTS = 100_000
# What a change of scores spreads by, as a share of the axis' range, and how many prompts change their class, where
# nothing is known: a point on 1 to 5, and one in five.
UNKNOWN_SPREAD, UNKNOWN_CHANGED = 0.25, 0.2


@dataclass(frozen=True)
class Planned:
    """One endpoint of a comparison in planning. `kind`: score or share.

    `spread`: of a score the standard deviation of the change over prompts, of a share the share of prompts that change.
    `wanted`: the difference to be found, in points or as a share. `prompts`: how many it takes, None for more than
    MOST_PROMPTS. `power`: with the prompts there are.
    """

    name: str
    kind: str
    spread: float
    wanted: float
    prompts: int | None
    power: float


def plan(name, kind, *, spread, wanted, power, endpoints, prompts):
    """The Planned endpoint, one of `endpoints` that are tested, for a comparison that has so many `prompts`."""
    needed, found = (
        (prompts_for_score, power_of_score) if kind == "score" else (prompts_for_share, power_of_share)
    )
    return Planned(
        name,
        kind,
        spread,
        wanted,
        needed(wanted, spread=spread, power=power, endpoints=endpoints),
        found(wanted, spread=spread, prompts=prompts, endpoints=endpoints),
    )


def power_of_score(wanted, *, spread, prompts, endpoints=1):
    """How often `prompts` find a mean change of `wanted` whose standard deviation over prompts is `spread`."""
    if prompts < FEWEST_PAIRS:
        return 0.0
    if not spread:
        return 1.0
    return float(TTestPower().power(abs(wanted) / spread, prompts, SIGNIFICANCE / endpoints))


def prompts_for_score(wanted, *, spread, power, endpoints=1):
    """How many prompts find it with that power; None for more than MOST_PROMPTS."""
    return _fewest(lambda n: power_of_score(wanted, spread=spread, prompts=n, endpoints=endpoints) >= power)


def power_of_share(wanted, *, spread, prompts, endpoints=1):
    """How often `prompts` find a change of a share by `wanted`, where `spread` is the share of prompts that change.

    At least as many change as such a difference needs.
    """
    if prompts < FEWEST_PAIRS:
        return 0.0
    wanted, changing = abs(wanted), min(max(spread, abs(wanted)), 1.0)
    if not changing:
        return 0.0
    # More discordant pairs than these hardly ever occur, or fewer.
    low, high = stats.binom.ppf([1e-7, 1 - 1e-7], prompts, changing).astype(int)
    changed = np.arange(low, high + 1)
    better = (changing + wanted) / (2 * changing)
    # The largest number of hits that is still significant on the lower side, of so many that changed; −1: none.
    reach = stats.binom.ppf(SIGNIFICANCE / endpoints / 2, changed, 0.5)
    reach = reach - (stats.binom.cdf(reach, changed, 0.5) > SIGNIFICANCE / endpoints / 2)
    found = stats.binom.cdf(reach, changed, better) + stats.binom.sf(changed - reach - 1, changed, better)
    found = np.where((reach < 0) | (changed == 0), 0.0, found)
    return float((stats.binom.pmf(changed, prompts, changing) * found).sum())


def prompts_for_share(wanted, *, spread, power, endpoints=1):
    """How many prompts find it with that power; None for more than MOST_PROMPTS."""
    return _fewest(lambda n: power_of_share(wanted, spread=spread, prompts=n, endpoints=endpoints) >= power)


def _fewest(reaches):
    """The smallest number of prompts that reaches what is wanted. Power rises with it, but for small steps back."""
    high = FEWEST_PAIRS
    while not reaches(high):
        if high >= MOST_PROMPTS:
            return None
        high = min(2 * high, MOST_PROMPTS)
    low = FEWEST_PAIRS if high == FEWEST_PAIRS else high // 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle + 1, high)
    return high
