"""Which column of a file is which field: what people choose where a file names its columns otherwise. No database."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from annotation.rows import Row, quoted
from core.errors import InvalidInput


def mapped(rows: Iterator[Row], fields: Mapping[str, str]) -> Iterator[Row]:
    """The rows with their columns under other names: {column of the file: field, "" to leave it out}.

    A column that is not named keeps its name; one that a chosen column takes the name of is left out. Raises
    InvalidInput where two columns are chosen for one field.
    """
    chosen = [field for field in fields.values() if field]
    for field in chosen:
        if chosen.count(field) > 1:
            raise InvalidInput(f"Two columns are chosen for {quoted(field)}: choose one of them.")
    taken = set(chosen)
    for row in rows:
        pairs = ((_field(name, fields, taken), value) for name, value in row.fields.items())
        yield replace(row, fields={name: value for name, value in pairs if name})


def _field(name, fields, taken):
    if name in fields:
        return fields[name]
    return "" if name in taken else name
