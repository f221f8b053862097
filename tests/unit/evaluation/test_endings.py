import numpy as np
import pytest

from evaluation.caveats import caveats_of
from evaluation.comparisons import Endpoint, compare
from evaluation.endings import Endings, endings_of
from evaluation.per_prompt import PerPrompt
from tests.unit.evaluation.test_caveats import basis


def per_prompt(prompts, values):
    return PerPrompt.grouped(prompts, values)


class TestEndingsOf:
    def test_parts_a_change_exactly_by_whose_ending_changed(self):
        # Prompt 1 came to its end and gained 2; 2 gained 1 and was never cut off; 3 was cut off both times.
        before, after = per_prompt([1, 2, 3], [2, 3, 2]), per_prompt([1, 2, 3], [4, 4, 2])
        cut = per_prompt([1, 2, 3], [1, 0, 1]), per_prompt([1, 2, 3], [0, 0, 1])
        assert endings_of(before, after, *cut) == Endings(
            prompts=3, changed=1, whole=1.0, part=pytest.approx(2 / 3)
        )

    def test_counts_prompts_that_are_in_both_alone(self):
        before, after = per_prompt([1, 2], [1, 5]), per_prompt([2, 3], [4, 1])
        cut = per_prompt([1, 2], [1, 0]), per_prompt([2, 3], [1, 1])
        assert endings_of(before, after, *cut) == Endings(prompts=1, changed=1, whole=-1.0, part=-1.0)

    def test_is_none_where_no_ending_changed(self):
        figures, cut = per_prompt([1, 2], [1, 2]), per_prompt([1, 2], [1, 0])
        assert endings_of(figures, figures, cut, cut) is None

    def test_the_parts_of_changed_and_other_prompts_make_the_whole(self):
        generator = np.random.default_rng(3)
        prompts = np.repeat(np.arange(40), 2)
        before, after = (per_prompt(prompts, generator.integers(1, 6, 80)) for _ in range(2))
        cut = [per_prompt(prompts, generator.integers(0, 2, 80)) for _ in range(2)]
        found = endings_of(before, after, *cut)
        same = cut[0].means == cut[1].means
        others = (after.means - before.means)[same].sum() / 40
        assert found.whole - found.part == pytest.approx(others)


def test_the_report_says_what_of_a_gain_came_with_answers_that_ended():
    def axis(scores, cut_off):
        prompts = range(len(scores))
        values = per_prompt(prompts, scores)
        share = per_prompt(prompts, cut_off)
        return [Endpoint("score:help", "Helpfulness, mean rating", "score", values, 1, 5, cut_off=share)]

    base = (0, "Base", axis([2, 2, 3, 3, 3, 3], [1, 1, 0, 0, 0, 0]))
    tuned = (1, "Stage 1", axis([4, 4, 3, 3, 4, 4], [0, 0, 0, 0, 0, 0]))
    said = caveats_of([basis(), basis(title="Stage 1")], [compare(base, tuned, seed=0)])
    assert (
        "From Base to Stage 1 “Helpfulness, mean rating” changed by +1.00: +0.67 of that came with the 2 of 6 "
        "prompts where the answer was cut off in one of the two and not in the other, and +0.33 with all others."
    ) in said
