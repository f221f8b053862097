"""Reading JSONL and CSV as people save them."""

import csv
import io
import json
import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annotation.rows import Row
from core.errors import InvalidInput
from exchange.lines import BLOCK, LONGEST_LINE
from exchange.reading import LONGEST_RECORD, read_rows

# What a line of text may hold: everything that UTF-8 can spell.
TEXTS = st.text(st.characters(codec="utf-8"))
NAMES = ["prompt", "id", "tags"]


def read(text, name="prompts.jsonl"):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_rows(io.BytesIO(raw), name))


def faults(text, name="prompts.jsonl"):
    return [f"Line {row.line}: {row.fault}" for row in read(text, name) if row.fault]


def fault(text, name="prompts.jsonl"):
    """The one fault of a file; nothing is read after it."""
    rows = read(text, name)
    assert [row.line for row in rows if row.fault] == [rows[-1].line]
    return f"Line {rows[-1].line}: {rows[-1].fault}"


def csv_fault(text):
    return fault(text, "prompts.csv")


class TestReadRows:
    def test_gives_records_with_their_lines_and_skips_empty_ones(self):
        assert read('{"prompt": "a"}\n\n  \n{"prompt": "b"}\n') == [
            Row(1, {"prompt": "a"}),
            Row(4, {"prompt": "b"}),
        ]
        assert read("prompt,id\n\n,\na,1\n", "p.csv") == [Row(4, {"prompt": "a", "id": "1"})]

    def test_reads_nothing_from_a_file_without_records(self):
        for text in ("", "\n\n", "\ufeff", "prompt,id\n", "sep=;\n"):
            assert read(text, "p.csv") == []
        assert read("", "p.jsonl") == read(" \n\ufeff\n", "p.jsonl") == []

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("mark", ["", "\ufeff"])
    def test_takes_a_byte_order_mark_and_any_line_ends(self, mark, end):
        text = mark + end.join(['{"prompt": "a"}', "", '{"prompt": "b"}'])
        assert read(text) == [Row(1, {"prompt": "a"}), Row(3, {"prompt": "b"})]
        text = mark + end.join(["prompt,id", f'"a{end}b",1', "c,2", ""])
        assert read(text, "p.csv") == [
            Row(2, {"prompt": f"a{end}b", "id": "1"}),
            Row(4, {"prompt": "c", "id": "2"}),
        ]

    def test_takes_files_that_were_joined_with_their_marks(self):
        assert len(read('\ufeff{"prompt": "a"}\n\ufeff{"prompt": "b"}\n')) == 2
        assert read("\ufeff\ufeffprompt,id\na,1\n", "p.csv") == [Row(2, {"prompt": "a", "id": "1"})]
        one = '\ufeff"prompt",id\na,1\n'
        assert read(one + one, "p.csv") == [
            Row(2, {"prompt": "a", "id": "1"}),
            Row(3, {}, "the header of line 1 stands here again. Take this line out."),
            Row(4, {"prompt": "a", "id": "1"}),
        ]

    def test_ends_no_line_where_only_unicode_would(self):
        text = "a\u2028b\u2029c\u0085d"
        assert read(json.dumps({"prompt": text}, ensure_ascii=False)) == [Row(1, {"prompt": text})]
        text += "\x0be\x0cf\x1cg"
        assert read(f"prompt,id\n{text},1\n", "p.csv") == [Row(2, {"prompt": text, "id": "1"})]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_sees_no_border_between_blocks(self, end):
        for width in (BLOCK - 3, BLOCK - 2, BLOCK - 1, BLOCK, 2 * BLOCK):
            text = f"prompt{end}{'a' * (width - len('prompt') - len(end))}{end}ö{end}"
            assert [row.line for row in read(text, "p.csv")] == [2, 3]

    def test_holds_no_more_than_a_block_and_a_record(self):
        class Endless(io.RawIOBase):
            left = 40_000_000

            def read(self, size):
                self.left -= size
                return (b'{"prompt": "' + b"a" * 200 + b'"}\n') * (size // 215) if self.left > 0 else b""

        tracemalloc.start()
        count = sum(1 for _ in read_rows(Endless(), "p.jsonl"))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count > 100_000
        assert peak < 8 * BLOCK

    def test_refuses_a_file_it_does_not_know(self):
        with pytest.raises(InvalidInput, match="neither JSONL nor CSV"):
            read("", "prompts.xlsx")

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("prompt\nOù?\n".encode("utf-16"), "UTF-16"),
            ("prompt\nOù?\n".encode("utf-16-be"), "UTF-16"),
            ("prompt\nOù?\n".encode("utf-16-le"), "UTF-16"),
            ("prompt\nOù?\n".encode("utf-32"), "UTF-32"),
            (b"\x1f\x8b\x08\x00", "gzip"),
            (b"PK\x03\x04", "Excel workbook"),
            (b"PAR1\x00", "Parquet"),
            (b"BZh91AY&SY", "bzip2"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel workbook"),
            (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3", "PDF"),
        ],
    )
    def test_refuses_by_name_what_is_no_text_in_utf8(self, content, words):
        assert words in fault(content, "p.csv")
        assert words in fault(content, "p.jsonl")

    def test_names_the_line_that_is_not_utf8(self):
        assert fault(b'{"prompt": "a"}\n{"prompt": "caf\xe9"}\n{"prompt": "b"}') == (
            "Line 2: byte 16 (0xE9) is not UTF-8. Save the file as UTF-8 (“CSV UTF-8” in Excel); "
            "it looks like Windows-1252."
        )
        assert "Windows-1252" not in fault(b"prompt\ncaf\x81\n", "p.csv")
        assert "Windows-1252" not in fault("prompt\n日本語\n".encode("shift-jis"), "p.csv")
        assert "Windows-1252" not in fault("prompt\nПроверка\n".encode("cp1251"), "p.csv")

    def test_refuses_a_line_that_does_not_end(self):
        assert "Is this one record a line?" in fault(b"a" * (LONGEST_LINE + 2 * BLOCK), "p.jsonl")


class TestReadJsonl:
    def test_goes_on_after_a_line_that_is_not_json(self):
        text = '{"prompt": "a"}\n{"prompt": \n{"prompt": "b"}\n["c"]\n{"prompt": "d"},\n'
        assert [row.fields for row in read(text) if not row.fault] == [{"prompt": "a"}, {"prompt": "b"}]
        assert faults(text) == [
            "Line 2: not JSON (Expecting value, column 11).",
            'Line 4: expected an object like {"prompt": "…"}, one a line.',
            "Line 5: not JSON (something follows after the record, column 16).",
        ]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('[\n {"prompt": "a"}\n]', "This is a list"),
            ('[{"prompt": "a"},\n{"prompt": "b"}]', "This is a list"),
            ('["a"]', "This is a list"),
            ('{\n  "prompt": "a"\n}\n', "A record stands on one line."),
            ("prompt,id\na,1\n", "not JSON"),
        ],
    )
    def test_reads_no_further_where_the_first_line_is_of_another_form(self, text, words):
        assert words in fault(text)
        assert len(read(text)) == 1

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("{" + ",".join(f'"{n}":1' for n in range(100_000)) + "}", "has 100,000 fields; at most 200"),
            (f'{{"id": {"9" * 5000}}}', "a number has 5,000 digits"),
            (f'{{"a": [{{"id": -{"9" * 101}}}]}}', "digits. If it is a text, put it in quotes."),
            ('{"id": 1e400}', "a number is too large. If it is a text, put it in quotes."),
            ('{"id": NaN}', "NaN is no number in JSON"),
            ('{"id": -Infinity}', "-Infinity is no number in JSON"),
            ('{"prompt": "a", "prompt": "b"}', "the field “prompt” is there twice"),
            ('{"a": {"\\ud800": 1, "\\ud800": 2}}', "the field “\\ud800” is there twice"),
            (f'{{"a": {"[" * 100_000}{"]" * 100_000}}}', "nested too deeply"),
        ],
    )
    def test_names_what_json_may_say_and_nobody_means(self, text, words):
        assert words in fault(text)

    def test_keeps_numbers_and_texts_as_they_are(self):
        (row,) = read('{"id": "007", "candidate": 7, "weight": 0.5, "tags": ["a"], "split": null}')
        assert row.fields == {"id": "007", "candidate": 7, "weight": 0.5, "tags": ["a"], "split": None}

    @given(st.lists(st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS) | st.integers() | st.none())))
    def test_gives_back_what_json_wrote(self, records):
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        assert [row.fields for row in read(text)] == records
        ascii_only = "\r\n".join(json.dumps(record) for record in records)
        assert [row.fields for row in read(ascii_only)] == records


