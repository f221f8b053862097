import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.discrete.conditional_models import ConditionalLogit

from evaluation.preference_statistics import position_bias, strengths, win_rate


def games(*rows):
    """(prompts, ones, others, worths) of rows (one, other, won, tied, lost), each game a prompt of its own."""
    found = [
        (one, other, worth)
        for one, other, *counts in rows
        for worth, count in zip((1.0, 0.5, 0.0), counts, strict=True)
        for _ in range(count)
    ]
    return (np.arange(len(found)), *map(np.array, zip(*found, strict=True)))


class TestWinRate:
    def test_counts_a_tie_as_half_and_takes_prompts_as_clusters(self):
        rate = win_rate([1, 1, 2, 2, 3, 3], [1, 1, 0.5, 0.5, 0, 1])
        assert (rate.value, rate.n) == (pytest.approx(4 / 6), 6)
        alone = win_rate(range(6), [1, 1, 0.5, 0.5, 0, 1])
        assert rate.high - rate.low > alone.high - alone.low

    def test_of_nothing_is_none(self):
        assert win_rate([], []) is None


class TestPositionBias:
    def test_is_the_exact_binomial_test_of_one_half(self):
        bias = position_bias(range(20), [True] * 15 + [False] * 5)
        assert bias.share.value == 0.75
        assert bias.p == pytest.approx(stats.binomtest(15, 20).pvalue)
        assert position_bias([], []) is None


class TestStrengths:
    def test_of_two_are_the_log_odds_of_the_wins(self):
        found = strengths(*games(("a", "b", 6, 2, 2)))
        assert found["a"].value - found["b"].value == pytest.approx(math.log(7 / 3))
        assert found["a"].value == pytest.approx(-found["b"].value)

    def test_of_three_are_those_that_give_the_wins_by_hand(self):
        # Odds of 3 from one to the next, and so of 9 over two: strengths log 3 apart.
        found = strengths(*games(("a", "b", 9, 0, 3), ("b", "c", 9, 0, 3), ("a", "c", 18, 0, 2)))
        assert [found[version].value for version in "abc"] == pytest.approx([math.log(3), 0, -math.log(3)])

    def test_agree_with_another_implementation(self):
        prompts, ones, others, worths = games(("a", "b", 12, 0, 7), ("b", "c", 9, 0, 8), ("c", "a", 6, 0, 13))
        # Each game as a choice between two, in which strengths are the coefficients.
        rows = [
            [float(player == version) for version in "bc"]
            for one, other in zip(ones, others, strict=True)
            for player in (one, other)
        ]
        won = [each for worth in worths for each in (worth, 1 - worth)]
        theirs = (
            ConditionalLogit(np.array(won), np.array(rows), groups=np.repeat(prompts, 2))
            .fit(disp=False)
            .params
        )
        found = strengths(prompts, ones, others, worths)
        ours = [found[version].value - found["a"].value for version in "bc"]
        assert ours == pytest.approx(list(theirs), abs=1e-4)

    def test_have_wider_intervals_where_the_same_prompts_come_again(self):
        prompts, *rest = games(("a", "b", 20, 4, 8), ("b", "c", 12, 4, 12), ("a", "c", 14, 2, 8))
        apart = strengths(prompts, *rest)
        together = strengths(prompts // 4, *rest)
        assert apart["a"].low < apart["a"].value < apart["a"].high
        assert together["a"].high - together["a"].low > apart["a"].high - apart["a"].low

    def test_are_none_where_one_never_lost_or_two_never_met(self):
        assert strengths(*games(("a", "b", 4, 0, 0), ("b", "c", 2, 0, 2))) is None
        assert strengths(*games(("a", "b", 4, 0, 1), ("c", "d", 2, 0, 2))) is None
