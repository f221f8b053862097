"""What a generation is asked and how, and how an answer is tidied, whoever gives it. Torch-free."""

import re

from jobs.failures import Failure
from jobs.files import read_lines
from training.trainer.chats import check_messages

LINE_END = re.compile(r"\r\n?")
BLANK_LINES_BEFORE = re.compile(r"\A(?:[^\S\n]*\n)+")
ONE_BLANK_BEFORE = re.compile(r"\A[^\S\t](?=\S)")
SAMPLING = {"temperature": 0.7, "top_p": 0.95, "max_new_tokens": 96, "repetition_penalty": 1.0}


def check_sampling(given):
    """The sampling parameters over the defaults. Raises Failure("config") for what can't be."""
    unknown = sorted(given.keys() - SAMPLING.keys())
    if unknown:
        raise Failure("config", "unknown_sampling", names=str(unknown))
    sampling = {**SAMPLING, **given}
    if not (
        sampling["temperature"] >= 0
        and 0 < sampling["top_p"] <= 1
        and sampling["max_new_tokens"] >= 1
        and sampling["repetition_penalty"] > 0
    ):
        raise Failure("config", "bad_sampling", given=str(sampling))
    return sampling


def read_prompts(path):
    """The prompts, every id once. Raises Failure("bad_data")."""
    prompts = read_lines(path)
    seen = set()
    for number, prompt in enumerate(prompts, start=1):
        if not isinstance(prompt.get("text"), str) or prompt.get("id") is None:
            raise Failure("bad_data", "line_without_text", file=path.name, line=number)
        check_messages(prompt, prompt["text"], f"{path.name}, line {number}")
        if prompt["id"] in seen:
            raise Failure("bad_data", "id_twice", file=path.name, line=number, id=repr(prompt["id"]))
        seen.add(prompt["id"])
    return prompts


def tidied(text):
    """An answer with LF as its line end, without blanks behind it and blank lines before it.

    A single blank before it belongs to how the template opens the turn; more of them are indentation and stay.
    """
    text = BLANK_LINES_BEFORE.sub("", LINE_END.sub("\n", text).rstrip())
    return text[1:] if ONE_BLANK_BEFORE.match(text) else text
