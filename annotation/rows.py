"""What an intake takes: the records of a file, each with the line it stands on, or plain dicts."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One record of a file: the line it begins on, counted from 1, and its fields as they stand there."""

    line: int
    fields: dict


def numbered(rows: Iterable) -> Iterator[Row]:
    """Rows as they are; plain dicts counted from line 1."""
    for line, row in enumerate(rows, start=1):
        yield row if isinstance(row, Row) else Row(line, row)
