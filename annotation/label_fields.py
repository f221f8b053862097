"""Label sets as fields of a form, every answer with a letter to choose it by."""

from string import ascii_lowercase


def label_fields(label_sets, *, given, faults, reserved):
    """What `components/_labels.html` shows, one dict a label set.

    `given` and `faults`: the chosen value and what is wrong with it, by field name ("label-KEY"); `reserved`: the
    single keys the page itself uses.
    """
    free = [letter for letter in ascii_lowercase if letter not in reserved]
    return [_field(label_set, f"label-{label_set.key}", given, faults, free) for label_set in label_sets]


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
