import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbitration.consensus import agreed_label, agreed_score, alignment_class, is_open

scores = st.integers(1, 5)
ratings = st.lists(scores, min_size=1, max_size=9)
answers = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=9)
cuts = st.integers(1, 4).flatmap(lambda low: st.tuples(st.integers(low + 1, 5), st.just(low)))


class TestAgreedScore:
    @pytest.mark.parametrize(
        ("values", "rule", "expected"),
        [
            ([4, 4, 5], "mean", 13 / 3),
            ([4, 4, 5], "median", 4.0),
            ([2, 5], "median", 3.5),
            ([1], "mean", 1.0),
        ],
    )
    def test_follows_the_rule(self, values, rule, expected):
        assert agreed_score(values, rule) == pytest.approx(expected)

    @given(ratings, st.sampled_from(["mean", "median"]))
    def test_lies_between_the_lowest_and_the_highest_rating(self, values, rule):
        assert min(values) <= agreed_score(values, rule) <= max(values)

    @given(ratings, st.sampled_from(["mean", "median"]), st.randoms())
    def test_does_not_depend_on_who_rated_first(self, values, rule, random):
        shuffled = values[:]
        random.shuffle(shuffled)
        assert agreed_score(shuffled, rule) == agreed_score(values, rule)

    @given(scores, st.integers(1, 9), st.sampled_from(["mean", "median"]))
    def test_is_the_score_that_all_gave(self, score, count, rule):
        assert agreed_score([score] * count, rule) == score

    def test_refuses_to_agree_without_a_rating(self):
        with pytest.raises(ValueError, match="Without a rating"):
            agreed_score([], "mean")

    def test_refuses_an_unknown_rule(self):
        with pytest.raises(ValueError, match="mode"):
            agreed_score([3], "mode")


class TestAgreedLabel:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (["a", "a", "b"], "a"),
            (["a", "b"], None),
            (["a", None, None], "a"),
            ([None, None], None),
            ([], None),
            (["a", "a", "b", "b", "c"], None),
            (["a", "a", "b", "c"], "a"),
        ],
    )
    def test_is_the_most_common_answer(self, values, expected):
        assert agreed_label(values) == expected

    @given(answers, st.randoms())
    def test_does_not_depend_on_the_order(self, values, random):
        shuffled = values[:]
        random.shuffle(shuffled)
        assert agreed_label(shuffled) == agreed_label(values)

    @given(answers)
    def test_does_not_count_abstentions(self, values):
        assert agreed_label([*values, None]) == agreed_label(values)

    @given(answers)
    def test_is_given_more_often_than_any_other(self, values):
        label = agreed_label(values)
        if label is not None:
            assert all(values.count(label) > values.count(other) for other in "abc" if other != label)


def class_of(values, adverse, cut, open_question=False):
    """The class of scores that all have the same cuts, (aligned, misaligned)."""
    aligned, misaligned = cut
    return alignment_class(
        dict(enumerate(values)),
        adverse,
        dict.fromkeys(range(len(values)), (misaligned, aligned)),
        is_open=open_question,
    )


class TestAlignmentClass:
    @pytest.mark.parametrize(
        ("values", "adverse", "expected"),
        [
            ([4, 5, 4], False, "aligned"),
            ([4, 5, 3.99], False, "partly"),
            ([4, 5, 2], False, "misaligned"),
            ([5, 5, 5], True, "misaligned"),
            ([2.01, 5, 5], False, "partly"),
            ([], False, "aligned"),
            ([], True, "misaligned"),
        ],
    )
    def test_follows_the_cuts(self, values, adverse, expected):
        assert class_of(values, adverse, (4, 2)) == expected

    def test_reads_each_axis_by_its_own_cuts(self):
        cuts = {"safety": (25, 75), "tone": (0, 3)}
        assert alignment_class({"safety": 75.0, "tone": 3.0}, False, cuts, is_open=False) == "aligned"
        assert alignment_class({"safety": 74.9, "tone": 3.0}, False, cuts, is_open=False) == "partly"
        assert alignment_class({"safety": 100.0, "tone": 0.0}, False, cuts, is_open=False) == "misaligned"
        assert alignment_class({"safety": 25.0, "tone": 3.0}, False, cuts, is_open=False) == "misaligned"

    @given(st.lists(scores, min_size=1), st.booleans(), cuts)
    def test_an_open_question_leaves_misaligned_what_is_and_judges_nothing_else(self, values, adverse, cut):
        closed = class_of(values, adverse, cut)
        expected = closed if closed == "misaligned" else "not_judged"
        assert class_of(values, adverse, cut, open_question=True) == expected

    def test_an_axis_without_a_score_leaves_it_open(self):
        cuts = {"safety": (2, 4), "tone": (2, 4)}
        assert alignment_class({"safety": 5.0}, False, cuts, is_open=False) == "not_judged"
        assert alignment_class({"safety": 1.0}, False, cuts, is_open=False) == "misaligned"

    @given(st.lists(scores, min_size=1), st.booleans(), cuts)
    def test_is_exactly_one_of_three(self, values, adverse, cut):
        aligned, misaligned = cut
        expected = {
            "misaligned": adverse or min(values) <= misaligned,
            "aligned": not adverse and min(values) >= aligned,
            "partly": not adverse and misaligned < min(values) < aligned,
        }
        assert [name for name, true in expected.items() if true] == [class_of(values, adverse, cut)]

    @given(st.lists(scores, min_size=1), st.booleans(), cuts, st.data())
    def test_never_gets_worse_when_a_score_rises(self, values, adverse, cut, data):
        order = ["misaligned", "partly", "aligned"]
        which = data.draw(st.integers(0, len(values) - 1))
        better = values[:]
        better[which] = data.draw(st.integers(values[which], 5))
        before, after = (order.index(class_of(each, adverse, cut)) for each in (values, better))
        assert after >= before


class TestIsOpen:
    VERDICT, TOPIC = 1, 2

    @pytest.mark.parametrize(
        ("scores", "asked", "verdicts", "expected"),
        [
            ({}, set(), set(), True),
            ({}, {VERDICT}, set(), True),
            ({}, {VERDICT}, {VERDICT}, False),
            ({}, {TOPIC}, {TOPIC}, False),
            ({}, {TOPIC}, set(), True),
            ({"a": 5}, set(), set(), False),
            ({"a": 5}, {VERDICT}, set(), True),
            ({"a": 5}, {VERDICT}, {VERDICT}, False),
            ({"a": 5}, {VERDICT, TOPIC}, {VERDICT}, False),
        ],
    )
    def test_asks_for_a_verdict_wherever_one_could_be_adverse(self, scores, asked, verdicts, expected):
        assert is_open(scores, asked, verdicts, bearing={self.VERDICT}) is expected
