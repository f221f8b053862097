from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.scales import HIGHEST_BOUND, LOWEST_BOUND, Scale


class Rubric(models.Model):
    """One version of a project's axes and label sets. Never edited: a change makes the next version."""

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="rubrics")
    version = models.PositiveIntegerField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "version"]
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="rubric_version_once")]

    def __str__(self):
        return f"Rubric v{self.version}"


class Axis(models.Model):
    """One axis: whole numbers from `lowest` (poor) to `highest` (excellent), 1 to 5 unless said."""

    rubric = models.ForeignKey(Rubric, on_delete=models.PROTECT, related_name="axes")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    question = models.CharField(max_length=300)
    lowest = models.PositiveSmallIntegerField(default=1)
    highest = models.PositiveSmallIntegerField(default=5)

    class Meta:
        ordering = ["rubric", "position"]
        verbose_name_plural = "axes"
        constraints = [
            models.UniqueConstraint(fields=["rubric", "key"], name="axis_key_once"),
            models.CheckConstraint(
                condition=Q(lowest__gte=LOWEST_BOUND)
                & Q(lowest__lt=F("highest"))
                & Q(highest__lte=HIGHEST_BOUND),
                name="axis_range_in_bounds",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def scale(self):
        return Scale(self.lowest, self.highest)

    @property
    def anchors(self):
        """[(score, anchor text or "")] of every point of a short axis, of the two ends of a long one."""
        texts = {anchor.score: anchor.text for anchor in self.anchor_rows.all()}
        return [(score, texts.get(score, "")) for score in self.scale.anchored]


class AxisAnchor(models.Model):
    """What one score of an axis means."""

    axis = models.ForeignKey(Axis, on_delete=models.PROTECT, db_index=False, related_name="anchor_rows")
    score = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)

    class Meta:
        ordering = ["axis_id", "score"]
        constraints = [models.UniqueConstraint(fields=["axis", "score"], name="axis_anchor_once")]

    def __str__(self):
        return f"{self.score}: {self.text}"


class LabelSet(models.Model):
    """A categorical question with one answer. `escalates`: two different answers make a response diverge."""

    rubric = models.ForeignKey(Rubric, on_delete=models.PROTECT, related_name="label_sets")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    question = models.CharField(max_length=300, blank=True)
    escalates = models.BooleanField(default=True)
    required = models.BooleanField(default=True)

    class Meta:
        ordering = ["rubric", "position"]
        constraints = [models.UniqueConstraint(fields=["rubric", "key"], name="label_set_key_once")]

    def __str__(self):
        return self.name


class LabelValue(models.Model):
    """One answer of a label set.

    `adverse` makes the response misaligned; `abstains` means "cannot tell", which is recorded but neither
    conflicts with another answer nor counts as a class.
    """

    label_set = models.ForeignKey(LabelSet, on_delete=models.PROTECT, related_name="values")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=60)
    name = models.CharField(max_length=80)
    adverse = models.BooleanField(default=False)
    abstains = models.BooleanField(default=False)

    class Meta:
        ordering = ["label_set", "position"]
        constraints = [
            models.UniqueConstraint(fields=["label_set", "key"], name="label_value_key_once"),
            models.CheckConstraint(
                condition=Q(adverse=False) | Q(abstains=False),
                name="label_value_adverse_or_abstains",
            ),
        ]

    def __str__(self):
        return self.name
