"""Reading JSONL and CSV as people save them."""

import io

import pytest

from core.errors import InvalidInput
from exchange.reading import Row, read_rows


def read(text, name="prompts.jsonl"):
    raw = text if isinstance(text, bytes) else text.encode()
    return list(read_rows(io.BytesIO(raw), name))


def fault(text, name="prompts.jsonl"):
    with pytest.raises(InvalidInput) as caught:
        read(text, name)
    return caught.value.errors[0] if caught.value.errors else str(caught.value)


class TestReadRows:
    def test_gives_records_with_their_lines_and_skips_empty_ones(self):
        assert read('{"prompt": "a"}\n\n{"prompt": "b"}\n') == [
            Row(1, {"prompt": "a"}),
            Row(3, {"prompt": "b"}),
        ]

    def test_takes_a_byte_order_mark_and_any_line_ends(self):
        assert read(b'\xef\xbb\xbf{"prompt": "a"}\r\n{"prompt": "b"}') == [
            Row(1, {"prompt": "a"}),
            Row(2, {"prompt": "b"}),
        ]
        assert read(b"\xef\xbb\xbfprompt,id\r\na,1\r\n", "p.csv") == [Row(2, {"prompt": "a", "id": "1"})]

    def test_counts_the_lines_of_texts_that_span_several(self):
        rows = read('prompt,id\n"one\ntwo",1\nthree,2\n', "p.csv")
        assert rows == [Row(2, {"prompt": "one\ntwo", "id": "1"}), Row(4, {"prompt": "three", "id": "2"})]

    def test_reads_tabs_and_quoted_commas(self):
        assert read("prompt\tid\na, b\t1\n", "p.tsv")[0].fields == {"prompt": "a, b", "id": "1"}
        assert read('prompt,id\n"a, ""b""",1\n', "p.csv")[0].fields == {"prompt": 'a, "b"', "id": "1"}

    def test_reads_as_it_goes(self):
        def lines():
            yield b'{"prompt": "a"}\n'
            raise AssertionError("read on before it was asked")

        assert next(read_rows(lines(), "p.jsonl")).fields == {"prompt": "a"}

    def test_names_the_line_that_is_not_json(self):
        assert fault('{"prompt": "a"}\n{"prompt": \n').startswith("Line 2: not JSON")
        assert "enclosing list" in fault('[\n {"prompt": "a"}\n]')
        assert fault('["a"]').startswith("Line 1: expected an object")

    def test_names_the_line_that_is_not_utf8(self):
        assert fault(b'{"prompt": "a"}\n{"prompt": "caf\xe9"}') == (
            "Line 2: byte 16 is not UTF-8. Save the file as UTF-8."
        )
        assert fault(b"prompt\ncaf\xe9\n", "p.csv").startswith("Line 2: byte 4")

    def test_names_the_line_with_too_many_cells(self):
        assert fault("prompt,id\na,b,c\n", "p.csv").startswith("Line 2: 3 cells, but the header has 2.")
        assert fault("prompt,prompt\na,b\n", "p.csv") == "Line 1: the column “prompt” is there twice."
        assert fault('prompt\n"never closed\n', "p.csv").startswith("Line 2: not CSV")

    def test_refuses_a_file_it_does_not_know(self):
        assert "neither JSONL nor CSV" in fault("", "prompts.xlsx")
