"""The one layout of answers: whoever gives them (a rating, a decision, a final label, a reference label) owns rows
of these two shapes, in tables of their own, because foreign keys point upstream only.

The names of the relations are part of the layout: `owner`, and from the owner `scores` and `labels`.
annotation/answers.py reads and writes them all.
"""

from django.db import models
from django.db.models import Q

from core.scales import HIGHEST_BOUND, LOWEST_BOUND


class ScoreOfAnswers(models.Model):
    """The score on one axis, a whole number of the axis' own range.

    The database holds the bounds of every range; the use case that takes the answers holds the axis' own.
    """

    axis = models.ForeignKey("core.Axis", on_delete=models.PROTECT, db_index=False, related_name="+")
    value = models.PositiveSmallIntegerField()

    class Meta:
        abstract = True
        ordering = ["owner_id", "axis__position"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "axis"], name="%(class)s_once"),
            models.CheckConstraint(
                condition=Q(value__gte=LOWEST_BOUND) & Q(value__lte=HIGHEST_BOUND), name="%(class)s_in_bounds"
            ),
        ]

    def __str__(self):
        return f"{self.axis_id}: {self.value}"


class LabelOfAnswers(models.Model):
    """The answer to one label set."""

    label_set = models.ForeignKey("core.LabelSet", on_delete=models.PROTECT, db_index=False, related_name="+")
    value = models.ForeignKey("core.LabelValue", on_delete=models.PROTECT, db_index=False, related_name="+")

    class Meta:
        abstract = True
        ordering = ["owner_id", "label_set__position"]
        constraints = [models.UniqueConstraint(fields=["owner", "label_set"], name="%(class)s_once")]

    def __str__(self):
        return f"{self.label_set_id}: {self.value_id}"


def owned_by(owner, answers):
    """The foreign key from a row of answers to its owner. `answers`: "scores" or "labels"."""
    # No index of its own: the unique constraint begins with it.
    return models.ForeignKey(owner, on_delete=models.PROTECT, db_index=False, related_name=answers)
