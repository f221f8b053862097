"""Rows typed by pydantic: a model of each kind of row says its fields, types and limits, in one place.

pydantic finds the faults; they are told here, in the words of the house and by the field's name in the file.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from annotation.rows import Faults, kind_of, numbered, quoted
from core.limits import LONGEST_TEXT, LONGEST_WORD
from core.texts import is_storable, tidy
from core.unseen import deceives

UNSTORABLE = "has a character that cannot be stored (NUL or half a surrogate pair)."
MISSING = "is missing or empty."
NAMES_SHOWN = 5
MOST_SHAPES = 1000


class TypedRow(BaseModel):
    """What every row model is: nothing but its fields, and these never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def lacking(cls, names):
        """The fields that a row must have and that are not among `names`."""
        return [name for name, field in cls.model_fields.items() if field.is_required() and name not in names]


def typed_rows(model: type[TypedRow], rows, faults: Faults) -> Iterator[tuple[int, TypedRow]]:
    """(line, row) for each of `rows` (Rows or dicts) that is one; what is wrong with the others goes into `faults`.

    What is wrong with the names of the fields is told once: for a file of columns where these are named, else on the
    first record that has such names.
    """
    names = _Names(model, faults)
    for row in numbered(rows, faults):
        wrong = names.tell(row)
        try:
            typed = model.model_validate(row.fields)
        except ValidationError as error:
            for name, what in _told(error, model):
                if what is not None and (name, what) not in wrong:
                    faults.add(row.line, name, what)
        else:
            yield row.line, typed


class _Names:
    """What is wrong with the names of a file's fields."""

    def __init__(self, model, faults):
        self.model, self.faults = model, faults
        self.shapes, self.unknown = {}, set()
        self.takes_any = model.model_config["extra"] == "ignore"

    def tell(self, row):
        """Tell what is wrong with the names in a row, where it was not told. Returns what need not be told of it."""
        shape = frozenset(row.fields)
        if shape not in self.shapes:
            if len(self.shapes) == MOST_SHAPES:
                self.shapes.clear()
            self.shapes[shape] = self._tell(row)
        return self.shapes[shape]

    def _tell(self, row):
        known = self.model.model_fields
        lacking = self.model.lacking(row.fields)
        unknown = [] if self.takes_any else [name for name in row.fields if name not in known]
        new = [name for name in unknown if name not in self.unknown]
        self.unknown.update(unknown)
        if lacking and (unknown or row.header):
            self.faults.add(row.header or row.line, "", _of_names(row, lacking, unknown, known))
            return {(name, MISSING) for name in lacking}
        for name in new:
            self.faults.add(
                row.header or row.line, quoted(name)[1:-1], f"unknown field. Known are {', '.join(known)}."
            )
        return set()


def _of_names(row, lacking, unknown, known):
    """The sentence for fields that are lacking, beside those that are unknown."""
    kind = "column" if row.header else "field"
    but = ""
    if unknown:
        shown = ", ".join(map(quoted, unknown[:NAMES_SHOWN])) + ", …" * (len(unknown) > NAMES_SHOWN)
        but = f", and {shown} {'are' if len(unknown) > 1 else 'is'} not known"
    return (
        f"there is no {kind} {' nor '.join(map(quoted, lacking))}{but}. Known are {', '.join(known)}: rename "
        f"it, or say which {kind} is which."
    )


def fault(sentence, *, field=None):
    """What a validator raises: a fault told as it stands, of another field than its own if `field` names one."""
    return PydanticCustomError("fault", "{sentence}", {"sentence": sentence, "field": field})


def faults(found):
    """What a validator raises for several faults, [(where, sentence)]."""
    return PydanticCustomError("faults", "", {"faults": found})


def _told(error, model):
    """(name, sentence) of each fault; without a sentence where the model does not know the field."""
    for each in error.errors(include_url=False):
        kind, given, context = each["type"], each["input"], each.get("ctx", {})
        # Without a place it is the name of a field that is no text.
        name = each["loc"][0] if each["loc"] else given
        if kind == "faults":
            yield from context["faults"]
        elif kind == "fault":
            yield context["field"] or name, context["sentence"]
        elif name not in model.model_fields:
            yield quoted(name)[1:-1], None
        elif kind in ("missing", "too_short"):
            yield name, MISSING
        elif kind == "string_too_long":
            yield name, f"has {len(given):,} characters; at most {context['max_length']:,} are taken."
        else:
            remedy = ": put it in quotes." if isinstance(given, bool | int | float) else "."
            yield name, f"expected a text, found {kind_of(given)}{remedy}"


def _kept(value):
    """A text as it is kept; nothing is an empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    if not is_storable(value):
        raise fault(UNSTORABLE)
    return tidy(value)


def _word(value):
    """A word as it is kept: without blanks around it; a whole number is one too."""
    kept = str(value) if type(value) is int else _kept(value)
    if not isinstance(kept, str):
        return kept
    kept = kept.strip()
    if deceives(kept) or "\n" in kept or "\t" in kept:
        raise fault(f"{quoted(kept)} has a character that nobody can see. Take it out.")
    return kept


Text = Annotated[str, Field(max_length=LONGEST_TEXT), BeforeValidator(_kept)]
"""A text of a person or a model, as it is kept (core.texts.tidy)."""
Word = Annotated[str, Field(max_length=LONGEST_WORD), BeforeValidator(_word)]
"""An id or a name."""
