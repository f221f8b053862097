"""What becomes of what is left: stages short of ratings, prompts and responses set aside, prompts without an answer."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from jobs.models import Explained


class SettingAside(models.Model):
    """Why prompts or responses were taken out of the work, by whom and when. One for all that one act set aside.

    What is set aside is neither handed out nor decided, labeled or learned from. It is counted and can be brought back.
    """

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="settings_aside")
    reason = models.TextField()
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="set_aside_with_reason")]

    def __str__(self):
        return self.reason


class Shortfall(models.Model):
    """An admin's word on how a stage goes on with fewer ratings than it asked for, and why.

    FEWER: `ratings_per_response` is the stage's k from then on, where it was `former`. TO_LEAD: what awaits ratings and
    has at least `at_least` of them goes to a lead. The stage's responses are looked through in batches; those at
    positions up to `reached` have been, and `settled_at` is when all had. `moved` of them were decided so.
    """

    class Way(models.TextChoices):
        FEWER = "fewer", "Fewer ratings count"
        TO_LEAD = "to_lead", "The lead decides what is open"

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="shortfalls")
    way = models.CharField(max_length=10, choices=Way.choices)
    former = models.PositiveSmallIntegerField()
    ratings_per_response = models.PositiveSmallIntegerField()
    at_least = models.PositiveSmallIntegerField(default=0)
    reason = models.TextField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    reached = models.BigIntegerField(default=-1)
    moved = models.PositiveIntegerField(default=0)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="shortfall_with_reason"),
            models.CheckConstraint(condition=Q(ratings_per_response__gte=1), name="shortfall_k_at_least_1"),
        ]
        indexes = [
            models.Index(fields=["id"], name="shortfall_unsettled", condition=Q(settled_at__isnull=True))
        ]

    def __str__(self):
        return f"{self.get_way_display()} in {self.stage}"


class Unanswered(Explained):
    """A prompt that the model of a stage could not answer, for a reason of its own: there is no response to it."""

    stage = models.ForeignKey(
        "core.Stage", on_delete=models.PROTECT, db_index=False, related_name="unanswered"
    )
    prompt = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="unanswered")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["stage_id", "id"]
        constraints = [models.UniqueConstraint(fields=["stage", "prompt"], name="unanswered_once")]

    def __str__(self):
        return f"{self.prompt}: {self.reason}"
