"""Reading what people bring: JSONL or CSV into rows that know their line. No database.

A file is read once, line by line, from any binary file object; UTF-8 with or without a byte order mark, any
line ends. The first thing that cannot be read ends the reading, since nothing after it can be trusted.
"""

import csv
import json
from collections.abc import Iterator

from annotation.rows import Row
from core.errors import InvalidInput

LONGEST_CELL = 10_000_000


def read_rows(file, name: str) -> Iterator[Row]:
    """The rows of a JSONL (.jsonl, .ndjson, .json) or CSV (.csv, .tsv) file, by its name's ending.

    Raises InvalidInput, naming the line, where the file cannot be read as that.
    """
    ending = name.lower().rpartition(".")[2]
    if ending in ("jsonl", "ndjson", "json"):
        return _read_jsonl(file)
    if ending in ("csv", "tsv"):
        return _read_csv(file, "\t" if ending == "tsv" else ",")
    raise InvalidInput(f"“{name}” is neither JSONL nor CSV: name it .jsonl or .csv.")


def _lines(file):
    for line, raw in enumerate(file, start=1):
        if line == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield line, raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise unreadable(
                f"Line {line}: byte {error.start + 1} is not UTF-8. Save the file as UTF-8."
            ) from None


def _read_jsonl(file):
    for line, text in _lines(file):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            hint = " One record a line, no enclosing list." if line == 1 and text.lstrip()[:1] in "[{" else ""
            raise unreadable(f"Line {line}: not JSON ({error.msg}, column {error.colno}).{hint}") from None
        except RecursionError:
            raise unreadable(f"Line {line}: nested too deeply.") from None
        if not isinstance(record, dict):
            raise unreadable(f'Line {line}: expected an object like {{"prompt": "…"}}, one a line.')
        yield Row(line, record)


def _read_csv(file, delimiter):
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader((text for _, text in _lines(file)), delimiter=delimiter, strict=True)
    header, line = None, 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise unreadable(f"Line {max(reader.line_num, line)}: not CSV ({error}).") from None
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            pass
        elif header is None:
            header = _header(cells)
        elif len(cells) != len(header):
            raise unreadable(
                f"Line {line}: {len(cells)} cells, but the header has {len(header)}. "
                "Put quotes around a text with a comma."
            )
        else:
            yield Row(line, dict(zip(header, cells, strict=True)))
        line = reader.line_num + 1


def _header(cells):
    names = [cell.strip().lower() for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise unreadable(f"Line 1: the column “{twice[0]}” is there twice.")
    return names


def unreadable(fault):
    return InvalidInput("Nothing was imported: the file cannot be read.", [fault])
