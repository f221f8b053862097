"""Answers to a rubric: one shape, checked, written and read in one place.

Ratings, decisions, final labels and reference labels own answers. Their tables have one layout
(annotation/models/answers.py) and are named nowhere else: whoever wants answers asks here, by their owner's class.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import F, prefetch_related_objects

from core.bulk import Among, insert_rows
from core.errors import InvalidInput


@dataclass(frozen=True)
class Answers:
    """The score of each axis {axis: score} and the answer to each label set {label set: value}, by primary key."""

    scores: Mapping[int, float] = field(default_factory=dict)
    labels: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What to do about one thing that is wrong, and what it is wrong with.

    That is an axis or a label set, by its key, or any other part of what was handed in, by its name ("comment").
    """

    what: str
    axis: str | None = None
    label_set: str | None = None
    part: str | None = None

    def __str__(self):
        return self.what


class InvalidAnswers(InvalidInput):
    """Answers with `faults`, a list of Fault. A door translates them into the names of its own fields."""

    def __init__(self, faults):
        super().__init__("This is not saved yet.", [fault.what for fault in faults])
        self.faults = list(faults)


def check_answers(rubric, *, scores, labels):
    """(Answers, [Fault]) for raw scores by axis key and raw answers by label set key.

    Every axis needs a score, every required label set an answer; keys that the rubric does not have are faults.
    A rubric that comes with its axes, label sets and values loaded is not read again.
    """
    prefetch_related_objects([rubric], "axes", "label_sets__values")
    found_scores, score_faults = _check_scores(rubric, scores)
    found_labels, label_faults = _check_labels(rubric, labels)
    return Answers(found_scores, found_labels), score_faults + label_faults


def write_answers(given):
    """Store the answers of new owners, [(owner, Answers)], all of one class, in a statement for each table.

    Inside the caller's transaction.
    """
    given = list(given)
    if not given:
        return
    owner = type(given[0][0])
    scores = [(each.pk, *score) for each, answers in given for score in answers.scores.items()]
    labels = [(each.pk, *label) for each, answers in given for label in answers.labels.items()]
    insert_rows(_score_row(owner), ("owner", "axis", "value"), scores)
    insert_rows(_label_row(owner), ("owner", "label_set", "value"), labels)


def erase_answers(owner):
    """Remove all answers of one owner, inside the caller's transaction, so that others can take their place."""
    score_rows(type(owner)).filter(owner=owner).delete()
    label_rows(type(owner)).filter(owner=owner).delete()


def load_answers(owner, ids) -> dict[int, Answers]:
    """{primary key: Answers} of owners of one class, in two statements; empty Answers for one who gave none."""
    found = {pk: Answers({}, {}) for pk in ids}
    if not found:
        return found
    of_them = Among(F("owner_id"), list(found))
    scores = score_rows(owner).filter(of_them)
    for pk, axis, value in scores.values_list("owner_id", "axis_id", "value"):
        found[pk].scores[axis] = value
    labels = label_rows(owner).filter(of_them)
    for pk, label_set, value in labels.values_list("owner_id", "label_set_id", "value_id"):
        found[pk].labels[label_set] = value
    return found


def with_answers(owners):
    """The queryset of owners with `scores` and `labels`, their axes, sets and values at hand, for pages."""
    return owners.prefetch_related("scores__axis", "labels__label_set", "labels__value")


def score_rows(owner):
    """The scores of all owners of a class, unordered: rows of `owner`, `axis`, `value`, for queries over sets."""
    return _score_row(owner).objects.order_by()


def label_rows(owner):
    """The labels of all owners of a class, unordered: rows of `owner`, `label_set`, `value`, for queries over sets."""
    return _label_row(owner).objects.order_by()


def _score_row(owner):
    return owner._meta.get_field("scores").related_model


def _label_row(owner):
    return owner._meta.get_field("labels").related_model


def _check_scores(rubric, scores):
    found, faults = {}, []
    axes = {axis.key: axis for axis in rubric.axes.all()}
    for key, axis in axes.items():
        value = scores.get(key)
        if value is None:
            faults.append(Fault(f"Choose a score for {axis.name}.", axis=key))
        elif not axis.scale.holds(value):
            what = f"{axis.name} takes a whole number from {axis.lowest} to {axis.highest}."
            faults.append(Fault(what, axis=key))
        else:
            found[axis.pk] = value
    unknown = sorted(set(scores) - set(axes))
    faults += [Fault(f"There is no axis “{key}” in this rubric.", axis=key) for key in unknown]
    return found, faults


def _check_labels(rubric, labels):
    found, faults = {}, []
    label_sets = {label_set.key: label_set for label_set in rubric.label_sets.all()}
    for key, label_set in label_sets.items():
        answer = labels.get(key)
        if not answer:
            if label_set.required:
                faults.append(Fault(f"Choose an answer for {label_set.name}.", label_set=key))
            continue
        value = next((value for value in label_set.values.all() if value.key == answer), None)
        if value is None:
            what = f"“{answer}” is no answer of {label_set.name}: choose one of its answers."
            faults.append(Fault(what, label_set=key))
        else:
            found[label_set.pk] = value.pk
    unknown = sorted(set(labels) - set(label_sets))
    faults += [Fault(f"There is no label set “{key}” in this rubric.", label_set=key) for key in unknown]
    return found, faults
