"""What a person answers to a rubric, an expert in a rating or a lead in a decision, checked in one place."""

from core.errors import InvalidInput
from core.models.rubric import HIGHEST_SCORE, LOWEST_SCORE

LONGEST_TEXT = 50_000


class InvalidAnswers(InvalidInput):
    """Answers with faults. `faults` maps the form's field names ("score-KEY", "label-KEY", "comment") to what to do."""

    def __init__(self, faults):
        super().__init__("This is not saved yet.", list(faults.values()))
        self.faults = faults


def check_answers(rubric, *, scores, labels):
    """({axis: score}, {label set: its value}, faults) for scores by axis key and answers by label set key.

    Every axis needs a score, every required label set an answer; keys that the rubric does not have are faults.
    """
    found_scores, score_faults = _check_scores(rubric, scores)
    found_labels, label_faults = _check_labels(rubric, labels)
    return found_scores, found_labels, score_faults | label_faults


def text_fault(text):
    """What is wrong with a free text, or None."""
    if len(text) > LONGEST_TEXT:
        return f"Keep this under {LONGEST_TEXT:,} characters; it has {len(text):,}."
    if "\x00" in text:
        return "Remove the unprintable character (NUL) from this text."
    return None


def _check_scores(rubric, scores):
    found, faults = {}, {}
    axes = {axis.key: axis for axis in rubric.axes.all()}
    for key, axis in axes.items():
        value = scores.get(key)
        if value is None:
            faults[f"score-{key}"] = f"Choose a score for {axis.name}."
        elif type(value) is not int or not LOWEST_SCORE <= value <= HIGHEST_SCORE:
            faults[f"score-{key}"] = (
                f"{axis.name} takes a whole number from {LOWEST_SCORE} to {HIGHEST_SCORE}."
            )
        else:
            found[axis] = value
    for key in set(scores) - set(axes):
        faults[f"score-{key}"] = f"There is no axis “{key}” in this rubric."
    return found, faults


def _check_labels(rubric, labels):
    found, faults = {}, {}
    label_sets = {label_set.key: label_set for label_set in rubric.label_sets.all()}
    for key, label_set in label_sets.items():
        answer = labels.get(key)
        if not answer:
            if label_set.required:
                faults[f"label-{key}"] = f"Choose an answer for {label_set.name}."
            continue
        value = next((value for value in label_set.values.all() if value.key == answer), None)
        if value is None:
            faults[f"label-{key}"] = (
                f"“{answer}” is no answer of {label_set.name}: choose one of its answers."
            )
        else:
            found[label_set] = value
    for key in set(labels) - set(label_sets):
        faults[f"label-{key}"] = f"There is no label set “{key}” in this rubric."
    return found, faults
