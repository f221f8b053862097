"""What an intake takes: the records of a file, each with the line it stands on, or plain dicts."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from core.errors import InvalidInput

FAULTS_SHOWN = 100
MOST_FAULTS = 10_000
"""After so many, nobody mends a file row by row: it is not read on."""
LONGEST_QUOTE = 40
KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "nothing",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: the line it begins on, counted from 1, and its fields as they stand there.

    `fault`: why the record could not be read, as a sentence; it has no fields then. `header`: the line that names the
    columns of the whole file, 0 where every record names its own fields.
    """

    line: int
    fields: dict
    fault: str = ""
    header: int = field(default=0, compare=False)


class Faults:
    """Counts every fault of a file and tells the first hundred, in the order of their lines."""

    def __init__(self, file=""):
        """`file`: its name, where the person brought several."""
        self.file, self.count, self._told = file, 0, []

    def add(self, line, name, what):
        """A fault of the field `name` ("" for the whole record) on `line`, as a sentence that says what to do.

        Raises InvalidInput once there are MOST_FAULTS.
        """
        self.count += 1
        place = f"{self.file}, line {line}" if self.file else f"Line {line}"
        self._told.append((line, f"{place}, {name}: {what}" if name else f"{place}: {what}"))
        if self.count >= MOST_FAULTS:
            self.raise_any()
        if len(self._told) > 10 * FAULTS_SHOWN:
            self._keep_first()

    def raise_any(self, so_far=None):
        """Raise InvalidInput where there are faults. `so_far`: what was imported, as a clause; else nothing was."""
        if not self.count:
            return
        self._keep_first()
        told = [sentence for _, sentence in self._told]
        if self.count > FAULTS_SHOWN:
            told.append(f"… and {self.count - FAULTS_SHOWN} more.")
        if self.count >= MOST_FAULTS:
            told.append("The file was not read on.")
        done = so_far or "Nothing was imported"
        raise InvalidInput(f"{done}: {self.count} fault(s) to mend first.", told)

    def _keep_first(self):
        self._told = sorted(self._told, key=lambda each: each[0])[:FAULTS_SHOWN]


def numbered(rows: Iterable, faults: Faults) -> Iterator[Row]:
    """Rows as they are; plain dicts counted from line 1. A row that could not be read becomes a fault."""
    for line, row in enumerate(rows, start=1):
        if not isinstance(row, Row):
            yield Row(line, row)
        elif row.fault:
            faults.add(row.line, "", row.fault)
        else:
            yield row


def kind_of(value) -> str:
    """What a value of a record is, as a fault names it where something else was expected."""
    return KINDS.get(type(value), "something else")


def quoted(value) -> str:
    """A value of a file as a fault names it: in quotes, short, with nothing in it that cannot be shown."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"
    return "“" + "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text) + "”"
