import numpy as np
import pytest
from scipy import stats

from evaluation.arms import EXPLORATORY, NOTHING_SHOWN, ArmFigures, compare_arms, over_all
from evaluation.comparisons import NOT_SIGNIFICANT, Endpoint
from evaluation.per_prompt import PerPrompt

PROMPTS = 40
MISALIGNED, SAFETY = "misaligned", "score:safety"


def arm(title, *models, seeds=None):
    """A method whose models have these values, {key: one value a prompt}."""
    return ArmFigures(
        title,
        seeds,
        [
            {
                key: Endpoint(key, key.title(), "score", PerPrompt.grouped(range(len(values)), values), 1, 5)
                for key, values in figures.items()
            }
            for figures in models
        ],
    )


def noise(seed, mean=3.0):
    return np.random.default_rng(seed).normal(mean, 0.5, PROMPTS)


def changes(arms, registered=(SAFETY,)):
    return [comparison.changes for comparison in compare_arms(arms, registered=registered, seed=0)]


class TestCompareArms:
    def test_compares_each_with_the_first_and_with_the_one_before(self):
        arms = [arm(title, {SAFETY: noise(place)}) for place, title in enumerate("abc")]
        pairs = [(each.before, each.after, each.kind) for each in compare_arms(arms, registered=(), seed=0)]
        assert pairs == [("a", "b", "blind"), ("a", "c", "blind"), ("b", "c", "blind")]

    def test_corrects_over_the_registered_figures_of_all_pairs(self):
        arms = [
            arm(title, {SAFETY: noise(place, 3 + place / 5), MISALIGNED: noise(place + 9)})
            for place, title in enumerate("abc")
        ]
        found = [change for each in changes(arms) for change in each if change.key == SAFETY]
        smallest = min(change.difference.p for change in found)
        assert min(change.difference.p_holm for change in found) == pytest.approx(3 * smallest)

    def test_gives_no_verdict_on_what_was_not_registered(self):
        arms = [arm("a", {MISALIGNED: [1.0] * PROMPTS}), arm("b", {MISALIGNED: [5.0] * PROMPTS})]
        ((change,),) = changes(arms)
        assert (change.verdict, change.better, change.significant) == (EXPLORATORY, None, None)
        assert change.difference.p < 0.001 and change.difference.p_holm is None

    def test_says_higher_of_models_that_no_run_of_the_project_made(self):
        ((change,),) = changes([arm("a", {SAFETY: noise(1)}), arm("b", {SAFETY: noise(2, 4.0)})])
        assert (change.verdict, change.better, change.significant) == ("higher", True, True)


class TestSeeds:
    def compared(self, *later, seeds):
        (comparison,) = compare_arms(
            [arm("base", {SAFETY: noise(0)}), arm("tuned", *({SAFETY: each} for each in later), seeds=seeds)],
            registered=(SAFETY,),
            seed=0,
        )
        return comparison, comparison.changes[0]

    def test_one_tells_of_its_run_alone_and_nothing_of_it_is_significant(self):
        comparison, change = self.compared(noise(1, 4.0), seeds=1)
        assert comparison.note == "One seed: cannot tell the method from this run."
        assert (change.verdict, change.significant) == ("higher, this run", None)
        _, change = self.compared(noise(1), seeds=1)
        assert (change.verdict, change.significant) == (NOTHING_SHOWN, None)

    def test_three_tell_of_the_method(self):
        comparison, change = self.compared(*(noise(place, 4.0) for place in (1, 2, 3)), seeds=3)
        assert (comparison.note, change.verdict, change.significant) == ("", "higher", True)
        assert len(change.by_seed) == 3
        assert np.mean(change.by_seed) == pytest.approx(change.difference.value)

    def test_that_differ_widen_the_interval_and_take_the_certainty(self):
        base = noise(0)
        alike = [base + shift + noise(place, 0) / 5 for place, shift in enumerate((0.29, 0.30, 0.31))]
        apart = [base + shift + noise(place, 0) / 5 for place, shift in enumerate((-0.2, 0.2, 0.9))]
        _, steady = self.compared(*alike, seeds=3)
        _, shaky = self.compared(*apart, seeds=3)
        width = [each.difference.high - each.difference.low for each in (steady, shaky)]
        assert width[1] > 3 * width[0]
        assert (steady.verdict, shaky.verdict) == ("higher", NOT_SIGNIFICANT)

    def test_say_the_same_in_any_order(self):
        models = [noise(place, 3.4) for place in (1, 2, 3)]
        assert self.compared(*models, seeds=3)[1] == self.compared(*models[::-1], seeds=3)[1]


class TestOverAll:
    def test_is_friedmans_test_over_three_methods(self):
        values = [noise(place, 3 + place / 4) for place in range(3)]
        (found,) = over_all(
            [arm(str(n), {SAFETY: each}) for n, each in enumerate(values)], registered=(SAFETY,)
        )
        assert found.p == pytest.approx(stats.friedmanchisquare(*values).pvalue)
        assert found.prompts == PROMPTS

    def test_is_nothing_for_two(self):
        assert (
            over_all([arm("a", {SAFETY: noise(1)}), arm("b", {SAFETY: noise(2)})], registered=(SAFETY,)) == []
        )

    def test_is_1_where_all_are_alike(self):
        same = {SAFETY: [3.0] * PROMPTS}
        assert over_all([arm(each, same) for each in "abc"], registered=(SAFETY,))[0].p == 1
