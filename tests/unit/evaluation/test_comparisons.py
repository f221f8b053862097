import numpy as np
import pytest

from evaluation.comparisons import NOT_SIGNIFICANT, TOO_FEW, Endpoint, compare
from evaluation.per_prompt import PerPrompt, pair


def one_each(values, first=1):
    """One response a prompt; prompts are numbered from `first`."""
    return PerPrompt.grouped(range(first, first + len(values)), values)


def change_between(before, after, kind="score", **fields):
    comparison = compare(
        (0, "Base", [Endpoint("x", "X", kind, before, **fields)]),
        (1, "Stage 1", [Endpoint("x", "X", kind, after, **fields)]),
        seed=0,
    )
    return comparison.changes[0]


class TestPerPrompt:
    def test_sums_the_responses_of_each_prompt(self):
        grouped = PerPrompt.grouped([7, 3, 7], [1, 2, 4])
        assert (list(grouped.prompts), list(grouped.sums), list(grouped.counts)) == ([3, 7], [2, 5], [1, 2])
        assert list(grouped.means) == [2, 2.5]

    def test_leaves_out_prompts_without_a_response(self):
        assert list(PerPrompt.of([(2, 4.0, 1), (1, 0.0, 0)]).prompts) == [2]

    def test_may_be_empty(self):
        assert len(PerPrompt.of([]).prompts) == len(PerPrompt.grouped([], []).prompts) == 0


class TestPair:
    def test_keeps_the_prompts_that_both_have_in_one_order(self):
        before, after = pair(
            PerPrompt.grouped([1, 2, 3], [1, 2, 3]), PerPrompt.grouped([3, 9, 2], [30, 90, 20])
        )
        assert (list(before), list(after)) == ([2, 3], [20, 30])


class TestCompare:
    def test_says_higher_and_better_of_a_clear_rise(self):
        change = change_between(one_each([2] * 20), one_each([4] * 20))
        assert (change.before, change.after, change.verdict, change.better) == (2, 4, "higher", True)

    def test_says_lower_and_better_where_lower_is_better(self):
        change = change_between(one_each([1] * 20), one_each([0] * 20), kind="share", lower_is_better=True)
        assert (change.verdict, change.better, change.difference.test) == ("lower", True, "McNemar exact")

    def test_says_worse_where_it_is(self):
        change = change_between(one_each([0] * 20), one_each([1] * 20), kind="share", lower_is_better=True)
        assert (change.verdict, change.better) == ("higher", False)

    def test_says_plainly_that_a_change_is_not_significant(self):
        noise = np.random.default_rng(0).normal(0, 1, 30)
        change = change_between(one_each(np.zeros(30)), one_each(noise))
        assert (change.verdict, change.better, change.significant) == (NOT_SIGNIFICANT, None, False)
        assert change.detectable > abs(change.difference.value)

    def test_does_not_test_a_handful_of_prompts(self):
        change = change_between(one_each([1, 1, 1]), one_each([5, 5, 5]))
        assert (change.verdict, change.difference.p, change.difference.value) == (TOO_FEW, None, 4)

    def test_corrects_for_the_number_of_endpoints(self):
        generator = np.random.default_rng(3)
        before = [Endpoint(str(n), str(n), "score", one_each(np.zeros(25))) for n in range(5)]
        after = [Endpoint(str(n), str(n), "score", one_each(generator.normal(0.5, 1, 25))) for n in range(5)]
        changes = compare((0, "Base", before), (1, "Stage 1", after), seed=0).changes
        smallest = min(changes, key=lambda change: change.difference.p)
        assert smallest.difference.p_holm == pytest.approx(min(1, 5 * smallest.difference.p))

    def test_uses_only_prompts_of_both_stages(self):
        change = change_between(one_each([1] * 10), one_each([2] * 10, first=5))
        assert change.difference.n == 6

    def test_leaves_out_an_endpoint_that_only_one_stage_has(self):
        base = (0, "Base", [Endpoint("old", "Old axis", "score", one_each([1] * 8))])
        stage = (1, "Stage 1", [Endpoint("new", "New axis", "score", one_each([1] * 8))])
        comparison = compare(base, stage, seed=0)
        assert (comparison.changes, comparison.prompts) == ([], 0)
