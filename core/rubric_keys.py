"""The keys that a project's axes, label sets and values have had in any version of its rubric.

What is new gets one that meant nothing else before, so that figures over several versions never join what people told
apart.
"""

from core.keys import Keys
from core.models import Axis, LabelSet, LabelValue


class RubricKeys:
    """Hands out the keys of one project's rubric. Each method takes the keys that stay and returns Keys."""

    def __init__(self, project):
        # Of a key that had several names, the newest is what people know it by.
        self._axes = _named(Axis.objects.filter(rubric__project=project).order_by("rubric__version"))
        self._sets = _named(LabelSet.objects.filter(rubric__project=project).order_by("rubric__version"))
        self._values = {}
        values = LabelValue.objects.filter(label_set__rubric__project=project)
        rows = values.order_by("label_set__rubric__version").values_list("label_set__key", "key", "name")
        for label_set, key, name in rows:
            self._values.setdefault(label_set, {})[key] = name

    def of_axes(self, kept):
        return _keys(self._axes, kept, kind="axis")

    def of_label_sets(self, kept):
        return _keys(self._sets, kept, kind="labels")

    def of_values(self, label_set, kept):
        """`label_set`: the key of the set that they are values of."""
        return _keys(self._values.get(label_set, {}), kept, kind="label")


def _named(rows):
    return dict(rows.values_list("key", "name"))


def _keys(known, kept, *, kind):
    keys = Keys(known, kind=kind)
    for key in kept:
        keys.keep(key)
    return keys
