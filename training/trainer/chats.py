"""What a model is asked, as tokens: messages through the model's own chat template.

A text may spell a control token of the template ("<|im_end|>"). It is encoded as the characters it consists of, so that
nobody ends a turn, or opens one of another role, from within a message.
"""

import re

from jinja2 import TemplateError

from jobs.failures import Failure

ROLES = ("system", "user", "assistant")
REFUSED_SHOWN = 10
# Noncharacters of Unicode: they stand in for a control token that a text spells while the template is rendered.
LEFT, RIGHT = "\ufdd0", "\ufdd1"


def chat_of(question, *, messages=None, system=None):
    """The messages of one row: `messages` where it is a conversation, else the question alone.

    `system` opens those that have no system message of their own.
    """
    chat = list(messages) if messages else [{"role": "user", "content": question}]
    if system and chat[0]["role"] != "system":
        chat.insert(0, {"role": "system", "content": system})
    return chat


def check_messages(row, question, place):
    """Raise Failure("bad_data") unless a row's `messages`, where it has any, end in its question."""
    messages = row.get("messages")
    if messages is None:
        return
    known = isinstance(messages, list) and all(
        isinstance(each, dict) and each.get("role") in ROLES and isinstance(each.get("content"), str)
        for each in messages
    )
    if not known or not messages or messages[-1] != {"role": "user", "content": question}:
        raise Failure("bad_data", "bad_messages", place=place)


def encode_chats(tokenizer, chats, ids, *, open_answer):
    """The token ids of every chat, a list of lists. `open_answer`: with what opens the model's turn.

    Raises Failure("bad_data") naming, of `ids`, those of the chats that the template refuses.
    """
    control = _control_tokens(tokenizer)
    spelled = [any(control.search(message["content"]) for message in chat) for chat in chats]
    plain = [chat for chat, has in zip(chats, spelled, strict=True) if not has]
    try:
        encoded = iter(
            tokenizer.apply_chat_template(plain, add_generation_prompt=open_answer, return_dict=True)[
                "input_ids"
            ]
            if plain
            else []
        )
        return [
            _encode_shielded(tokenizer, chat, control, open_answer) if has else next(encoded)
            for chat, has in zip(chats, spelled, strict=True)
        ]
    except TemplateError:
        raise _refusal(tokenizer, chats, ids, open_answer) from None


def _refusal(tokenizer, chats, ids, open_answer):
    """The Failure that names the chats which the template refuses, and why."""
    refused, words = [], ""
    for chat, its_id in zip(chats, ids, strict=True):
        try:
            tokenizer.apply_chat_template(chat, add_generation_prompt=open_answer, tokenize=False)
        except TemplateError as error:
            refused.append(its_id)
            words = words or str(error)
    return Failure(
        "bad_data",
        "template_refuses",
        refused=len(refused),
        conversations=len(chats),
        words=words,
        ids=str(refused[:REFUSED_SHOWN]),
    )


def _control_tokens(tokenizer):
    """A pattern that finds every special token of the tokenizer, the longest first."""
    added = tokenizer.added_tokens_decoder.values()
    tokens = {token.content for token in added if token.special} | set(tokenizer.all_special_tokens)
    return re.compile(
        "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True)) or r"(?!)"
    )


def _encode_shielded(tokenizer, chat, control, open_answer):
    """The token ids of a chat whose texts spell control tokens: only the template's own are control tokens."""
    spelled = []

    def shield(found):
        spelled.append(found[0])
        return f"{LEFT}{len(spelled) - 1}{RIGHT}"

    shielded = [
        {**message, "content": control.sub(shield, message["content"].replace(LEFT, "\ufffd"))}
        for message in chat
    ]
    rendered = tokenizer.apply_chat_template(shielded, add_generation_prompt=open_answer, tokenize=False)
    ids, start = [], 0
    # A tokenizer cuts a text at its special tokens first, so the pieces give the same tokens one by one.
    for found in control.finditer(rendered):
        ids += _encode_words(tokenizer, rendered[start : found.start()], spelled)
        ids.append(tokenizer.convert_tokens_to_ids(found[0]))
        start = found.end()
    return ids + _encode_words(tokenizer, rendered[start:], spelled)


def _encode_words(tokenizer, text, spelled):
    text = re.sub(f"{LEFT}([0-9]+){RIGHT}", lambda found: spelled[int(found[1])], text)
    if not text:
        return []
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
