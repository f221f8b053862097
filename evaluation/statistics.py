"""PURE. The statistics of the report: scipy and statsmodels compute, this module chooses what, says on what, and names
the cases in which there is none.

The unit of analysis is the prompt: several candidates of one prompt are not independent, so everything is reckoned
from sums within prompts. In which order prompts come says nothing, and changes no bit of a figure.
`benchmarks/coverage.py` simulates how often the intervals hold what they are to hold, and how often the test finds a
difference where there is none.

- mean or share: a score interval (Wilson, JASA 22, 1927, as statsmodels' proportion_confint) of the figure's place on
  its range, with the number of independent answers that its spread over prompts is worth (Korn & Graubard, Survey
  Methodology 24, 1998). A percentile bootstrap covers 83 to 92 % where means are near the ceiling
- difference of two: their intervals put together by Newcombe's method 10 (Statistics in Medicine 17, 1998), with the
  correlation over prompts
- test of a difference: the permutation of its sign in every prompt (Pitman, 1937, as scipy's permutation_test); of
  shares of single responses that is McNemar's exact test
- three stages or more at once, before any two of them: Friedman's test of ranks within prompts (JASA 32, 1937)
- several tests at once: Holm, Scandinavian Journal of Statistics 6 (1979)
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
POWER = 0.8
# With five pairs the smallest two-sided p of a permutation of signs is 2/2⁵ = 0.0625: no result could be significant.
FEWEST_PAIRS = 6
# All permutations of 14 changes are fewer; of more, as many are drawn, which leaves a p of 0.05 uncertain by 0.0015.
PERMUTATIONS = 19_999
# The sum of so many changes with random signs is normal.
MANY = 1_000
# How much of a prompt with the largest spread there could be is counted in: without it, a spread that was not seen by
# chance is taken for none.
UNSEEN = 0.5


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval (None where one prompt or none gives no idea of it). `n` counts responses."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Difference:
    """What changed from one stage to another over the prompts that both have.

    `value` is the mean over prompts of after − before, `effect` that mean in standard deviations of the change (None
    where all changed alike). `p` tests the mean; it is None where there are fewer than FEWEST_PAIRS prompts. `p_holm`
    is set by whoever knows the other tests.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    p: float | None
    test: str
    effect: float | None = None
    p_holm: float | None = None

    @property
    def significant(self):
        """Whether it holds at 5 % after Holm's correction; None where there was no test."""
        p = self.p if self.p_holm is None else self.p_holm
        return None if p is None else bool(p < SIGNIFICANCE)


def estimate(sums, counts, *, lowest=0, highest=1):
    """The mean over all responses, Σ sums / Σ counts, of a figure that lies from `lowest` to `highest`.

    `sums`, `counts`: arrays with one entry a prompt, the sum over its responses and their number (≥ 1). A share is the
    mean of hits, 0 or 1. None without any prompt.
    """
    sums, counts = _in_order(sums, counts)
    if len(sums) == 0:
        return None
    value = float(sums.sum() / counts.sum())
    return Estimate(value, *_score_interval(sums, counts, lowest, highest), n=int(counts.sum()))


def paired_difference(before, after, *, lowest, highest, seed):
    """The change of a score, over prompts. `before`, `after`: arrays of prompt means in the same order."""
    before, after = _in_order(before, after)
    if len(before) == 0:
        return None
    change = _without_float_dust(after - before)
    spread = _spread(change)
    return Difference(
        float(change.mean()),
        *interval_of_difference(before, after, lowest=lowest, highest=highest),
        n=len(change),
        p=sign_flip_p(change, seed=seed),
        test="permutation of signs",
        effect=float(change.mean() / spread) if spread else None,
    )


def interval_of_difference(before, after, *, lowest, highest):
    """(low, high), the 95 % interval of the mean over prompts of after − before; (None, None) for one prompt."""
    before, after = _in_order(before, after)
    if len(before) < 2:
        return None, None
    one_each = np.ones(len(before))
    low_before, high_before = _score_interval(before, one_each, lowest, highest)
    low_after, high_after = _score_interval(after, one_each, lowest, highest)
    together = np.corrcoef(before, after)[0, 1] if before.std() and after.std() else 0.0
    value = float((after - before).mean())

    def reach(one, other):
        return float(np.sqrt(max(one**2 - 2 * together * one * other + other**2, 0.0)))

    down = reach(after.mean() - low_after, high_before - before.mean())
    up = reach(high_after - after.mean(), before.mean() - low_before)
    return value - down, value + up


def paired_shares(before, after, *, seed):
    """The change of a share, over prompts.

    `before`, `after`: arrays of the share of each prompt's responses that are hits. With one response a prompt all are
    0 or 1, and the same test has a name and a closed form.
    """
    before, after = _in_order(before, after)
    plain = paired_difference(before, after, lowest=0, highest=1, seed=seed)
    if plain is None or not _are_hits(before, after):
        return plain
    return Difference(
        plain.value,
        plain.low,
        plain.high,
        n=plain.n,
        p=mcnemar_p(before == 1, after == 1) if plain.n >= FEWEST_PAIRS else None,
        test="McNemar exact",
        effect=plain.effect,
    )


