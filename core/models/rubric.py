from django.conf import settings
from django.db import models

LOWEST_SCORE, HIGHEST_SCORE = 1, 5
# What the range of any axis lies within, and with it every stored score.
LOWEST_BOUND, HIGHEST_BOUND = 0, 100


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
    """One Likert axis: integers 1 (poor) to 5 (excellent), each with a text that anchors it."""

    rubric = models.ForeignKey(Rubric, on_delete=models.PROTECT, related_name="axes")
    position = models.PositiveSmallIntegerField()
    key = models.SlugField(max_length=40)
    name = models.CharField(max_length=80)
    question = models.CharField(max_length=300)
    anchor_1 = models.CharField(max_length=200, blank=True)
    anchor_2 = models.CharField(max_length=200, blank=True)
    anchor_3 = models.CharField(max_length=200, blank=True)
    anchor_4 = models.CharField(max_length=200, blank=True)
    anchor_5 = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["rubric", "position"]
        verbose_name_plural = "axes"
        constraints = [models.UniqueConstraint(fields=["rubric", "key"], name="axis_key_once")]

    def __str__(self):
        return self.name

    @property
    def anchors(self):
        """[(score, anchor text)] from 1 to 5."""
        return [(score, getattr(self, f"anchor_{score}")) for score in range(LOWEST_SCORE, HIGHEST_SCORE + 1)]


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
                condition=models.Q(adverse=False) | models.Q(abstains=False),
                name="label_value_adverse_or_abstains",
            ),
        ]

    def __str__(self):
        return self.name
