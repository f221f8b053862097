import numpy as np
import pytest

from evaluation.repeats import interval_of_change


class TestIntervalOfChange:
    @pytest.mark.parametrize("prompts", [20, 30, 100])
    @pytest.mark.parametrize("chances", [(0.02, 0.93, 0.05), (0.1, 0.7, 0.2), (0.2, 0.3, 0.5)])
    def test_holds_the_true_change_as_often_as_it_says(self, prompts, chances):
        draw = np.random.default_rng(3)
        truth = chances[2] - chances[0]
        found = [interval_of_change(draw.choice([-1, 0, 1], prompts, p=chances)) for _ in range(2000)]
        held = np.mean([low <= truth <= high for low, high in found])
        assert held >= 0.925

    def test_is_never_a_point_and_none_for_one_prompt(self):
        low, high = interval_of_change(np.zeros(30))
        assert -0.1 < low < 0 < high < 0.1
        assert interval_of_change(np.array([1.0])) == (None, None)