def sign_flip_p(change, *, seed):
    """p, two-sided, of the mean change where each prompt's change could as well have had the other sign.

    Exact for up to 14 prompts that changed, drawn with the seed for more. 1 where nothing changed, None below
    FEWEST_PAIRS.
    """
    change = np.sort(_without_float_dust(change))
    if len(change) < FEWEST_PAIRS:
        return None
    change = change[change != 0]
    if len(change) < 2:
        return 1.0
    if len(change) > MANY:
        return float(2 * stats.norm.sf(abs(change.sum()) / np.sqrt((change**2).sum())))
    result = stats.permutation_test(
        (change,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        batch=2_000,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def mcnemar_p(before, after):
    """p of McNemar's exact test on two arrays of booleans, paired by place."""
    before, after = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    table = [
        [int((before & after).sum()), int((before & ~after).sum())],
        [int((~before & after).sum()), int((~before & ~after).sum())],
    ]
    return float(mcnemar(table, exact=True).pvalue)


def holm(p_values):
    """Holm-adjusted p, in the same order; None stays None and does not count as a test."""
    tested = [p for p in p_values if p is not None]
    if not tested:
        return list(p_values)
    adjusted = iter(float(p) for p in multipletests(tested, alpha=SIGNIFICANCE, method="holm")[1])
    return [None if p is None else next(adjusted) for p in p_values]


def friedman_p(columns):
    """p of Friedman's test: whether one of three columns or more ranks otherwise than the rest, prompt by prompt. None
    with fewer columns or fewer than FEWEST_PAIRS prompts, 1 where every prompt has them all alike."""
    columns = np.array([_without_float_dust(column) for column in columns])
    if len(columns) < 3 or columns.shape[1] < FEWEST_PAIRS:
        return None
    if (columns == columns[0]).all():
        return 1.0
    return float(stats.friedmanchisquare(*columns).pvalue)


def detectable(before, after, *, tests):
    """The smallest true change that is found eight times in ten among prompts whose answers change as these do.

    By the normal approximation, at the level that the hardest of `tests` tests has under Holm's correction; of shares
    of single responses with what McNemar's exact test loses because hits are whole numbers, and with at least as many
    prompts that change as such a change needs. None where nothing changed, or with fewer than FEWEST_PAIRS prompts.
    """
    before, after = _in_order(before, after)
    change = _without_float_dust(after - before)
    prompts, spread = len(change), _spread(change)
    if prompts < FEWEST_PAIRS or not spread:
        return None
    away = stats.norm.isf(SIGNIFICANCE / 2 / tests) + stats.norm.isf(1 - POWER)
    if not _are_hits(before, after):
        return float(away * spread / np.sqrt(prompts))
    changed = np.abs(change).mean()

    def lacking(share):
        return share - 1 / prompts - away * np.sqrt((max(changed, share) - share**2) / prompts)

    return float(optimize.brentq(lacking, 0, 1))


def _are_hits(before, after):
    """Whether each prompt has one response, so that its share is 0 or 1."""
    return bool(np.isin(np.concatenate([before, after]), (0.0, 1.0)).all())


def _score_interval(sums, counts, lowest, highest):
    prompts = len(sums)
    if prompts < 2:
        return None, None
    span = highest - lowest
    places = (sums - lowest * counts) / span
    n = counts.sum()
    place = min(max(places.sum() / n, 0.0), 1.0)
    worth = _worth(places, counts, place)
    # Student's t for the normal quantile, since the spread comes from the prompts themselves.
    alpha = 2 * stats.norm.sf(stats.t.isf((1 - CONFIDENCE) / 2, prompts - 1))
    low, high = proportion_confint(place * worth, worth, alpha=alpha, method="wilson")
    # At 0 and 1 rounding can leave the interval a last bit off the figure.
    return float(lowest + span * min(low, place)), float(lowest + span * max(high, place))


def _worth(places, counts, place):
    """How many independent answers of 0 or 1 the mean is worth: as many as would spread as it does over prompts."""
    prompts, n = len(counts), counts.sum()
    widest = place * (1 - place)
    if widest == 0:
        return float(prompts)
    squares = ((places - place * counts) ** 2).sum() + UNSEEN * widest * (n / prompts) ** 2
    variance = squares / (prompts - 1 + UNSEEN) * prompts / n**2
    return float(widest / variance)


def _spread(change):
    return float(change.std(ddof=1)) if len(change) > 1 else 0.0


def _in_order(one, other):
    """Two arrays over the same prompts, by what they hold."""
    one, other = _without_float_dust(one), _without_float_dust(other)
    order = np.lexsort((other, one))
    return one[order], other[order]


def _without_float_dust(values):
    # Means of thirds differ in the last bit: 4⅓ − 4⅓ must be a zero.
    return np.round(np.asarray(values, dtype=float), 12)
