"""An example as a line: the canonical one that is hashed and learned from, and the one that TRL's trainers read."""

import json

from annotation.conversations import SYSTEM, USER, Message, as_chat
from training.models import TrainingExample

Kind = TrainingExample.Kind


def line_of(example, earlier=None):
    """The example as its canonical JSON line: keys sorted, no spaces, UTF-8, ended by a newline. Bytes.

    `earlier`: its messages before the question, where they are no rows yet. It names the prompt, turn and candidate,
    and no keys of this database: the same labels elsewhere give the same hash.
    """
    row = {
        "id": _id_of(example),
        "split": example.split,
        "kind": example.kind,
        "prompt": example.prompt_text,
        **_texts_of(example),
    }
    earlier = example.earlier if earlier is None else earlier
    if earlier:
        row["messages"] = as_chat([*earlier, Message(USER, example.prompt_text)])
    if example.system_prompt:
        row["system"] = example.system_prompt
    if example.weight is not None:
        row["weight"] = example.weight
    return _encoded(row)


def _id_of(example):
    response = example.final_label.response
    if example.kind == Kind.PREFERRED:
        other = example.rejected_label.response
        return f"{response.prompt.external_id}:{_place(response)}>{_place(other)}"
    written = example.kind == Kind.CORRECTED or (
        example.kind == Kind.GOOD and example.completion != response.text
    )
    return f"{response.prompt.external_id}:{response.candidate}{'+' * written}"


def _place(response):
    return f"{response.stage.number}.{response.candidate}"


def _texts_of(example):
    if example.is_pair:
        row = {"chosen": example.completion, "rejected": example.rejected}
        if example.is_cut_off:
            row["chosen_cut_off"] = True
        if example.is_rejected_cut_off:
            row["rejected_cut_off"] = True
        if example.score is not None:
            row["scores"] = [example.score, example.rejected_score]
            row["decided_by"] = example.axis.key if example.axis else "all axes"
        return row
    row = {"completion": example.completion}
    if example.is_cut_off:
        row["cut_off"] = True
    if example.kind in (Kind.GOOD, Kind.POOR):
        row["desirable"] = example.kind == Kind.GOOD
    return row


def trl_line_of(line):
    """A canonical line, as bytes, in the conversational format of TRL's trainer for its kind of set."""
    row = json.loads(line)
    prompt = row.get("messages") or [{"role": USER, "content": row["prompt"]}]
    if row.get("system") and prompt[0]["role"] != SYSTEM:
        prompt = [{"role": SYSTEM, "content": row["system"]}, *prompt]
    given = {"id": row["id"], "split": row["split"], "prompt": prompt}
    for name in ("completion", "chosen", "rejected"):
        if name in row:
            given[name] = [{"role": "assistant", "content": row[name]}]
    if "desirable" in row:
        given["label"] = row["desirable"]
    if "weight" in row:
        given["weight"] = row["weight"]
    return _encoded(given)


def _encoded(row):
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
