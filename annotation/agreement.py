"""When experts disagree, and how much they agree. Pure: no database, no clock.

Divergence (the paper's rule, DESIGN §1): max − min of an axis over the ratings > τ, or two different answers
in an escalating label set, or an expert who asked for a senior.

Krippendorff's α is reckoned as in Content Analysis, 4th ed., ch. 12; the tests hold it to the `krippendorff` package,
which needs the memory of responses times values squared. Gwet's AC1 and AC2 are those of the Handbook of Inter-Rater
Reliability, 4th ed., ch. 2 and 3.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

# How often α is reckoned anew for its interval, and how many numbers in all it may be reckoned from.
DRAWS, MOST_DRAWN = 1_000, 5_000_000
# Below it α allows not even tentative conclusions, from there up firm ones (Krippendorff, ch. 11).
TENTATIVE, FIRM = 0.667, 0.8
SPREAD, CONFLICT, ASKED, UNJUDGEABLE = "spread", "conflict", "asked", "unjudgeable"


@dataclass(frozen=True)
class Judgement:
    """What one rating says, reduced to what decides.

    `scores` maps an axis to its score, `labels` a label set to the answer; axes, sets and answers are named by any
    hashable, in the product their primary keys.
    """

    expert: Hashable
    scores: Mapping[Hashable, int]
    labels: Mapping[Hashable, Hashable] = field(default_factory=dict)
    asks_senior: bool = False


@dataclass(frozen=True)
class Rules:
    """The part of a policy that decides: k, τ per axis, and per escalating label set the answers that abstain.

    The order of `tolerances` and `escalating` is the order in which reasons are told.
    """

    ratings_per_response: int
    tolerances: Mapping[Hashable, int]
    escalating: Mapping[Hashable, frozenset] = field(default_factory=dict)


@dataclass(frozen=True)
class Reason:
    """One reason to send a response to a lead. Only the fields of its kind are set."""

    kind: str
    axis: Hashable = None
    spread: int | None = None
    tau: int | None = None
    label_set: Hashable = None
    values: tuple = ()
    asked_by: Hashable = None
    note: str = ""


def find_divergence(judgements: Iterable[Judgement], rules: Rules) -> list[Reason]:
    """Every reason why these ratings need a lead; an empty list where the experts agree.

    The order of the ratings plays no part. Fewer ratings than k is a reason of its own (too few experts could
    judge the response). An axis or label set that somebody left out is compared over those who answered.
    """
    judgements = list(judgements)
    reasons = []
    for axis, tau in rules.tolerances.items():
        values = [judgement.scores[axis] for judgement in judgements if axis in judgement.scores]
        spread = max(values) - min(values) if values else 0
        if spread > tau:
            reasons.append(Reason(SPREAD, axis=axis, spread=spread, tau=tau))
    for label_set, abstaining in rules.escalating.items():
        answers = {judgement.labels.get(label_set) for judgement in judgements} - {None} - abstaining
        if len(answers) > 1:
            reasons.append(Reason(CONFLICT, label_set=label_set, values=tuple(sorted(answers))))
    asking = sorted({judgement.expert for judgement in judgements if judgement.asks_senior})
    reasons += [Reason(ASKED, asked_by=expert) for expert in asking]
    if len(judgements) < rules.ratings_per_response:
        reasons.append(Reason(UNJUDGEABLE))
    return reasons


def krippendorff_alpha(counts, level: str, times=None) -> float | None:
    """α from value counts: one row a response, one column a value, each cell how many experts chose it.

    `level` is "ordinal" (columns in the order of the scale) or "nominal". `times`: how many responses each row
    stands for, one unless said. Responses with fewer than two ratings carry no information on agreement and are
    left out. None where α is undefined: nothing to compare, or one value alone was ever chosen, so that no
    disagreement could be expected by chance.

    Sums over coincidences, not over responses: a matrix of values by values however many responses there are.
    """
    counts, times = _pairable(counts, times)
    used = counts.any(axis=0)
    if np.count_nonzero(used) < 2:
        return None
    counts = counts[:, used].astype(float)
    weights = times / (counts.sum(axis=1) - 1)
    coincidences = (counts.T * weights) @ counts - np.diag(weights @ counts)
    totals = coincidences.sum(axis=1)
    distances = DISTANCES[level](totals)
    observed = (coincidences * distances).sum()
    # A value with itself is at no distance, so the diagonal of what chance would give plays no part.
    expected = (np.outer(totals, totals) * distances).sum() / (totals.sum() - 1)
    return float(1 - observed / expected)


def alpha_interval(counts, level: str, times=None):
    """(low, high), the 95 % interval of `krippendorff_alpha`: a bootstrap over responses, the same for the same counts.

    (None, None) where α is undefined, or stays so in every twentieth draw.
    """
    counts, times = _pairable(counts, times)
    if krippendorff_alpha(counts, level, times) is None:
        return None, None
    draw = np.random.default_rng(0)
    responses = int(times.sum())
    found = []
    for _ in range(max(min(DRAWS, MOST_DRAWN // counts.size), 100)):
        drawn = draw.multinomial(responses, times / responses)
        found.append(krippendorff_alpha(counts[drawn > 0], level, drawn[drawn > 0]))
    defined = [alpha for alpha in found if alpha is not None]
    if len(defined) < 0.95 * len(found):
        return None, None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)


def _ordinal(totals):
    """Krippendorff's ordinal distance of two values: how many ratings lie between their middles, squared."""
    middles = np.cumsum(totals) - totals / 2
    return (middles[:, None] - middles[None, :]) ** 2


