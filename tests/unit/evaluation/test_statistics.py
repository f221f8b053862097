from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from evaluation.statistics import (
    FEWEST_PAIRS,
    detectable,
    estimate,
    holm,
    mcnemar_p,
    paired_difference,
    paired_shares,
    sign_flip_p,
)

GENERATOR = np.random.default_rng(20)
BEFORE = GENERATOR.integers(1, 6, 40).astype(float)
AFTER = np.clip(BEFORE + GENERATOR.integers(-1, 3, 40), 1, 5)
ONES = np.ones(40)
LIKERT = {"lowest": 1, "highest": 5}


def ends(estimate):
    return estimate.low, estimate.high


class TestEstimate:
    def test_weighs_every_response_alike(self):
        found = estimate([10, 3], [2, 1], **LIKERT)
        assert (found.value, found.n) == (13 / 3, 3)

    def test_is_students_interval_where_prompts_are_many_and_the_mean_is_in_the_middle(self):
        many = np.random.default_rng(1).integers(1, 6, 3_000).astype(float)
        found = estimate(many, np.ones(3_000), **LIKERT)
        expected = stats.ttest_1samp(many, 3).confidence_interval()
        assert ends(found) == pytest.approx((expected.low, expected.high), abs=0.003)

    def test_takes_candidates_of_a_prompt_for_no_more_than_they_tell(self):
        """Five equal candidates of each prompt add no knowledge."""
        single, fivefold = estimate(BEFORE, ONES, **LIKERT), estimate(5 * BEFORE, 5 * ONES, **LIKERT)
        assert ends(fivefold) == pytest.approx(ends(single))
        assert (single.n, fivefold.n) == (40, 200)

    def test_has_no_interval_for_one_prompt_and_nothing_for_none(self):
        assert (ends(estimate([1], [1])), estimate([], [])) == ((None, None), None)

    @pytest.mark.parametrize("candidates", [1, 2])
    @pytest.mark.parametrize("share", [0, 1])
    def test_is_not_certain_where_all_are_alike(self, share, candidates):
        """None of 20 prompts does not mean never: at a share of 14 % that happens one time in twenty."""
        found = estimate([share * candidates] * 20, [candidates] * 20)
        assert max(abs(found.low - share), abs(found.high - share)) == pytest.approx(0.18, abs=0.02)
        assert 0 <= found.low <= found.value == share <= found.high <= 1

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(1, 5), min_size=2, max_size=40))
    def test_holds_the_figure_and_stays_in_the_range(self, scores):
        found = estimate(scores, [1] * len(scores), **LIKERT)
        assert 1 <= found.low <= found.value <= found.high <= 5

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(3, 15), min_size=2, max_size=40), st.randoms(use_true_random=False))
    def test_is_the_same_to_the_last_bit_in_whatever_order_prompts_come(self, thirds, random):
        shuffled = random.sample(thirds, len(thirds))
        assert ends(estimate(np.array(thirds) / 3, np.ones(len(thirds)), **LIKERT)) == ends(
            estimate(np.array(shuffled) / 3, np.ones(len(thirds)), **LIKERT)
        )

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.integers(1, 5), min_size=2, max_size=40))
    def test_does_not_depend_on_the_units_of_the_range(self, scores):
        plain = estimate(scores, [1] * len(scores), **LIKERT)
        tenfold = estimate([10 * each for each in scores], [1] * len(scores), lowest=10, highest=50)
        assert ends(tenfold) == pytest.approx((10 * plain.low, 10 * plain.high))


