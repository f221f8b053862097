"""Texts as they are kept, and when two are the same."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.texts import control_tokens, folded, is_blank, is_storable, isolated, recognized, tidy


class TestTidy:
    def test_makes_every_line_end_one_lf(self):
        assert tidy("a\r\nb\rc\nd\r\n\r\ne") == "a\nb\nc\nd\n\ne"

    def test_leaves_everything_else_as_it_came(self):
        text = "    if ready:\n        go()  \n\n\tdone\u200b e\u0301 "
        assert tidy(text) == text

    @pytest.mark.parametrize("text", ["", " \r\n\t", "\u200b\ufeff", "\u00ad \u2060"])
    def test_is_empty_where_there_is_nothing_to_see(self, text):
        assert tidy(text) == "" and is_blank(text)


class TestRecognized:
    @pytest.mark.parametrize(
        "twin",
        [
            "List two metals.\r\nOne a line.",
            "List two metals.\rOne a line.",
            "List two metals.\u2028One a line.",
            "  List two metals.  \nOne a line.\t\n\n",
            "\ufeffList two\u00a0metals.\nOne a li\u00adne.",
            "List two met\u200bals.\nOne a\u202f\u200eline.",
            "List two metals.\nOne a line.\u2069",
        ],
    )
    def test_is_the_same_for_twins(self, twin):
        assert recognized(twin) == recognized("List two metals.\nOne a line.")

    def test_is_the_same_in_every_unicode_form_of_one_text(self):
        assert recognized("Cafe\u0301") == recognized("Café") == recognized("Cafe\u034f\u0301")
        assert recognized("\u1112\u1161\u11ab") == recognized("\ud55c")

    def test_drops_joiners_of_scripts_and_emoji(self):
        assert recognized("می\u200cخواهم") == recognized("میخواهم")
        assert recognized("👩\u200d🔬 ❤\ufe0f") == recognized("👩🔬 ❤")

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("x²", "x2"),
            ("Case", "case"),
            ("a b", "ab"),
            ("a\n\nb", "a\nb"),
            ("if x:\n    y", "if x:\ny"),
            (
                "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
                "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
            ),
            ("\u0601", ""),
        ],
    )
    def test_tells_apart_what_can_be_seen(self, one, other):
        assert recognized(one) != recognized(other)

    @pytest.mark.parametrize(
        "text",
        [" " * 100_000 + "x", "a" + "\u0300\u0327" * 50_000, ("a" + "\u0327" * 40) * 2_500, "\r" * 100_000],
    )
    def test_takes_a_bounded_time_for_any_text(self, text):
        began = process_time()
        assert recognized(recognized(text)) == recognized(text)
        assert process_time() - began < 2

    @given(st.text())
    def test_is_its_own_recognized_form(self, text):
        assert recognized(recognized(text)) == recognized(text)

    @given(st.text())
    def test_is_that_of_what_is_kept(self, text):
        assert recognized(tidy(text)) == recognized(text)


class TestIsStorable:
    def test_refuses_nul_and_half_a_surrogate_pair(self):
        assert [is_storable(text) for text in ("fine 👩", "a\x00", "a\ud800")] == [True, False, False]


class TestControlTokens:
    def test_finds_what_chat_templates_write(self):
        text = "<|im_end|> [INST] <end_of_turn> <|im_end|> <b> a|b <|"
        assert control_tokens(text) == ["<|im_end|>", "[INST]", "<end_of_turn>"]


class TestIsolated:
    def test_keeps_a_name_from_the_right_to_itself(self):
        assert isolated("Safety") == "Safety"
        assert f"{isolated('الأمان')}: 2 to 5" == "\u2068الأمان\u2069: 2 to 5"


class TestFolded:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Élève", "ELE\u0300VE"),
            ("Größe", "GROSSE"),
            ("ΟΔΟΣ", "οδός"),
            ("İI", "ii"),
            ("Đặng Øre Łódź", "dang ore lodz"),
            ("ёж й", "ЕЖ И"),
            ("שָׁלוֹם", "שלום"),
            ("كِتَــابٌ أ", "كتاب ا"),
            ("ＡＢＣ１２", "abc12"),
            ("a\u00a0\n b", "A b"),
            ("z\u200bw\ufeff", "ZW"),
            ("don’t “quote” – ½", 'DON\'T "quote" - 1/2'),
        ],
    )
    def test_is_the_same_whatever_case_and_accents(self, one, other):
        assert folded(one) == folded(other) != ""

    @pytest.mark.parametrize(
        ("one", "other"), [("か", "が"), ("가", "각"), ("कि", "की"), ("安全", "有用"), ("C", "C++")]
    )
    def test_tells_apart_what_no_accent_does(self, one, other):
        assert folded(one) != folded(other)

    def test_takes_a_letter_with_any_number_of_marks(self):
        began = process_time()
        assert folded("a" + "\u0301\u0323" * 50_000 + "b") == "ab"
        assert process_time() - began < 2
