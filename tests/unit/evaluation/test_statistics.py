from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from evaluation.statistics import (
    FEWEST_PAIRS,
    holm,
    mcnemar_p,
    mean_estimate,
    paired_difference,
    paired_shares,
    rank_biserial,
    share_estimate,
    share_of,
    signed_rank_p,
)

GENERATOR = np.random.default_rng(20)
BEFORE = GENERATOR.integers(1, 6, 40).astype(float)
AFTER = np.clip(BEFORE + GENERATOR.integers(-1, 3, 40), 1, 5)
ONES = np.ones(40)


class TestMeanEstimate:
    def test_weighs_every_response_alike(self):
        estimate = mean_estimate([10, 3], [2, 1], seed=0)
        assert (estimate.value, estimate.n) == (13 / 3, 3)

    def test_agrees_with_scipys_bootstrap_of_the_prompt_means(self):
        ours = mean_estimate(BEFORE, ONES, seed=3)
        theirs = stats.bootstrap(
            (BEFORE,), np.mean, n_resamples=1999, method="percentile", rng=np.random.default_rng(3)
        ).confidence_interval
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)

    def test_resamples_prompts_not_responses(self):
        """Five equal candidates of each prompt add no knowledge."""
        single = mean_estimate(BEFORE, ONES, seed=3)
        fivefold = mean_estimate(5 * BEFORE, 5 * ONES, seed=3)
        assert (fivefold.low, fivefold.high) == pytest.approx((single.low, single.high))

    def test_says_the_same_twice(self):
        assert mean_estimate(BEFORE, ONES, seed=9) == mean_estimate(BEFORE, ONES, seed=9)

    def test_has_no_interval_for_one_prompt_and_nothing_for_none(self):
        assert (mean_estimate([4], [1], seed=0).low, mean_estimate([], [], seed=0)) == (None, None)

    def test_is_a_point_where_all_prompts_agree(self):
        estimate = mean_estimate([5] * 8, [1] * 8, seed=0)
        assert (estimate.low, estimate.value, estimate.high) == (5, 5, 5)

    def test_stays_quick_and_close_for_thousands_of_prompts(self):
        many = np.random.default_rng(1).integers(1, 6, 30_000).astype(float)
        estimate = mean_estimate(many, np.ones(30_000), seed=0)
        normal = 1.96 * many.std() / 30_000**0.5
        assert estimate.high - estimate.value == pytest.approx(normal, rel=0.15)


class TestShareEstimate:
    def test_is_wilsons_as_statsmodels_computes_it(self):
        estimate = share_of(27, 100)
        assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(27, 100, method="wilson"))
        assert (estimate.value, estimate.method) == (0.27, "Wilson")

    @pytest.mark.parametrize("hits", [0, 50])
    def test_stays_within_0_and_1(self, hits):
        estimate = share_of(hits, 50)
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1

    def test_does_not_take_candidates_of_a_prompt_for_independent(self):
        hits = np.array([1.0, 0.0] * 10)
        single, fivefold = (
            share_estimate(hits, np.ones(20), seed=0),
            share_estimate(5 * hits, 5 * np.ones(20), seed=0),
        )
        wilson_of_100 = share_of(50, 100)
        assert fivefold.n == 100
        assert fivefold.high - fivefold.low > wilson_of_100.high - wilson_of_100.low
        assert single.method != fivefold.method

    def test_is_nothing_of_nothing(self):
        assert share_of(0, 0) is None
        assert share_estimate([], [], seed=0) is None


