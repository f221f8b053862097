"""What every intake does with rows: faults, and types."""

from typing import Annotated

import pytest
from pydantic import Field, PlainValidator

from annotation.importing.typed import Text, TypedRow, Word, fault, typed_rows
from annotation.rows import MOST_FAULTS, Faults, Row, numbered, quoted
from core.errors import InvalidInput
from core.limits import LONGEST_TEXT


def _even(value):
    if value % 2:
        raise fault(f"{value} is odd.")
    return value


class Sample(TypedRow):
    name: Annotated[Word, Field(min_length=1)]
    text: Text = ""
    number: Annotated[int, PlainValidator(_even)] = 0


def told(faults):
    try:
        faults.raise_any()
    except InvalidInput as error:
        return error.errors
    return []


def read(*rows):
    """(the typed rows, what was wrong)."""
    faults = Faults()
    typed = [row for _, row in typed_rows(Sample, rows, faults)]
    return typed, told(faults)


class TestFaults:
    def test_tell_the_first_hundred_by_line_and_count_all(self):
        faults = Faults()
        for line in range(5000, 0, -1):
            faults.add(line, "id", "is wrong.")
        with pytest.raises(InvalidInput, match="5000 fault") as caught:
            faults.raise_any()
        assert caught.value.errors[:2] == ["Line 1, id: is wrong.", "Line 2, id: is wrong."]
        assert caught.value.errors[-2:] == ["Line 100, id: is wrong.", "… and 4900 more."]

    def test_ends_the_reading_of_a_file_that_nobody_mends_row_by_row(self):
        faults = Faults()
        with pytest.raises(InvalidInput) as caught:
            for line in range(1, MOST_FAULTS + 1):
                faults.add(line, "id", "is wrong.")
        assert caught.value.errors[-2:] == ["… and 9900 more.", "The file was not read on."]

    def test_keep_the_order_in_which_those_of_a_line_were_found(self):
        faults = Faults("a.csv")
        for name in ("b", "a", ""):
            faults.add(3, name, "is wrong.")
        assert told(faults) == [f"a.csv, line 3{name}: is wrong." for name in (", b", ", a", "")]

    def test_raise_nothing_where_there_are_none(self):
        assert Faults().raise_any() is None


class TestNumbered:
    def test_counts_dicts_and_takes_rows_that_were_read(self):
        faults = Faults()
        rows = [Row(3, {"a": 1}), Row(4, {}, "not JSON."), Row(6, {"a": 2})]
        assert list(numbered(rows, faults)) == [rows[0], rows[2]]
        assert told(faults) == ["Line 4: not JSON."]
        assert list(numbered([{"a": 1}, {"a": 2}], faults))[1] == Row(2, {"a": 2})


class TestQuoted:
    def test_is_short_and_can_be_shown_anywhere(self):
        assert quoted("x") == "“x”"
        assert quoted("a\x00b\n\ud800\u202e") == "“a\\x00b\\n\\ud800\\u202e”"
        assert len(quoted("x" * 10_000)) == 43
        quoted("\ud800").encode()
        assert quoted(True) == "“true”" and quoted({"a": None}) == '“{"a": null}”'


class TestTypedRows:
    def test_gives_types_and_defaults(self):
        (first, second), wrong = read(
            {"name": " a ", "text": " b\r\n"}, {"name": 7, "number": 4, "text": None}
        )
        assert (first.name, first.text, first.number) == ("a", " b\n", 0)
        assert (second.name, second.text, second.number) == ("7", "", 4)
        assert wrong == []

    def test_keeps_ids_as_they_are_written(self):
        (row,), _ = read({"name": "007"})
        assert row.name == "007"

    def test_tells_every_fault_of_a_row_in_the_words_of_the_house(self):
        rows, wrong = read(
            {},
            {"name": " ", "text": 5, "number": 3},
            {"name": True, "text": "x" * (LONGEST_TEXT + 1)},
            {"name": "n" * 201, "text": "a\x00"},
            {"name": 0.5, "text": "\ud800"},
            {"name": ["a"], "text": {"a": 1}},
            {"name": "a\u202eb"},
            {"name": "a\nb"},
        )
        assert rows == []
        assert wrong == [
            "Line 1, name: is missing or empty.",
            "Line 2, name: is missing or empty.",
            "Line 2, text: expected a text, found a number: put it in quotes.",
            "Line 2, number: 3 is odd.",
            "Line 3, name: expected a text, found true or false: put it in quotes.",
            "Line 3, text: has 100,001 characters; at most 100,000 are taken.",
            "Line 4, name: has 201 characters; at most 200 are taken.",
            "Line 4, text: has a character that cannot be stored (NUL or half a surrogate pair).",
            "Line 5, name: expected a text, found a number: put it in quotes.",
            "Line 5, text: has a character that cannot be stored (NUL or half a surrogate pair).",
            "Line 6, name: expected a text, found a list.",
            "Line 6, text: expected a text, found an object.",
            "Line 7, name: “a\\u202eb” has a character that nobody can see. Take it out.",
            "Line 8, name: “a\\nb” has a character that nobody can see. Take it out.",
        ]

    def test_tells_an_unknown_field_once(self):
        _, wrong = read(*[{"name": "a", "nmae": "b"} for _ in range(50)], {"name": "a", "\ud800": 1})
        assert wrong == [
            "Line 1, nmae: unknown field. Known are name, text, number.",
            "Line 51, \\ud800: unknown field. Known are name, text, number.",
        ]
