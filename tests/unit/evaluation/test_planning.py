import numpy as np
import pytest
from scipy.stats import ttest_1samp
from statsmodels.stats.power import TTestPower

from evaluation.pace import hours
from evaluation.planning import (
    MOST_PROMPTS,
    plan,
    power_of_score,
    power_of_share,
    prompts_for_score,
    prompts_for_share,
)
from evaluation.statistics import mcnemar_p


class TestPromptsForScore:
    def test_are_those_of_the_t_test_at_holm_s_level(self):
        for endpoints in (1, 5):
            needed = prompts_for_score(0.25, spread=1.0, power=0.8, endpoints=endpoints)
            exact = TTestPower().solve_power(effect_size=0.25, alpha=0.05 / endpoints, power=0.8)
            assert needed == int(np.ceil(exact))

    def test_are_none_where_no_comparison_is_large_enough(self):
        assert prompts_for_score(0.0001, spread=1.0, power=0.8) is None
        assert prompts_for_share(0.0, spread=0.0, power=0.8) is None

    def test_power_is_what_simulated_comparisons_find(self):
        draw = np.random.default_rng(1)
        # Changes as scores have them: steps of a third, most of them none.
        steps = np.array([-1.0, -2 / 3, -1 / 3, 0, 0, 0, 1 / 3, 2 / 3, 1.0, 4 / 3])
        drawn = draw.choice(steps, (3000, 60))
        found = np.mean(ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)
        planned = power_of_score(steps.mean(), spread=steps.std(), prompts=60)
        assert found == pytest.approx(planned, abs=0.03)


class TestPromptsForShare:
    def test_are_the_fewest_with_the_power(self):
        needed = prompts_for_share(0.15, spread=0.15, power=0.8)
        assert power_of_share(0.15, spread=0.15, prompts=needed) >= 0.8
        assert power_of_share(0.15, spread=0.15, prompts=needed - 1) < 0.8
        assert prompts_for_share(0.15, spread=0.3, power=0.8) > needed

    def test_power_is_what_simulated_comparisons_find(self):
        draw = np.random.default_rng(2)
        found = []
        for _ in range(1500):
            change = draw.choice([-1, 0, 1], 100, p=[0.05, 0.75, 0.2])
            found.append(mcnemar_p(change == -1, change == 1) < 0.01)
        planned = power_of_share(0.15, spread=0.25, prompts=100, endpoints=5)
        assert np.mean(found) == pytest.approx(planned, abs=0.04)

    def test_more_change_than_was_seen_where_the_difference_asks_for_it(self):
        assert power_of_share(0.3, spread=0.1, prompts=50) == power_of_share(0.3, spread=0.3, prompts=50)
        assert power_of_share(0.3, spread=0.1, prompts=5) == 0


class TestPlan:
    def test_tells_prompts_and_power_of_an_endpoint(self):
        planned = plan("Safety", "score", spread=0.8, wanted=0.3, power=0.8, endpoints=5, prompts=40)
        assert planned.prompts == prompts_for_score(0.3, spread=0.8, power=0.8, endpoints=5)
        assert planned.power == power_of_score(0.3, spread=0.8, prompts=40, endpoints=5)
        assert planned.prompts < MOST_PROMPTS


class TestHours:
    def test_are_told_to_a_tenth_and_not_without_a_pace(self):
        assert hours(100, 90) == 2.5
        assert hours(1, 1) == 0.1
        assert hours(100, None) is None
