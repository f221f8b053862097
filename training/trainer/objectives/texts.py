"""Rows of a data file as tokens, for every objective."""

from jobs.failures import Failure
from training.trainer.chats import chat_of, check_messages, encode_chats


def check_texts(rows, name, keys):
    """Raise Failure("bad_data"), naming the line, unless every row has a text under each of `keys`."""
    for number, row in enumerate(rows, start=1):
        if not all(isinstance(row.get(key), str) and row[key].strip() for key in keys):
            raise Failure("bad_data", "line_without_example", file=name, line=number)
        check_messages(row, row["prompt"], f"{name}, line {number}")


def encode_answers(rows, tokenizer, key):
    """(the tokens of every prompt up to its answer, those of every whole chat that ends in the row's text `key`)."""
    ids = [row.get("id") for row in rows]
    asked = [chat_of(row["prompt"], messages=row.get("messages"), system=row.get("system")) for row in rows]
    answered = [
        [*chat, {"role": "assistant", "content": row[key]}] for chat, row in zip(asked, rows, strict=True)
    ]
    prompts = encode_chats(tokenizer, asked, ids, open_answer=True)
    return prompts, encode_chats(tokenizer, answered, ids, open_answer=False)


def opens_at(prompt, whole):
    """Where the answer begins in the tokens of a whole chat: where they part from those of the prompt alone."""
    return next(
        (place for place, (one, other) in enumerate(zip(prompt, whole, strict=False)) if one != other),
        min(len(prompt), len(whole)),
    )
