"""Reading what people bring: JSONL or CSV into rows that know their line. No database.

A file is read once, as it comes, from any binary file object; no more of it is held than a block and one record. A
record that cannot be read comes as a Row with its fault, and the reading goes on; where nothing after a fault can be
trusted (encoding, quotes, a header), that row is the last one.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from math import isfinite

from annotation.rows import Row, quoted
from core.errors import InvalidInput
from core.limits import MOST_COLUMNS
from core.texts import recognized
from exchange.lines import Unreadable, lines_of
from exchange.quotes import fault_of_blanks, fault_of_quotes

JSONL, CSV = ("jsonl", "ndjson", "json"), ("csv", "tsv")
SEPARATORS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
SEPARATOR_NAMED = re.compile('"?sep=([^\\w"\r\n])"?[\r\n]*', re.IGNORECASE)
"""How Excel says it, on a line before the header."""
LONGEST_RECORD = 10_000_000
"""Characters of a record of a CSV file, over all its lines."""
LONGEST_NUMBER = 100
MARK = "\ufeff"

# Its own limit (131,072 characters a cell) would speak before ours.
csv.field_size_limit(LONGEST_RECORD)


def read_rows(file, name: str) -> Iterator[Row]:
    """The rows of a binary file, read as JSONL (.jsonl, .ndjson, .json) or CSV (.csv, .tsv) by its name's ending.

    The separator of a CSV file is the one that its header has (or names: Excel's "sep=;"). Raises InvalidInput for
    another ending; every other fault is told by a Row.
    """
    ending = require_known_ending(name)
    if ending in JSONL:
        read = _read_jsonl(file)
    else:
        read = _read_csv(file, "\t" if ending == "tsv" else ",")
    return _until_unreadable(read)


def require_known_ending(name):
    """The ending of a file's name. Raises InvalidInput for one that says neither JSONL nor CSV."""
    ending = name.lower().rpartition(".")[2]
    if ending not in JSONL + CSV:
        raise InvalidInput(f"“{name}” is neither JSONL nor CSV: name it .jsonl or .csv.")
    return ending


def _until_unreadable(rows):
    try:
        yield from rows
    except Unreadable as end:
        yield Row(end.line, {}, end.fault)


def _read_jsonl(file):
    is_first = True
    for line, text in lines_of(file):
        # Files that were joined have a mark in their midst.
        text = text.removeprefix(MARK).rstrip()
        if not text:
            continue
        try:
            row = Row(line, _record(text))
        except ValueError as error:
            if is_first and not (text.lstrip().startswith("{") and text.endswith("}")):
                raise Unreadable(line, f"{error} {_hint(text.lstrip())}".strip()) from None
            row = Row(line, {}, str(error))
        is_first = False
        yield row


def parse_json(text: str):
    """What a text of JSON says, more strictly than Python reads it. Raises ValueError with a sentence."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        what = "something follows after the record" if error.msg == "Extra data" else error.msg
        raise ValueError(f"not JSON ({what}, column {error.colno}).") from None
    except RecursionError:
        raise ValueError("nested too deeply.") from None


def _record(text):
    record = parse_json(text)
    if not isinstance(record, dict):
        raise ValueError('expected an object like {"prompt": "…"}, one a line.')
    if len(record) > MOST_COLUMNS:
        raise ValueError(f"has {len(record):,} fields; at most {MOST_COLUMNS} are taken.")
    return record


def _hint(text):
    if text.startswith("["):
        return (
            "This is a list: put each of its records on a line of its own, without the brackets and commas."
        )
    return "A record stands on one line." if text.startswith("{") else ""


def _whole_number(digits):
    # Python reads no more than 4,300, and nothing that is taken has so many.
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number has {len(digits):,} digits. If it is a text, put it in quotes.")
    return int(digits)


def _number(digits):
    number = float(digits)
    if not isfinite(number):
        raise ValueError("a number is too large. If it is a text, put it in quotes.")
    return number


def _no_number(name):
    raise ValueError(f"{name} is no number in JSON: write null, or leave the field out.")


def _object(pairs):
    # Of a field that is there twice, one would be lost without a word.
    record = dict(pairs)
    if len(record) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise ValueError(f"the field {quoted(names.most_common(1)[0][0])} is there twice.")
    return record


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole_number, parse_float=_number, parse_constant=_no_number
)


def _read_csv(file, usual):
    lines = lines_of(file)
    line, text = next(((line, text) for line, text in lines if text.strip()), (1, ""))
    named = SEPARATOR_NAMED.fullmatch(text)
    if named:
        separator = named[1]
    else:
        separator = _separator_of(text, usual)
        lines = chain([(line, text)], lines)
    header, named_as, named_on = None, None, 0
    for line, cells in _records(lines, separator):
        if not any(cell.strip() for cell in cells):
            continue
        if header is None:
            header, named_as, named_on = _header(line, cells), cells, line
        elif cells == named_as:
            yield Row(line, {}, f"the header of line {named_on} stands here again. Take this line out.")
        elif len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            yield Row(line, {}, _wrong_number(cells, header, separator))
        else:
            yield Row(line, dict(zip(header, cells, strict=False)), header=named_on)


def _separator_of(text, usual):
    """The separator that a header line has most of: names of fields hold none."""
    unquoted = re.sub('"[^"]*"', "", text)
    return max(SEPARATORS, key=lambda each: (unquoted.count(each), each == usual))


def _records(lines, separator):
    """(line, cells) of each record; lines are remembered while csv reads on, so that a fault finds its quote."""
    held = []

    def feed():
        size = 0
        for line, text in lines:
            if not held:
                size, text = 0, text.removeprefix(MARK)
            size += len(text)
            held.append((line, text))
            if size > LONGEST_RECORD:
                at, fault = fault_of_quotes(held, separator)
                raise Unreadable(at, fault or f"the record is longer than {LONGEST_RECORD:,} characters.")
            yield text

    reader = csv.reader(feed(), delimiter=separator, strict=True)
    while True:
        held.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            at, fault = fault_of_quotes(held, separator)
            raise Unreadable(at, fault or f"not CSV ({error}).") from None
        if cells is None:
            return
        if found := fault_of_blanks(held, separator):
            raise Unreadable(*found)
        yield held[0][0], cells


def _header(line, cells):
    names = [recognized(cell).lower() for cell in cells]
    if not any(names):
        raise Unreadable(line, "the header names no column: what stands there cannot be seen.")
    while not names[-1]:
        names.pop()
    if len(names) > MOST_COLUMNS:
        raise Unreadable(line, f"the header has {len(names):,} columns; at most {MOST_COLUMNS} are taken.")
    for number, name in enumerate(names, start=1):
        if not name:
            raise Unreadable(line, f"column {number} has no name: give it one, or take it out.")
        if name in names[: number - 1]:
            raise Unreadable(line, f"the column {quoted(name)} is there twice.")
    return names


def _wrong_number(cells, header, separator):
    counts = f"{len(cells)} cell{'s' * (len(cells) != 1)}, but the header has {len(header)}."
    if len(cells) < len(header):
        return (
            f"{counts} Leave a cell empty rather than out; Excel leaves out empty last cells: put a column that is "
            "never empty last."
        )
    return f"{counts} Put quotes around a text with {SEPARATORS.get(separator, f'“{separator}”')}."
