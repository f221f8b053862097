"""PURE. How long what people type or bring may be: the one place that says so, to forms, use cases and imports.

What is stored already and is longer stays as it is, and readable.
"""

from core.errors import InvalidInput
from core.texts import is_storable, tidy

LONGEST_TEXT = 100_000
"""Characters of what a model is asked, answers or should have answered: a prompt, a response, a revised one."""
LONGEST_REMARK = 50_000
"""Characters of what a person says about it: a comment, a rationale, a reason, the guidelines of a project."""
LONGEST_SYSTEM_PROMPT = 1000
LONGEST_WORD = 200
"""Characters of an id or a name, such as a project's."""
LONGEST_TAG = 60
MOST_TAGS = 100
LONGEST_PERSON = 150
"""Characters of a user name or of a person's name."""
LONGEST_PASSWORD = 4096
MOST_COLUMNS = 200
"""Columns of a table, or fields of a record."""
MOST_DIGITS = 18
"""Digits of a whole number: as many as a database holds, whatever they are."""


def text_fault(text, longest=LONGEST_REMARK):
    """What is wrong with a text that somebody gave, as a sentence that says what to do, or None."""
    if len(text) > longest:
        return f"Keep this under {longest:,} characters; it has {len(text):,}."
    if "\x00" in text:
        return "Remove the unprintable character (NUL) from this text."
    if not is_storable(text):
        return "Remove the damaged character (half a surrogate pair) from this text."
    return None


def asked_text(text, missing):
    """(the text as it is kept, what is wrong with it or None) of a text that somebody has to give; `missing` asks."""
    text = tidy(text).strip()
    return text, text_fault(text) if text else missing


def check_texts(*texts):
    """Raise InvalidInput for the first of (text, longest, what it is) that cannot be taken."""
    for text, longest, what in texts:
        if fault := text_fault(text, longest):
            raise InvalidInput(f"{what} cannot be saved. {fault}")


def whole_number(text):
    """The number that ASCII digits spell; None where `text` spells none, or one that nothing here can be."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
