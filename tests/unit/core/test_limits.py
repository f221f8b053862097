"""How long texts may be, and which numbers are read."""

import pytest

from core.limits import LONGEST_REMARK, text_fault, whole_number


class TestTextFault:
    def test_takes_any_text_of_a_length_that_is_taken(self):
        assert text_fault("👩" * LONGEST_REMARK) is None

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("x" * (LONGEST_REMARK + 1), "Keep this under 50,000 characters; it has 50,001."),
            ("a\x00b", "Remove the unprintable character (NUL)"),
            ("a\ud800b", "Remove the damaged character"),
        ],
    )
    def test_says_what_to_do_about_others(self, text, what):
        assert text_fault(text).startswith(what)


class TestWholeNumber:
    @pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
    def test_reads_digits(self, text, number):
        assert whole_number(text) == number

    @pytest.mark.parametrize(
        "text", ["", "-1", "1.5", "1e3", " 1", "٣", "²", "9" * 19, "9" * 5000, "\x00", "1\n"]
    )
    def test_reads_nothing_else(self, text):
        assert whole_number(text) is None
