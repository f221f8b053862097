"""Rows typed by pydantic: a model of each kind of row says its fields, types and limits, in one place.

pydantic finds the faults; they are told here, in the words of the house and by the field's name in the file.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from annotation.rows import Faults, numbered, quoted
from core.limits import LONGEST_TEXT, LONGEST_WORD
from core.texts import is_storable, tidy

UNSTORABLE = "has a character that cannot be stored (NUL or half a surrogate pair)."
MISSING = "is missing or empty."
FOUND = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}


class TypedRow(BaseModel):
    """What every row model is: nothing but its fields, and these never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def typed_rows(model: type[TypedRow], rows, faults: Faults) -> Iterator[tuple[int, TypedRow]]:
    """(line, row) for each of `rows` (Rows or dicts) that is one; what is wrong with the others goes into `faults`.

    A field that the model does not know is told once, on the first line that has it.
    """
    unknown = set()
    for row in numbered(rows, faults):
        try:
            typed = model.model_validate(row.fields)
        except ValidationError as error:
            for name, what in _told(error, model):
                if what is not None:
                    faults.add(row.line, name, what)
                elif name not in unknown:
                    unknown.add(name)
                    known = ", ".join(model.model_fields)
                    faults.add(row.line, name, f"unknown field. Known are {known}.")
        else:
            yield row.line, typed


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
            yield name, f"expected a text, found {FOUND.get(type(given), 'something else')}."


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
    return kept.strip() if isinstance(kept, str) else kept


Text = Annotated[str, Field(max_length=LONGEST_TEXT), BeforeValidator(_kept)]
"""A text of a person or a model, as it is kept (core.texts.tidy)."""
Word = Annotated[str, Field(max_length=LONGEST_WORD), BeforeValidator(_word)]
"""An id or a name."""
