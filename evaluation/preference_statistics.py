"""PURE. The statistics of preferences: scipy and statsmodels compute, this module chooses what.

A preference is worth 1 to the version that it prefers, ½ to each where neither is better. Prompts are the clusters,
as everywhere (statistics.py).

- win rate: the mean worth over all preferences, with the score interval of statistics.py
- position bias: the share that stood left among what was preferred. Which response stands left is drawn for each
  preference by itself, so that without any bias it is left as often as a coin shows heads: the exact binomial test
- strength: Bradley & Terry, Biometrika 39 (1952), as a binomial regression without an intercept (statsmodels), ties as
  half a win of each; its covariance holds for preferences that depend on each other within a prompt
"""

from dataclasses import dataclass

import numpy as np
import statsmodels.api as sm
from scipy import sparse, stats
from scipy.sparse.csgraph import connected_components

from evaluation.statistics import CONFIDENCE, Estimate, estimate


@dataclass(frozen=True)
class PositionBias:
    """The share of left ones among what was preferred, and p, two-sided, of its being one half."""

    share: Estimate
    p: float


@dataclass(frozen=True)
class Strength:
    """What a version has of strength: the log odds of winning against one that is average, with its 95 % interval."""

    value: float
    low: float
    high: float


def win_rate(prompts, worths):
    """The Estimate of the mean worth. `prompts`, `worths`: arrays, one entry a preference. None without any."""
    sums, counts = _by_prompt(prompts, worths)
    return estimate(sums, counts)


def position_bias(prompts, is_left):
    """The PositionBias of preferences that prefer one side. `is_left`: whether it is the left. None without any."""
    is_left = np.asarray(is_left, dtype=float)
    if len(is_left) == 0:
        return None
    p = stats.binomtest(int(is_left.sum()), len(is_left), 0.5).pvalue
    return PositionBias(estimate(*_by_prompt(prompts, is_left)), float(p))


def strengths(prompts, ones, others, worths):
    """{version: Strength}, by Bradley and Terry. The strengths of all versions add up to 0.

    Arrays, one entry a preference: its prompt, its two versions, and its worth to the one. None where the model gives
    no finite strengths: where one or several versions never lost to the others, or were never compared with them.
    """
    versions = sorted({*ones, *others})
    if len(versions) < 2 or not _is_connected(versions, ones, others, worths):
        return None
    place = {version: number for number, version in enumerate(versions)}
    cells = {}
    for prompt, one, other, worth in zip(prompts, ones, others, worths, strict=True):
        if place[one] > place[other]:
            one, other, worth = other, one, 1 - worth
        cell = cells.setdefault((prompt, place[one], place[other]), [0.0, 0.0])
        cell[0] += worth
        cell[1] += 1 - worth
    rows = sorted(cells)
    design = np.zeros((len(rows), len(versions)))
    for number, (_, one, other) in enumerate(rows):
        design[number, [one, other]] = 1, -1
    clusters = np.unique([prompt for prompt, *_ in rows], return_inverse=True)[1]
    model = sm.GLM(np.array([cells[row] for row in rows]), design[:, 1:], family=sm.families.Binomial())
    clustered = {"groups": clusters, "use_correction": True}
    many = clusters.max() > 0
    fit = model.fit(**({"cov_type": "cluster", "cov_kwds": clustered} if many else {}))
    # The first version is 0 in the regression; from there to the mean of all.
    centring = np.eye(len(versions)) - 1 / len(versions)
    values = centring @ np.concatenate([[0.0], fit.params])
    covariance = np.zeros((len(versions), len(versions)))
    covariance[1:, 1:] = fit.cov_params()
    errors = np.sqrt(np.maximum(np.diag(centring @ covariance @ centring.T), 0))
    reach = stats.norm.isf((1 - CONFIDENCE) / 2) * errors
    return {
        version: Strength(
            float(values[number]), *map(float, values[number] + reach[number] * np.array([-1, 1]))
        )
        for number, version in enumerate(versions)
    }


def _is_connected(versions, ones, others, worths):
    """Whether a chain of preferences leads from every version to every other (Ford, Amer. Math. Monthly 64, 1957)."""
    place = {version: number for number, version in enumerate(versions)}
    beats = np.zeros((len(versions), len(versions)))
    for one, other, worth in zip(ones, others, worths, strict=True):
        beats[place[one], place[other]] += worth
        beats[place[other], place[one]] += 1 - worth
    return connected_components(sparse.csr_array(beats), connection="strong")[0] == 1


def _by_prompt(prompts, values):
    """(sums, counts) within prompts."""
    values = np.asarray(values, dtype=float)
    _, cluster = np.unique(np.asarray(prompts), return_inverse=True)
    return np.bincount(cluster, weights=values), np.bincount(cluster)