class TestSignedRankP:
    def test_agrees_with_scipy(self):
        expected = stats.wilcoxon(AFTER, BEFORE, zero_method="pratt").pvalue
        assert signed_rank_p(AFTER - BEFORE) == pytest.approx(expected, abs=1e-12)

    def test_is_exact_by_hand_for_six_pairs_that_all_rose(self):
        assert signed_rank_p([1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 2**6)

    def test_is_1_where_nothing_changed(self):
        assert signed_rank_p(np.zeros(10)) == 1.0

    def test_is_not_computed_below_six_pairs(self):
        assert signed_rank_p([1.0] * (FEWEST_PAIRS - 1)) is None

    def test_is_not_misled_by_the_last_bit_of_means_of_thirds(self):
        thirds = np.array([(4 + 4 + 5) / 3 - 13 / 3, 0.1 + 0.2 - 0.3, *np.zeros(8)])
        assert signed_rank_p(thirds) == 1.0

    def test_keeps_its_level_under_no_change(self):
        """About 5 % of comparisons of nothing with nothing may be significant."""
        generator = np.random.default_rng(5)
        drawn = [
            signed_rank_p(generator.integers(1, 6, 30) - generator.integers(1, 6, 30)) for _ in range(400)
        ]
        assert 0.02 <= np.mean(np.array(drawn) < 0.05) <= 0.085


class TestRankBiserial:
    def test_follows_from_scipys_statistic(self):
        change = AFTER - BEFORE
        change = change[change != 0]
        smaller = stats.wilcoxon(change, zero_method="wilcox").statistic
        total = len(change) * (len(change) + 1) / 2
        assert abs(rank_biserial(AFTER - BEFORE)) == pytest.approx(1 - 2 * smaller / total)

    def test_is_1_where_all_rose_minus_1_where_all_fell_and_0_where_none_changed(self):
        assert [rank_biserial(change) for change in ([1, 2], [-1, -2], [0, 0])] == [1, -1, 0]

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(-4, 4), min_size=1, max_size=30))
    def test_turns_its_sign_with_the_direction(self, change):
        assert rank_biserial(change) == pytest.approx(-rank_biserial([-each for each in change]))


class TestMcnemarP:
    @pytest.mark.parametrize(("gained", "lost"), [(10, 2), (3, 3), (0, 8), (0, 0)])
    def test_is_the_binomial_test_of_those_that_changed(self, gained, lost):
        before = np.array([0] * gained + [1] * lost + [1] * 5 + [0] * 7, dtype=bool)
        after = np.array([1] * gained + [0] * lost + [1] * 5 + [0] * 7, dtype=bool)
        expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
        assert mcnemar_p(before, after) == pytest.approx(expected)


class TestHolm:
    def test_multiplies_the_smallest_by_the_number_of_tests(self):
        assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])

    def test_leaves_out_what_was_not_tested(self):
        assert holm([0.01, None, 0.04]) == [pytest.approx(0.02), None, pytest.approx(0.04)]

    def test_of_nothing_is_nothing(self):
        assert (holm([]), holm([None])) == ([], [None])

    def test_never_lowers_a_p_and_keeps_their_order(self):
        p_values = list(np.random.default_rng(2).uniform(0, 0.5, 9))
        adjusted = holm(p_values)
        assert all(new >= old for old, new in zip(p_values, adjusted, strict=True))
        ranked = [new for _, new in sorted(zip(p_values, adjusted, strict=True))]
        assert all(one <= other for one, other in pairwise(ranked))


class TestPairedDifference:
    def test_is_the_mean_change_over_prompts(self):
        difference = paired_difference(BEFORE, AFTER, seed=1)
        assert difference.value == pytest.approx((AFTER - BEFORE).mean())
        assert difference.low < difference.value < difference.high
        assert difference.n == 40

    def test_has_scipys_bootstrap_interval(self):
        ours = paired_difference(BEFORE, AFTER, seed=4)
        theirs = stats.bootstrap(
            (AFTER - BEFORE,), np.mean, n_resamples=1999, method="percentile", rng=np.random.default_rng(4)
        ).confidence_interval
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)

    def test_calls_significant_only_what_holds_after_correction(self):
        plain = paired_difference(BEFORE, BEFORE + GENERATOR.integers(0, 3, 40), seed=1)
        assert plain.significant is True
        assert replace(plain, p=0.02, p_holm=0.08).significant is False

    def test_is_not_tested_for_few_prompts(self):
        difference = paired_difference([1, 2, 3], [5, 5, 5], seed=1)
        assert (difference.p, difference.significant) == (None, None)

    def test_of_no_prompt_is_nothing(self):
        assert paired_difference([], [], seed=0) is None


class TestPairedShares:
    def test_takes_mcnemar_where_each_prompt_has_one_response(self):
        before, after = np.array([0.0] * 12 + [1.0] * 8), np.array([1.0] * 10 + [0.0] * 2 + [1.0] * 8)
        difference = paired_shares(before, after, seed=0)
        assert (difference.test, difference.p) == ("McNemar exact", pytest.approx(2 / 2**10))
        assert difference.value == pytest.approx(0.5)

    def test_compares_shares_as_scores_where_prompts_have_several(self):
        difference = paired_shares([0.5, 0, 0, 0.5, 0, 0.5], [1, 0.5, 0.5, 1, 1, 1], seed=0)
        assert difference.test.startswith("Wilcoxon")
