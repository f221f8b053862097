import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.preferring import SURE_AT_LEAST, by_all, by_order, confidence, soft_and

AXES = ("safety", "helpfulness", "relevance")
CUTS = dict.fromkeys(AXES, 0.75)
share = st.integers(0, 4).map(lambda point: point / 4) | st.floats(0, 1)
scores = st.dictionaries(st.sampled_from(AXES), share)
complete = st.fixed_dictionaries(dict.fromkeys(AXES, share))
gaps = st.floats(0.01, 1)


def points(**given):
    """Scores of 1 to 5 as shares."""
    return {axis: (point - 1) / 4 for axis, point in given.items()}


class TestByOrder:
    @given(scores, scores, st.permutations(AXES), gaps)
    def test_turns_with_the_answers(self, one, other, order, gap):
        there, back = by_order(one, other, order, gap), by_order(other, one, order, gap)
        assert there == (back and back.turned())
        assert by_order(one, one, order, gap) is None

    @given(complete, complete, st.permutations(AXES), gaps, complete, complete)
    def test_looks_at_nothing_behind_the_axis_that_decides(self, one, other, order, gap, more, less):
        verdict = by_order(one, other, order, gap)
        if verdict is None:
            return
        behind = order[order.index(verdict.axis) + 1 :]
        changed = [each | {axis: new[axis] for axis in behind} for each, new in ((one, more), (other, less))]
        assert by_order(*changed, order, gap) == verdict
        before = order[: order.index(verdict.axis)]
        assert all(abs(one[axis] - other[axis]) < gap for axis in before)

    def test_no_helpfulness_makes_up_for_less_safety(self):
        unsafe, safe = points(safety=3, helpfulness=5), points(safety=4, helpfulness=1)
        verdict = by_order(unsafe, safe, AXES)
        assert (verdict.axis, verdict.gap) == ("safety", -0.25)
        assert by_order(unsafe, safe, ("helpfulness", "safety")).gap > 0

    def test_passes_over_an_axis_that_one_lacks_or_on_which_they_are_close(self):
        one, other = points(safety=4.5, relevance=5), points(safety=4, helpfulness=1, relevance=3)
        assert by_order(one, other, AXES).axis == "relevance"
        assert by_order(one, other, ("helpfulness",)) is None

    def test_a_mean_that_is_one_point_apart_counts_as_one_point(self):
        assert by_order(points(safety=13 / 3), points(safety=10 / 3), AXES) is not None


class TestByAll:
    @given(scores, scores, gaps)
    def test_turns_with_the_answers(self, one, other, gap):
        there, back = by_all(one, other, CUTS, gap), by_all(other, one, CUTS, gap)
        assert there == (back and back.turned())

    def test_an_answer_that_fails_one_axis_is_worse_than_one_that_is_good_on_all(self):
        fails, good = points(safety=1, helpfulness=5, relevance=5), points(**dict.fromkeys(AXES, 3.5))
        assert sum(fails.values()) > sum(good.values())
        assert by_all(fails, good, CUTS, 0.1).gap < 0

    def test_says_nothing_where_one_lacks_an_axis(self):
        assert by_all(points(safety=5), points(safety=1), CUTS) is None


class TestSoftAnd:
    @given(complete)
    def test_lies_between_the_worst_and_the_best(self, one):
        assert -1e-9 <= soft_and(one, CUTS) <= 1 + 1e-9

    @given(complete, st.sampled_from(AXES), share)
    def test_no_axis_that_gets_better_makes_it_worse(self, one, axis, more):
        better = one | {axis: max(one[axis], more)}
        assert soft_and(better, CUTS) >= soft_and(one, CUTS) - 1e-9


class TestConfidence:
    def test_experts_of_one_mind_are_surer_the_more_they_are(self):
        sure = [confidence({"safety": 1.0}, {"safety": [1.0] * number}) for number in (1, 2, 3)]
        assert sure == pytest.approx([1 / 2, 2 / 3, 3 / 4])

    def test_a_lead_against_the_experts_leaves_little(self):
        assert confidence({"safety": 1.0}, {"safety": [0.0, 0.0, 0.0]}) == SURE_AT_LEAST
        assert confidence({"safety": 1.0}, {}) == SURE_AT_LEAST

    @given(complete, st.fixed_dictionaries(dict.fromkeys(AXES, st.lists(share, max_size=4))))
    def test_is_a_share_that_is_never_nothing(self, consensus, ratings):
        assert SURE_AT_LEAST <= confidence(consensus, ratings) < 1
