import pytest

from evaluation.text_measures import distinct_share, repeated_share, times_as


class TestDistinctShare:
    def test_counts_runs_of_words_by_hand(self):
        # the cat / cat the / the cat / cat sat: three of four are distinct.
        assert distinct_share("The cat the CAT  sat", 2) == 3 / 4
        assert distinct_share("a a a a", 1) == 1 / 4

    def test_says_nothing_of_too_few_words(self):
        assert distinct_share("one", 2) is None
        assert distinct_share(" \n", 1) is None


class TestRepeatedShare:
    def test_is_what_stood_before_among_all_runs_of_four(self):
        # a b c d / b c d a / c d a b / d a b c / a b c d: one of five stood before.
        assert repeated_share("a b c d a b c d") == pytest.approx(1 / 5)
        assert repeated_share("no no no no no no") == pytest.approx(2 / 3)
        assert repeated_share("every word is new here") == 0
        assert repeated_share("only three words") is None


class TestTimesAs:
    def test_tells_longer_and_shorter_alike(self):
        assert times_as(10, 25) == times_as(25, 10) == 2.5
        assert times_as(10, 0) is None
