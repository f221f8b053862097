from django.conf import settings
from django.db import models
from django.db.models import F, Q

from training.models.gate import Gate, Verdict


class Promotion(models.Model):
    """The act by which an admin made a model version the one that the next stage asks. A stage has one at most.

    `run` is the training run that made the model, where one did; `opened` the stage that the promotion opened.
    `gate` is what was measured before, with its verdict; None of promotions from before there were gates. Over a stop
    another admin agreed: `agreed_by`.
    """

    class Ground(models.TextChoices):
        DECIDED = "decided", "An admin decided it"
        BEFORE = "before", "Opened by the end of its run, before models were promoted"

    stage = models.OneToOneField("core.Stage", on_delete=models.PROTECT, related_name="promotion")
    model_version = models.ForeignKey(
        "core.ModelVersion", on_delete=models.PROTECT, related_name="promotions"
    )
    run = models.ForeignKey(
        "training.TrainingRun", null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    opened = models.OneToOneField("core.Stage", on_delete=models.PROTECT, related_name="opened_by_promotion")
    ground = models.CharField(max_length=10, choices=Ground.choices, default=Ground.DECIDED)
    reason = models.TextField(blank=True, help_text="Why, in the admin's own words.")
    promoted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="promotions"
    )
    gate = models.ForeignKey(Gate, null=True, blank=True, on_delete=models.PROTECT, related_name="promotions")
    verdict = models.CharField(max_length=12, choices=Verdict.choices, blank=True, default="", db_default="")
    agreed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="promotions_agreed_to",
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ground="before") | ~Q(reason="") & Q(promoted_by__isnull=False),
                name="promotion_by_someone_for_a_reason",
            ),
            models.CheckConstraint(condition=~Q(opened=F("stage")), name="promotion_opens_another_stage"),
            models.CheckConstraint(
                condition=~Q(verdict="stop") | Q(agreed_by__isnull=False),
                name="promotion_never_stopped_alone",
            ),
            models.CheckConstraint(
                condition=Q(agreed_by=None) | ~Q(agreed_by=F("promoted_by")),
                name="promotion_agreed_by_another",
            ),
        ]

    def __str__(self):
        return f"Promotion of {self.model_version}"