def _nominal(totals):
    return 1.0 - np.eye(len(totals))


DISTANCES = {"ordinal": _ordinal, "nominal": _nominal}


def gwet_ac(counts, level: str, times=None) -> float | None:
    """Gwet's AC2 with ordinal weights, or AC1 where `level` is "nominal"; arguments as for `krippendorff_alpha`.

    Its chance agreement does not rise with one value's share, so that it stays high where experts nearly always choose
    the same value, and is 1 where they always do. Responses with one rating count for what is chosen by chance alone.
    None where there is nothing to compare.
    """
    counts, times = _with_ratings(counts, times, 1)
    ratings = counts.sum(axis=1)
    comparable = ratings >= 2
    if not comparable.any() or (values := counts.shape[1]) < 2:
        return None
    weights = WEIGHTS[level](values)
    alike = (counts * (counts @ weights - 1)).sum(axis=1)[comparable]
    possible = (ratings * (ratings - 1))[comparable]
    observed = np.average(alike / possible, weights=times[comparable])
    chosen = np.average(counts / ratings[:, None], axis=0, weights=times)
    expected = weights.sum() * (chosen * (1 - chosen)).sum() / (values * (values - 1))
    return float((observed - expected) / (1 - expected))


def _ordinal_weights(values):
    apart = np.abs(np.subtract.outer(np.arange(values), np.arange(values))) + 1
    return 1 - apart * (apart - 1) / (values * (values - 1))


WEIGHTS = {"ordinal": _ordinal_weights, "nominal": np.eye}


def lacks_variety(alpha, ac) -> bool:
    """Whether α is low or undefined although experts agree: nearly all their answers are one value."""
    return ac is not None and ac >= FIRM and (alpha is None or alpha < TENTATIVE)


def exact_share(counts, times=None) -> float | None:
    """The share of responses with at least two ratings in which all chose the same value; None without any.

    `counts`, `times`: as for `krippendorff_alpha`.
    """
    counts, times = _pairable(counts, times)
    if len(counts) == 0:
        return None
    return float(np.average(counts.max(axis=1) == counts.sum(axis=1), weights=times))


def spread_share(counts, tau: int, times=None) -> float | None:
    """The share of responses with at least two ratings whose max − min exceeds τ; None without any.

    The columns of `counts` are the scores in order, one apart. `times`: as for `krippendorff_alpha`.
    """
    counts, times = _pairable(counts, times)
    if len(counts) == 0:
        return None
    chosen = counts > 0
    lowest = chosen.argmax(axis=1)
    highest = chosen.shape[1] - 1 - chosen[:, ::-1].argmax(axis=1)
    return float(np.average(highest - lowest > tau, weights=times))


def _pairable(counts, times):
    return _with_ratings(counts, times, 2)


def _with_ratings(counts, times, fewest):
    """The rows with at least so many ratings, and how many responses each stands for."""
    counts = np.asarray(counts)
    if counts.size == 0:
        return np.empty((0, 0), dtype=np.int64), np.empty(0, dtype=np.int64)
    times = np.ones(len(counts), dtype=np.int64) if times is None else np.asarray(times)
    kept = counts.sum(axis=1) >= fewest
    return counts[kept], times[kept]


def count_values(ratings: Iterable[Iterable[Hashable]], values) -> np.ndarray:
    """The value counts of the functions above, from the answers given to each response."""
    values = list(values)
    column = {value: index for index, value in enumerate(values)}
    rows = []
    for answers in ratings:
        row = [0] * len(values)
        for answer in answers:
            row[column[answer]] += 1
        rows.append(row)
    return np.array(rows, dtype=np.int64).reshape(len(rows), len(values))
