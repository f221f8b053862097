"""PURE. What a model is asked: a list of messages, the last one the user's. A single question is one message."""

import hashlib
import json
from dataclasses import dataclass

from annotation.rows import kind_of, quoted
from core.limits import LONGEST_TEXT
from core.texts import is_blank, is_storable, recognized, tidy

SYSTEM, USER, ASSISTANT = ROLES = ("system", "user", "assistant")
FIELDS = ("role", "content")
MOST_MESSAGES = 1000
LONGEST_CONVERSATION = LONGEST_TEXT
"""Characters of all messages together, as many as a single text may have."""

# About what fits beside a response without pushing the question out of sight.
SHORT_MESSAGES, SHORT_CHARACTERS = 4, 1500


@dataclass(frozen=True)
class Message:
    """One turn: who says it (one of ROLES) and what."""

    role: str
    text: str


def as_chat(messages):
    """Messages as the files of this trade spell them: [{"role", "content"}, …]."""
    return [{"role": message.role, "content": message.text} for message in messages]


def digest(messages):
    """The SHA-256 by which a conversation is recognized, in hexadecimal; see core.texts.recognized.

    That of a single question is over its text alone; of a longer conversation over all roles and texts, behind a NUL
    that no text can hold.
    """
    if len(messages) == 1:
        words = recognized(messages[0].text)
    else:
        turns = [[message.role, recognized(message.text)] for message in messages]
        words = "\0" + json.dumps(turns, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(words.encode()).hexdigest()


def alternates(messages):
    """Whether user and assistant take turns, beginning with the user: some chat templates refuse anything else."""
    roles = [message.role for message in messages if message.role != SYSTEM]
    return all(role == (USER, ASSISTANT)[place % 2] for place, role in enumerate(roles))


def is_long(earlier):
    """Whether messages before a question are so many, or so long, that a page begins with them folded."""
    return len(earlier) > SHORT_MESSAGES or sum(len(message.text) for message in earlier) > SHORT_CHARACTERS


def read_messages(value, name="messages"):
    """(messages, faults) of a field that holds [{"role", "content"}, …].

    A fault is a pair: where ("messages", or "messages, turn 3") and what to do. With faults the messages are empty.
    """
    if not isinstance(value, list):
        return (), [
            (
                name,
                f'expected a list like [{{"role": "user", "content": "…"}}], found {kind_of(value)}; '
                "JSONL alone can hold it.",
            )
        ]
    if not value:
        return (), [(name, "is empty: give at least the user's question.")]
    if len(value) > MOST_MESSAGES:
        return (), [(name, f"has {len(value):,} turns; at most {MOST_MESSAGES:,} are taken.")]
    turns = list(enumerate(value, start=1))
    faults = [
        (f"{name}, turn {turn}", what) for turn, each in turns for what in _faults(each, turn, len(value))
    ]
    if faults:
        return (), faults
    messages = tuple(Message(each["role"], tidy(each["content"])) for each in value)
    length = sum(len(message.text) for message in messages)
    if length > LONGEST_CONVERSATION:
        return (), [(name, f"has {length:,} characters; at most {LONGEST_CONVERSATION:,} are taken.")]
    return messages, []


def _faults(each, turn, last):
    """What is wrong with one turn."""
    if not isinstance(each, dict):
        yield f"expected an object with role and content, found {kind_of(each)}."
        return
    for key in each:
        if key not in FIELDS:
            yield f"unknown field {quoted(key)}. Known are role, content."
    role, text = each.get("role"), each.get("content")
    if role not in ROLES:
        yield f"{quoted(role)} is no role: system, user or assistant." if role else "has no role."
    elif role == SYSTEM and turn > 1:
        yield "a system message stands once, before all others."
    elif turn == last and role != USER:
        yield f"the last turn must be the user's, which the model answers; this is the {role}'s. Leave it out."
    if not isinstance(text, str):
        yield ("has no content." if text is None else f"expected a text as content, found {kind_of(text)}.")
    elif not is_storable(text):
        yield "has a character that cannot be stored (NUL or half a surrogate pair)."
    elif is_blank(text):
        yield "is empty."
