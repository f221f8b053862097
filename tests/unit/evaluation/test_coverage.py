"""Whether 95 % intervals hold the truth about as often, where simple ones do not; benchmarks/coverage.py asks more."""

import numpy as np
import pytest

from evaluation.statistics import estimate, interval_of_difference

pytestmark = [pytest.mark.deep, pytest.mark.once]
ROUNDS = 2_000
LOW, HIGH = 0.93, 0.985


@pytest.fixture
def draw():
    return np.random.default_rng(11)


def covered(intervals, truth):
    return np.mean([low <= truth <= high for low, high in intervals])


@pytest.mark.parametrize("prompts", [20, 30, 100])
def test_of_means_near_the_ceiling(prompts, draw):
    chances = [0.0, 0.01, 0.02, 0.05, 0.92]
    scores = draw.choice([1, 2, 3, 4, 5], p=chances, size=(ROUNDS, prompts, 3)).mean(axis=2)
    found = [estimate(each, np.ones(prompts), lowest=1, highest=5) for each in scores]
    truth = sum(score * chance for score, chance in zip(range(1, 6), chances, strict=True))
    assert LOW <= covered([(each.low, each.high) for each in found], truth) <= HIGH


@pytest.mark.parametrize("share", [0.02, 0.12, 0.98])
@pytest.mark.parametrize("prompts", [30, 100])
def test_of_shares_over_candidates_that_come_together(prompts, share, draw):
    chance = draw.beta(share, 1 - share, (ROUNDS, prompts))  # correlated by ½ within a prompt
    hits = draw.binomial(2, chance)
    found = [estimate(each, np.full(prompts, 2)) for each in hits]
    assert LOW <= covered([(each.low, each.high) for each in found], share) <= HIGH


def test_of_differences(draw):
    before, after = (draw.random((ROUNDS, 100)) < share for share in (0.27, 0.12))
    found = [
        interval_of_difference(*pair, lowest=0, highest=1)
        for pair in zip(1.0 * before, 1.0 * after, strict=True)
    ]
    assert LOW <= covered(found, -0.15) <= HIGH
