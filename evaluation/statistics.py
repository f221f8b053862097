"""PURE. The statistics of the report. Every figure comes from scipy or statsmodels; this module chooses which,
says on what, and names the cases in which there is none.

The unit of analysis is the prompt: several candidates or ratings of one prompt are not independent, so they are
averaged within it, and bootstraps resample prompts. What is random has a seed, so a report says the same twice.

- mean with cluster bootstrap: Efron & Tibshirani, An Introduction to the Bootstrap, ch. 13 (percentile interval)
- share: Wilson, JASA 22 (1927), as statsmodels' proportion_confint(method="wilson")
- paired difference: Wilcoxon's signed ranks with Pratt's treatment of zeros (JASA 54, 1959); the effect is the
  matched-pairs rank-biserial correlation (Kerby, Comprehensive Psychology 3, 2014): (R₊ − R₋) / (R₊ + R₋)
- paired shares: McNemar's exact (binomial) test; the bootstrap of the difference
- several tests at once: Holm, Scandinavian Journal of Statistics 6 (1979)
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

CONFIDENCE = 0.95
SIGNIFICANCE = 0.05
# With five pairs the smallest two-sided p of signed ranks is 2/2⁵ = 0.0625: no result could be significant.
FEWEST_PAIRS = 6
# With 1,999 resamples chance moves a bound by about a twentieth of the standard error; thousands of prompts make do
# with fewer.
MOST_RESAMPLES, FEWEST_RESAMPLES, DRAWS = 1_999, 999, 20_000_000
BATCH_DRAWS = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval (None where one prompt or none gives no idea of it).

    `n` counts what it rests on: responses for a mean or share, prompts for a difference.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    method: str


@dataclass(frozen=True)
class Difference:
    """What changed from one stage to another over the prompts that both have.

    `value` is the mean over prompts of after − before. `p` is None where there are fewer than FEWEST_PAIRS
    prompts; `p_holm` is set by `adjust`. `effect`: matched-pairs rank-biserial correlation, −1 to 1.
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


def mean_estimate(sums, counts, *, seed):
    """The mean over all responses, Σ sums / Σ counts, with a bootstrap interval over prompts.

    `sums`, `counts`: arrays with one entry a prompt, the sum over its responses and their number (≥ 1). None
    without any prompt.
    """
    sums, counts = np.asarray(sums, dtype=float), np.asarray(counts, dtype=float)
    if len(sums) == 0:
        return None
    value = float(sums.sum() / counts.sum())
    interval = _bootstrap((sums, counts), _ratio, seed=seed)
    return Estimate(value, *interval, n=int(counts.sum()), method="cluster bootstrap over prompts")


def share_estimate(hits, counts, *, seed):
    """The share of responses that are hits. `hits`, `counts`: one entry a prompt, as in `mean_estimate`.

    Wilson's interval where each prompt has one response; else the cluster bootstrap, because Wilson would take
    candidates of one prompt for independent.
    """
    hits, counts = np.asarray(hits, dtype=float), np.asarray(counts, dtype=float)
    if len(hits) == 0:
        return None
    if counts.max() > 1:
        return mean_estimate(hits, counts, seed=seed)
    return share_of(int(hits.sum()), int(counts.sum()))


def share_of(hits, n):
    """The share of `hits` among `n` independent cases, with Wilson's interval; None for n = 0."""
    if n == 0:
        return None
    low, high = proportion_confint(hits, n, alpha=1 - CONFIDENCE, method="wilson")
    share = hits / n
    # At 0 and 1 rounding can leave the interval a last bit off the share.
    return Estimate(share, float(min(low, share)), float(max(high, share)), n=n, method="Wilson")


def paired_difference(before, after, *, seed):
    """The change of a score, over prompts. `before`, `after`: arrays of prompt means in the same order."""
    change = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    if len(change) == 0:
        return None
    return Difference(
        float(change.mean()),
        *_bootstrap((change,), np.mean, seed=seed),
        n=len(change),
        p=signed_rank_p(change),
        test="Wilcoxon signed-rank (Pratt)",
        effect=rank_biserial(change),
    )


def paired_shares(before, after, *, seed):
    """The change of a share, over prompts.

    `before`, `after`: arrays of the share of each prompt's responses that are hits. With one response a prompt
    all are 0 or 1 and McNemar's exact test applies; else the shares are compared as scores.
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    plain = paired_difference(before, after, seed=seed)
    if plain is None or not np.isin(np.concatenate([before, after]), (0.0, 1.0)).all():
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


def signed_rank_p(change):
    """p of the Wilcoxon signed-rank test (two-sided, Pratt); 1 where nothing changed, None below FEWEST_PAIRS."""
    change = _without_float_dust(change)
    if len(change) < FEWEST_PAIRS:
        return None
    if not change.any():
        return 1.0
    return float(stats.wilcoxon(change, zero_method="pratt", method="auto").pvalue)


def rank_biserial(change):
    """(R₊ − R₋) / (R₊ + R₋) over the ranks of the non-zero changes: 1 all up, −1 all down, 0 balanced."""
    change = _without_float_dust(change)
    change = change[change != 0]
    if len(change) == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(change))
    return float(np.sum(np.sign(change) * ranks) / ranks.sum())


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


def _ratio(sums, counts, axis=-1):
    return sums.sum(axis=axis) / counts.sum(axis=axis)


def _bootstrap(columns, statistic, *, seed):
    """The percentile interval (low, high) of `statistic` when prompts are resampled; (None, None) for one prompt."""
    n = len(columns[0])
    if n < 2:
        return None, None
    with warnings.catch_warnings():
        # scipy warns where all resamples agree; then the interval is that one value, which is right.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        result = stats.bootstrap(
            columns,
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=int(np.clip(DRAWS // n, FEWEST_RESAMPLES, MOST_RESAMPLES)),
            batch=max(BATCH_DRAWS // n, 1),
            confidence_level=CONFIDENCE,
            method="percentile",
            rng=np.random.default_rng(seed),
        )
    interval = result.confidence_interval
    return float(interval.low), float(interval.high)


def _without_float_dust(change):
    # Means of thirds differ in the last bit: 4⅓ − 4⅓ must be a zero and equal changes must tie.
    return np.round(np.asarray(change, dtype=float), 9)
