"""What an intake takes: the records of a file, each with the line it stands on, or plain dicts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LONGEST_QUOTE = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: the line it begins on, counted from 1, and its fields as they stand there.

    `fault`: why the record could not be read, as a sentence; it has no fields then.
    """

    line: int
    fields: dict
    fault: str = ""


def numbered(rows: Iterable, faults) -> Iterator[Row]:
    """Rows as they are; plain dicts counted from line 1. A row that could not be read becomes a fault."""
    for line, row in enumerate(rows, start=1):
        if not isinstance(row, Row):
            yield Row(line, row)
        elif row.fault:
            faults.add(row.line, "", row.fault)
        else:
            yield row


def quoted(value) -> str:
    """A value of a file as a fault names it: in quotes, short, with nothing in it that cannot be shown."""
    text = str(value)
    text = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    return "“" + "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text) + "”"