class TestReadCsv:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("prompt,id\na,1\n", "p.csv"),
            ("prompt;id\r\na;1\r\n", "p.csv"),
            ("sep=;\r\nprompt;id\r\na;1\r\n", "p.csv"),
            ("\ufeffSEP=;\nprompt;id\na;1\n", "p.csv"),
            ('"sep=;"\nprompt;id\na;1\n', "p.csv"),
            ("sep=\t\nprompt\tid\na\t1\n", "p.csv"),
            ("sep=^\nprompt^id\na^1\n", "p.csv"),
            ("prompt\tid\na\t1\n", "p.tsv"),
            ("prompt\tid\na\t1\n", "p.csv"),
            ("prompt,id\na,1\n", "p.TSV"),
            ("prompt|id\na|1\n", "p.csv"),
            ('"prompt";"id"\n"a";"1"\n', "p.csv"),
            ("prompt,id,\na,1,\n", "p.csv"),
            ("prompt,id,,\na,1\n", "p.csv"),
            ("prompt,id\na,1,,\n", "p.csv"),
            (" Prompt , ID \na,1\n", "p.csv"),
            ("prompt\u200b,\u00a0id\na,1\n", "p.csv"),
        ],
    )
    def test_recognizes_the_separator(self, text, name):
        assert [row.fields for row in read(text, name)] == [{"prompt": "a", "id": "1"}]

    def test_reads_a_single_column_by_the_names_ending(self):
        assert read("prompt\na; b\n", "p.csv")[0].fields == {"prompt": "a; b"}
        assert read("prompt\na, b; c\n", "p.tsv")[0].fields == {"prompt": "a, b; c"}

    def test_keeps_what_stands_in_quotes(self):
        assert read('prompt,id\n"a, ""b""\n c ",007\n', "p.csv")[0].fields == {
            "prompt": 'a, "b"\n c ',
            "id": "007",
        }

    def test_goes_on_after_a_row_of_another_length(self):
        text = "prompt,id\na\nb,2\nc,3,4\n\nd,5\n"
        assert [row.fields.get("prompt") for row in read(text, "p.csv") if not row.fault] == ["b", "d"]
        assert faults(text, "p.csv") == [
            "Line 2: 1 cell, but the header has 2. Leave a cell empty rather than out; Excel leaves out empty last "
            "cells: put a column that is never empty last.",
            "Line 4: 3 cells, but the header has 2. Put quotes around a text with a comma.",
        ]
        assert "with a semicolon" in csv_fault("prompt;id\na;b;c\n")

    @pytest.mark.parametrize(
        ("header", "words"),
        [
            (
                ",".join(f"c{n}" for n in range(100_000)),
                "Line 1: the header has 100,000 columns; at most 200",
            ),
            ("prompt,prompt", "Line 1: the column “prompt” is there twice."),
            ("prompt,Prompt ", "Line 1: the column “prompt” is there twice."),
            ("prompt,prompt\u200b", "Line 1: the column “prompt” is there twice."),
            (",prompt", "Line 1: column 1 has no name"),
            ("\u200b,\u2060", "Line 1: the header names no column"),
        ],
    )
    def test_refuses_a_header_that_names_a_column_twice_or_not_at_all(self, header, words):
        assert words in csv_fault(f"{header}\na,b\n")

    def test_names_the_line_on_which_a_quote_was_opened(self):
        rest = "".join(f"text {number},{number}\n" for number in range(200))
        assert csv_fault(f'prompt,id\na,1\n"b\nc",2\n"never closed,3\n{rest}').startswith(
            "Line 5: a quote is opened"
        )
        assert csv_fault(f'prompt,id\n"a\nb","never closed\n{rest}').startswith("Line 3: a quote is opened")
        assert csv_fault(f'prompt,id\n"never closed,1\n{rest}"good",2\n') == (
            'Line 2: a quoted text that is opened here is closed on line 203, where it is followed by “good",2”. Close '
            'the quote where the text ends, and write a quote inside a text twice (""). Nothing after it was read.'
        )
        assert csv_fault('prompt,id\n"He said "so" twice",1\n').startswith(
            "Line 2: a quoted text is followed by “so"
        )

    def test_names_a_blank_that_keeps_a_quote_from_being_one(self):
        assert csv_fault('prompt,id\nb,2\na, "1, 2"\n').startswith("Line 3: there is a blank between")
        assert csv_fault('prompt;id\n"a\nb"; "1"\n').startswith("Line 3: there is a blank between")
        assert read('prompt,id\n"a, ""b"", \n, ""c",1\n', "p.csv")[0].fields["prompt"] == 'a, "b", \n, "c'

    def test_names_a_quote_that_swallows_more_than_a_record_may_hold(self):
        rest = b"a,1\n" * (LONGEST_RECORD // 4)
        assert csv_fault(b'prompt,id\n"never closed,1\n' + rest).startswith("Line 2: a quote is opened here")

    def test_measures_no_cell_itself(self):
        assert len(read("prompt\n" + "a" * 5_000_000 + "\n", "p.csv")[0].fields["prompt"]) == 5_000_000
        assert "longer than" in csv_fault("prompt\n" + "a" * (LONGEST_RECORD + 1) + "\n")

    @given(
        st.lists(st.fixed_dictionaries({name: TEXTS for name in NAMES})),
        st.sampled_from([",", ";", "\t", "|"]),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.booleans(),
    )
    def test_gives_back_what_csv_wrote(self, records, separator, end, all_quoted):
        # That would be the mark of a file that was joined to another.
        assume(not any(record["prompt"].startswith("\ufeff") for record in records))
        # Not every csv.writer puts a bare CR or LF in quotes where lines end otherwise.
        all_quoted |= any(set("\r\n") & set(text) for record in records for text in record.values())
        file = io.StringIO(newline="")
        writer = csv.DictWriter(
            file,
            NAMES,
            delimiter=separator,
            lineterminator=end,
            quoting=csv.QUOTE_ALL if all_quoted else csv.QUOTE_MINIMAL,
        )
        writer.writeheader()
        writer.writerows(records)
        kept = [record for record in records if any(text.strip() for text in record.values())]
        assert [row.fields for row in read(file.getvalue(), "p.csv")] == kept
