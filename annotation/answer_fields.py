"""Answers as fields of an HTML form, the expert's and the lead's: their names, and label sets with a letter for every
answer to choose it by.
"""

from string import ascii_lowercase

from core.limits import whole_number

SCORE, LABEL = "score-", "label-"
# Single keys of the pages themselves, rate and case alike, so that a letter means the same answer on both: comment or
# rationale (c), find (f), guidelines (g), history (h), hand it back (j), next (n), queue (q), revision (r), senior (s),
# plain text (t), undo (u), exclude (x).
PAGE_KEYS = "cfghjnqrstux"


def answer_fields(owner):
    """{field name: text} of the answers of a rating or decision that came `with_answers`."""
    scores = {f"{SCORE}{score.axis.key}": str(score.value) for score in owner.scores.all()}
    return scores | {f"{LABEL}{label.label_set.key}": label.value.key for label in owner.labels.all()}


def rating_fields(rating):
    """{field name: text} of all that a rating, which came `with_answers`, was filled in with."""
    words = {"comment": rating.comment, "revised_response": rating.revised_response}
    words |= {"asks_senior": "on"} if rating.asks_senior else {}
    return answer_fields(rating) | {name: text for name, text in words.items() if text}


def told(policy, fields):
    """[(what is asked, what was filled in)] in words, for everything that a rating form of this policy asks."""
    rubric = policy.rubric
    asked = [(axis.name, fields.get(f"{SCORE}{axis.key}", "")) for axis in rubric.axes.all()]
    for label_set in rubric.label_sets.all():
        given = fields.get(f"{LABEL}{label_set.key}", "")
        names = {value.key: value.name for value in label_set.values.all()}
        asked.append((label_set.name, names.get(given, given)))
    asked += [
        ("Comment", fields.get("comment", "")),
        ("Revised response", fields.get("revised_response", "")),
    ]
    return [*asked, ("Ask a senior", "yes" if fields.get("asks_senior") else "")]


def differences(policy, one, other):
    """[(what is asked, in `one`, in `other`)] in words, where the fields of two forms differ."""
    both = zip(told(policy, one), told(policy, other), strict=True)
    return [(asked, mine, yours) for (asked, mine), (_, yours) in both if mine.strip() != yours.strip()]


def read_score(text):
    """The score that a field spells; what is no whole number stays text, for the use case to refuse."""
    number = whole_number(text)
    return text if number is None else number


def faults_by_field(faults):
    """{field name: what to do} of the faults of answers."""
    return {_field_of(fault): fault.what for fault in faults}


def label_fields(label_sets, *, given, faults):
    """What `components/_labels.html` shows, one dict a label set.

    `given` and `faults`: the chosen value and what is wrong with it, by field name.
    """
    free = [letter for letter in ascii_lowercase if letter not in PAGE_KEYS]
    return [_field(label_set, f"{LABEL}{label_set.key}", given, faults, free) for label_set in label_sets]


def _field_of(fault):
    if fault.axis is not None:
        return f"{SCORE}{fault.axis}"
    return fault.part if fault.label_set is None else f"{LABEL}{fault.label_set}"


def _field(label_set, name, given, faults, free):
    return {
        "name": name,
        "legend": label_set.name,
        "question": label_set.question,
        "required": label_set.required,
        "options": [
            {
                "key": value.key,
                "name": value.name,
                "adverse": value.adverse,
                "letter": _take(free, value.name),
            }
            for value in label_set.values.all()
        ],
        "value": given.get(name, ""),
        "error": faults.get(name),
    }


def _take(free, name):
    """A letter of the answer's own name where one is still free, else any; "" where all are taken."""
    for letter in [*name.lower(), *free]:
        if letter in free:
            free.remove(letter)
            return letter
    return ""
