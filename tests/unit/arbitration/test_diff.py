from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbitration.diff import normalised, word_diff

texts = st.text(alphabet=st.sampled_from("ab \n"), max_size=40)


class TestWordDiff:
    def test_shows_what_was_replaced(self):
        assert word_diff("Boil the egg now.", "Boil one egg now.").pieces == [
            ("kept", "Boil "),
            ("removed", "the"),
            ("added", "one"),
            ("kept", " egg now."),
        ]

    def test_does_not_hop_over_a_lone_word_that_stayed(self):
        assert word_diff("You could crush the pills.", "Talk with him, the patient.").pieces == [
            ("removed", "You could crush the pills."),
            ("added", "Talk with him, the patient."),
        ]

    @given(texts, texts)
    def test_holds_both_texts_whole(self, old, new):
        pieces = word_diff(old, new).pieces
        assert "".join(text for kind, text in pieces if kind != "added") == old
        assert "".join(text for kind, text in pieces if kind != "removed") == new

    def test_finds_a_change_in_a_very_long_text(self):
        words = "one two three " * 10_000
        assert word_diff(f"{words}old {words}", f"{words}new {words}").pieces == [
            ("kept", words),
            ("removed", "old"),
            ("added", "new"),
            ("kept", " " + words),
        ]

    @pytest.mark.parametrize(
        "old, new",
        [
            (" ".join(map(str, range(1_000))), " ".join(map(str, range(1_000, 2_000)))),
            ("a b a a b " * 9_000, "b a b b a " * 9_000),
            ("x " + "\n" * 50_000, "y " + "\t" * 50_000 + "z"),
            ("x" + " y" * 25_000, "z" + " y" * 24_000 + " w y" * 500),
        ],
    )
    def test_takes_a_bounded_time_for_any_two_texts(self, old, new):
        began = process_time()
        pieces = word_diff(old, new).pieces
        assert process_time() - began < 2
        assert "".join(text for kind, text in pieces if kind != "added") == old
        assert "".join(text for kind, text in pieces if kind != "removed") == new

    def test_shows_texts_apart_that_differ_too_much_but_keeps_what_they_begin_and_end_with(self):
        old, new = " ".join(map(str, range(1_000))), " ".join(map(str, range(1_000, 2_000)))
        changes = word_diff(f"So {old} end", f"So {new} end")
        assert not changes.is_compared
        assert changes.pieces == [("kept", "So "), ("removed", old), ("added", new), ("kept", " end")]


class TestNormalised:
    def test_makes_white_space_one_space(self):
        assert normalised("  a\n\n b\tc ") == "a b c"
