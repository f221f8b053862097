from hypothesis import given
from hypothesis import strategies as st

from arbitration.diff import LONGEST, normalised, word_diff

texts = st.text(alphabet=st.sampled_from("ab \n"), max_size=40)


class TestWordDiff:
    def test_shows_what_was_replaced(self):
        assert word_diff("Boil the egg now.", "Boil one egg now.") == [
            ("kept", "Boil "),
            ("removed", "the"),
            ("added", "one"),
            ("kept", " egg now."),
        ]

    def test_does_not_hop_over_a_lone_word_that_stayed(self):
        assert word_diff("You could crush the pills.", "Talk with him, the patient.") == [
            ("removed", "You could crush the pills."),
            ("added", "Talk with him, the patient."),
        ]

    @given(texts, texts)
    def test_holds_both_texts_whole(self, old, new):
        pieces = word_diff(old, new)
        assert "".join(text for kind, text in pieces if kind != "added") == old
        assert "".join(text for kind, text in pieces if kind != "removed") == new

    def test_shows_very_long_texts_apart(self):
        long = "word " * LONGEST
        assert word_diff(long, "short") == [("removed", long), ("added", "short")]


class TestNormalised:
    def test_makes_white_space_one_space(self):
        assert normalised("  a\n\n b\tc ") == "a b c"