class TestSignFlipP:
    def test_agrees_with_an_enumeration_of_all_signs(self):
        change = np.array([3, -1, 2, 2, 0, 1, -2, 4, 1.0])
        signs = np.array(np.meshgrid(*[[-1, 1]] * len(change))).reshape(len(change), -1).T
        sums = np.abs(signs @ change)
        assert sign_flip_p(change, seed=0) == pytest.approx(np.mean(sums >= abs(change.sum())))

    def test_is_exact_by_hand_for_six_pairs_that_all_rose(self):
        assert sign_flip_p([1, 2, 3, 4, 5, 6], seed=0) == pytest.approx(2 / 2**6)

    @pytest.mark.parametrize("unchanged", [9, 10, 500])
    def test_is_not_moved_by_prompts_that_did_not_change(self, unchanged):
        assert sign_flip_p([1] * 4 + [0] * unchanged, seed=0) == pytest.approx(2 / 2**4)

    @pytest.mark.parametrize("n", [40, 900, 1_100])
    def test_is_close_to_students_test_for_many_changes(self, n):
        change = np.random.default_rng(n).normal(2 / np.sqrt(n), 1, n)
        assert sign_flip_p(change, seed=1) == pytest.approx(stats.ttest_1samp(change, 0).pvalue, abs=0.01)

    def test_tests_the_mean_that_is_shown(self):
        """12 % strongly repaired and the rest slightly worse: no signed ranks that point the other way."""
        change = np.array([4.0] * 12 + [-0.34] * 88)
        found = paired_difference(np.full(100, 3.0), 3 + change, lowest=-10, highest=10, seed=0)
        assert found.value > 0 and found.effect > 0
        assert found.p == pytest.approx(stats.ttest_1samp(change, 0).pvalue, abs=0.02)

    def test_is_1_where_nothing_changed(self):
        assert sign_flip_p(np.zeros(10), seed=0) == 1.0

    def test_is_not_computed_below_six_pairs(self):
        assert sign_flip_p([1.0] * (FEWEST_PAIRS - 1), seed=0) is None

    def test_is_not_misled_by_the_last_bit_of_means_of_thirds(self):
        thirds = np.array([(4 + 4 + 5) / 3 - 13 / 3, 0.1 + 0.2 - 0.3, *np.zeros(8)])
        assert sign_flip_p(thirds, seed=0) == 1.0

    def test_says_the_same_twice(self):
        assert sign_flip_p(AFTER - BEFORE, seed=3) == sign_flip_p(AFTER - BEFORE, seed=3)


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
    def between(self, before, after):
        return paired_difference(before, after, **LIKERT, seed=1)

    def test_is_the_mean_change_over_prompts(self):
        difference = self.between(BEFORE, AFTER)
        assert difference.value == pytest.approx((AFTER - BEFORE).mean())
        assert difference.low < difference.value < difference.high
        assert difference.n == 40

    def test_has_students_interval_where_prompts_are_many(self):
        generator = np.random.default_rng(4)
        before = generator.integers(2, 5, 2_000).astype(float)
        after = before + generator.integers(-1, 2, 2_000)
        found, expected = self.between(before, after), stats.ttest_rel(after, before).confidence_interval()
        assert ends(found) == pytest.approx((expected.low, expected.high), abs=0.01)

    @pytest.mark.parametrize("between", [paired_difference, paired_shares])
    def test_is_the_same_to_the_last_bit_in_whatever_order_prompts_come(self, between):
        before, after = np.random.default_rng(8).integers(0, 4, (2, 60)) / 3
        order = np.random.default_rng(9).permutation(60)
        limits = {} if between is paired_shares else {"lowest": 0, "highest": 1}
        assert between(before, after, seed=5, **limits) == between(
            before[order], after[order], seed=5, **limits
        )

    def test_gives_the_effect_in_standard_deviations_of_the_change(self):
        change = AFTER - BEFORE
        assert self.between(BEFORE, AFTER).effect == pytest.approx(change.mean() / change.std(ddof=1))
        assert self.between(ONES, 2 * ONES).effect is None

    def test_calls_significant_only_what_holds_after_correction(self):
        plain = self.between(BEFORE, BEFORE + GENERATOR.integers(0, 3, 40))
        assert plain.significant is True
        assert replace(plain, p=0.02, p_holm=0.08).significant is False

    def test_is_not_tested_for_few_prompts(self):
        difference = self.between([1, 2, 3], [5, 5, 5])
        assert (difference.p, difference.significant) == (None, None)

    def test_of_no_prompt_is_nothing(self):
        assert self.between([], []) is None


class TestPairedShares:
    def test_takes_mcnemar_where_each_prompt_has_one_response(self):
        before, after = np.array([0.0] * 12 + [1.0] * 8), np.array([1.0] * 10 + [0.0] * 2 + [1.0] * 8)
        difference = paired_shares(before, after, seed=0)
        assert (difference.test, difference.p) == ("McNemar exact", pytest.approx(2 / 2**10))
        assert difference.p == pytest.approx(sign_flip_p(after - before, seed=0))
        assert difference.value == pytest.approx(0.5)

    def test_compares_shares_as_scores_where_prompts_have_several(self):
        difference = paired_shares([0.5, 0, 0, 0.5, 0, 0.5], [1, 0.5, 0.5, 1, 1, 1], seed=0)
        assert difference.test == "permutation of signs"


class TestDetectable:
    def test_is_what_a_power_analysis_asks_for(self):
        generator = np.random.default_rng(6)
        before, after = generator.normal(3, 1, 200), generator.normal(3, 1, 200)
        found = detectable(before, after, tests=4)
        spread = (after - before).std(ddof=1)
        power = TTestPower().power(found / spread, nobs=200, alpha=0.05 / 4)
        assert power == pytest.approx(0.8, abs=0.01)

    @pytest.mark.parametrize(("prompts", "changed"), [(60, 12), (117, 12), (200, 70)])
    def test_of_shares_is_found_by_mcnemars_exact_test(self, prompts, changed):
        before = np.array([1.0] * (changed // 2) + [0.0] * (prompts - changed // 2))
        after = np.roll(before, changed // 2)
        found = detectable(before, after, tests=3)
        often = max(changed / prompts, found)
        flips = np.random.default_rng(3).binomial(prompts, often, 4_000)
        down = np.random.default_rng(4).binomial(flips, (often + found) / 2 / often)
        p = [stats.binomtest(int(k), int(n)).pvalue if n else 1 for k, n in zip(down, flips, strict=True)]
        assert 0.77 <= np.mean(np.array(p) < 0.05 / 3) <= 0.93

    def test_is_unknown_where_nothing_changed(self):
        assert detectable(ONES, ONES, tests=1) is None
