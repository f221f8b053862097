"""The kinds of rows that annotation takes: their fields, types and limits."""

from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator, WrapValidator, field_validator

from annotation.conversations import USER, Message, read_messages
from annotation.importing.typed import MISSING, UNSTORABLE, Text, TypedRow, Word, fault, faults
from annotation.models import Prompt
from annotation.rows import quoted
from core.limits import LONGEST_TAG, MOST_TAGS, whole_number
from core.texts import is_storable

MOST_CANDIDATES = 1000
MOST_RATINGS = 1000
SPLIT_WORDS = {
    "train": Prompt.Split.TRAIN,
    "training": Prompt.Split.TRAIN,
    "validation": Prompt.Split.VALIDATION,
    "valid": Prompt.Split.VALIDATION,
    "val": Prompt.Split.VALIDATION,
    "dev": Prompt.Split.VALIDATION,
    "held-out": Prompt.Split.HELD_OUT,
    "heldout": Prompt.Split.HELD_OUT,
    "held_out": Prompt.Split.HELD_OUT,
    "held out": Prompt.Split.HELD_OUT,
    "test": Prompt.Split.HELD_OUT,
}


def _conversation(value, name):
    messages, wrong = read_messages(value, name)
    if wrong:
        raise faults(wrong)
    return messages


def _asked(value, as_text):
    """A question as a conversation of one message; TRL's data sets have a list of messages in its place."""
    if isinstance(value, list):
        return _conversation(value, "prompt")
    text = as_text(value)
    return (Message(USER, text),) if text else ()


def _messages(value):
    return () if value in (None, "", []) else _conversation(value, "messages")


def _split(value):
    if value is None or value == "":
        return None
    split = SPLIT_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    if split is None:
        raise fault(f"{quoted(value)} is no split: train, validation or held-out, or leave it out.")
    return split


def _tags(value):
    if value is None or isinstance(value, str):
        value = (value or "").split(";")
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise fault("expected a list of words, or words separated by “;”.")
    tags = tuple(dict.fromkeys(tag.strip() for tag in value if tag.strip()))
    if len(tags) > MOST_TAGS:
        raise fault(f"has {len(tags):,} tags; at most {MOST_TAGS} are taken.")
    for tag in tags:
        if not is_storable(tag):
            raise fault(UNSTORABLE)
        if len(tag) > LONGEST_TAG:
            raise fault(f"{quoted(tag)} has {len(tag):,} characters; at most {LONGEST_TAG} are taken.")
    return tags


def _whole_number(lowest, highest, missing):
    """A validator of whole numbers, also as texts; `missing` where there is none."""

    def validate(value):
        if value is None or value == "":
            return missing
        number = whole_number(value.strip()) if isinstance(value, str) else value
        if type(number) is not int or not lowest <= number <= highest:
            raise fault(f"{quoted(value)} is no whole number from {lowest} to {highest}.")
        return number

    return PlainValidator(validate)


def _answer(value):
    if value is None:
        raise fault('is missing. Where the model answered nothing, write an empty text ("").')
    return value


class PromptRow(TypedRow):
    """A prompt: a question, or a conversation in `prompt` or `messages`. `split` is None where it is to be drawn."""

    prompt: Annotated[Text, WrapValidator(_asked)] = ()
    messages: Annotated[tuple[Message, ...], PlainValidator(_messages), Field(validate_default=True)] = None
    id: Word = ""
    split: Annotated[Prompt.Split | None, PlainValidator(_split)] = None
    tags: Annotated[tuple[str, ...], PlainValidator(_tags)] = ()
    reference: Text = ""

    @field_validator("messages", mode="after")
    @classmethod
    def _one_of_two(cls, messages, info):
        prompt = info.data.get("prompt")
        if messages and prompt:
            raise fault("stands beside a prompt: give one of the two.")
        if not messages and prompt == ():
            raise fault(MISSING, field="prompt")
        return messages

    @classmethod
    def lacking(cls, names):
        return [] if "prompt" in names or "messages" in names else ["prompt"]

    @property
    def conversation(self):
        """The messages, the question last."""
        return self.messages or self.prompt


class ResponseRow(TypedRow):
    """A model's answer to a prompt. A model may answer nothing: `text` may be empty, but not left out.

    `ratings`: how many it gets; None where the k of its stage holds.
    """

    prompt_id: Annotated[Word, Field(min_length=1)]
    text: Annotated[Text, BeforeValidator(_answer)]
    model: Annotated[Word, Field(min_length=1)]
    candidate: Annotated[int, _whole_number(0, MOST_CANDIDATES, 0)] = 0
    ratings: Annotated[int | None, _whole_number(1, MOST_RATINGS, None)] = None
