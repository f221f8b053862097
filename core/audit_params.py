"""What else the events of the audit trail say, in the reader's language: their named values as words."""

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

LONGEST_VALUE = 200
UNTOLD = ("user", "aside", "decision", "slug")
"""Keys of rows that no page shows; what they stand for is told beside them."""

NAMES = {
    "agreed": _("by agreement"),
    "after": _("now"),
    "arbitrated": _("by a lead"),
    "at_least": _("ratings given, at least"),
    "base": _("from"),
    "batch_size": _("batch"),
    "because": _("because"),
    "before": _("before"),
    "created_at": _("made"),
    "edited": _("edited by the lead"),
    "fields": _("changed"),
    "former": _("before"),
    "learning_rate": _("learning rate"),
    "location": _("location"),
    "max_length": _("longest example"),
    "max_new_tokens": _("longest response"),
    "moved": _("responses settled by it"),
    "of": _("copy of"),
    "opened": _("opened stage"),
    "ratings": _("ratings of each"),
    "reason": _("why"),
    "reasons": _("why"),
    "repetition_penalty": _("repetition penalty"),
    "rows": _("how many"),
    "set_aside": _("set aside"),
    "sha256": _("SHA-256"),
    "supersedes": _("in place of rating"),
    "system_prompt": _("system prompt"),
    "top_p": _("top-p"),
    "train": _("to train on"),
    "validation": _("for validation"),
    "waiting_stages": _("waiting stages moved to it"),
    "way": _("how"),
}
"""What a value is called, where its own name does not say it."""

VALUES = {
    "because": {
        "brought_back": _("it was brought back"),
        "called_in": _("an admin called it in"),
        "corrected": _("a rating was corrected"),
        "decided": _("the response is decided"),
        "declined": _("the expert could not judge it"),
        "fewer": _("fewer ratings count"),
        "lease_ended": _("its time ran out"),
        "one_more": _("one more rating was asked for"),
        "returned": _("a lead returned it"),
        "set_aside": _("it was set aside"),
        "unjudgeable": _("nobody is left to rate it"),
        "withdrawn": _("a rating was taken back"),
    },
    "kind": {"prompts": _("prompts"), "responses": _("responses")},
    "outcome": {"consensus": _("consensus set"), "excluded": _("excluded from training")},
    "reasons": {
        "asked": _("an expert asked for a senior"),
        "conflict": _("labels conflict"),
        "corrected": _("changed after a decision"),
        "reopened": _("the decision was reopened"),
        "spread": _("scores too far apart"),
        "unjudgeable": _("too few ratings"),
    },
    "role": {"admin": _("admin"), "expert": _("expert"), "lead": _("lead reviewer")},
    "way": {"fewer": _("fewer ratings count"), "to_lead": _("the lead decides what is open")},
}
"""Codes that stand in a value of this name."""

tellers = []
"""Functions of the rooms: of an event's values, the sentence that says why by a code of theirs, or None."""


def params_told(params):
    """Pairs (name, value) of an event's named values in words, each value at most LONGEST_VALUE characters long."""
    params = dict(params or {})
    for tell in tellers:
        if sentence := tell(params):
            return [(gettext(NAMES["reason"]), _short(sentence))]
    before, after = params.get("before"), params.get("after")
    if isinstance(before, dict) and isinstance(after, dict):
        changed = {
            name: f"{before.get(name)} → {after[name]}" for name in after if before.get(name) != after[name]
        }
        params = {name: value for name, value in params.items() if name not in ("before", "after")} | changed
    return [
        (_name(name), _short(_value(name, value)))
        for name, value in sorted(params.items())
        if name not in UNTOLD and value not in ("", None, [], {})
    ]


def _name(name):
    return gettext(NAMES[name]) if name in NAMES else name.replace("_", " ")


def _value(name, value):
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(_value(name, each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{_name(each)} {_value(each, of)}" for each, of in sorted(value.items()))
    if name == "size":
        return filesizeformat(value)
    words = VALUES.get(name, {}).get(value) if isinstance(value, str) else None
    return gettext(words) if words else str(value)


def _short(text):
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
