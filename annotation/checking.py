"""Checking the fields of what people bring, and collecting every fault by line and field. No database rows."""

from annotation.conversations import USER, Message, read_messages
from annotation.models import Prompt
from core.errors import InvalidInput
from core.texts import is_storable, tidy

FAULTS_SHOWN = 100
LONGEST_TEXT = 100_000
SPLIT_WORDS = {
    "train": Prompt.Split.TRAIN,
    "training": Prompt.Split.TRAIN,
    "validation": Prompt.Split.VALIDATION,
    "valid": Prompt.Split.VALIDATION,
    "dev": Prompt.Split.VALIDATION,
    "held-out": Prompt.Split.HELD_OUT,
    "heldout": Prompt.Split.HELD_OUT,
    "held_out": Prompt.Split.HELD_OUT,
    "test": Prompt.Split.HELD_OUT,
}


class Faults:
    """Collects every fault, shows the first hundred."""

    def __init__(self):
        self.lines, self.count = [], 0

    def add(self, line, name, what):
        self.count += 1
        if self.count <= FAULTS_SHOWN:
            self.lines.append(f"Line {line}, {name}: {what}" if name else f"Line {line}: {what}")

    def raise_any(self):
        if self.count > FAULTS_SHOWN:
            self.lines.append(f"… and {self.count - FAULTS_SHOWN} more.")
        if self.count:
            raise InvalidInput(f"Nothing was imported: {self.count} fault(s) to mend first.", self.lines)


def check_fields(row, known, faults):
    for name in row.fields:
        if name not in known:
            faults.add(row.line, name, f"unknown field. Known are {', '.join(known)}.")


def text_of(row, name, faults, required=False):
    value = row.fields.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str):
        faults.add(row.line, name, f"expected a text, found {type(value).__name__}.")
        return ""
    if not is_storable(value):
        faults.add(row.line, name, "has a character that cannot be stored (NUL or half a surrogate pair).")
        return ""
    value = tidy(value)
    if required and not value:
        faults.add(row.line, name, "is missing or empty.")
    if len(value) > LONGEST_TEXT:
        faults.add(row.line, name, f"has {len(value):,} characters; at most {LONGEST_TEXT:,} are taken.")
        return ""
    return value


def messages_of(row, faults):
    """The conversation of a row as a tuple of Messages: its `prompt`, or its `messages`. Empty where it has a fault.

    A `prompt` may be a list of messages itself, as TRL's data sets have it.
    """
    prompt, messages = (row.fields.get(name) or None for name in ("prompt", "messages"))
    if messages is None and not isinstance(prompt, list):
        text = text_of(row, "prompt", faults, required=True)
        return (Message(USER, text),) if text else ()
    if messages is not None and prompt is not None:
        faults.add(row.line, "messages", "stands beside a prompt: give one of the two.")
        return ()
    name = "prompt" if messages is None else "messages"
    found, wrong = read_messages(row.fields[name], name)
    for where, what in wrong:
        faults.add(row.line, where, what)
    return found


def word_of(row, name, faults, longest, required=False):
    value = row.fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    else:
        value = text_of(row, name, faults, required=required).strip()
    if len(value) > longest:
        faults.add(row.line, name, f"has {len(value)} characters; at most {longest} are taken.")
        return ""
    return value


def tags_of(row, faults):
    value = row.fields.get("tags")
    if value is None or isinstance(value, str):
        value = (value or "").split(";")
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        faults.add(row.line, "tags", "expected a list of words, or words separated by “;”.")
        return ()
    tags = tuple(dict.fromkeys(tag.strip() for tag in value if tag.strip()))
    for tag in tags:
        if not is_storable(tag):
            faults.add(row.line, "tags", "have a character that cannot be stored.")
        elif len(tag) > 60:
            faults.add(row.line, "tags", f"“{tag[:20]}…” has {len(tag)} characters; at most 60 are taken.")
    return tags


def split_of(row, faults):
    value = row.fields.get("split")
    if value is None or value == "":
        return None
    split = SPLIT_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    if split is None:
        faults.add(
            row.line, "split", f"“{value}” is no split: train, validation or held-out, or leave it out."
        )
    return split


def candidate_of(row, faults):
    value = row.fields.get("candidate")
    if value is None or value == "":
        return 0
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1000:
        faults.add(row.line, "candidate", f"“{value}” is no whole number from 0 to 1000.")
        return 0
    return value
