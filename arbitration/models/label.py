from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.answers import LabelOfAnswers, ScoreOfAnswers, owned_by


class FinalLabel(models.Model):
    """The label a response keeps: s*_r per axis, a value per label set, and where they come from.

    Written once, when its stage is finalized; never changed. `alignment` is the class that follows from the scores, the
    labels and the policy's cuts; a response whose answers leave it open is not judged. An excluded response has a final
    label too, without scores, so that it is counted as excluded instead of missing.
    """

    class Source(models.TextChoices):
        AGREEMENT = "agreement", "Agreement of the experts"
        ARBITRATION = "arbitration", "Decision of a lead"

    class Alignment(models.TextChoices):
        ALIGNED = "aligned", "Fully aligned"
        PARTLY = "partly", "Partly aligned"
        MISALIGNED = "misaligned", "Misaligned"
        NOT_JUDGED = "not_judged", "Not judged"
        EXCLUDED = "excluded", "Excluded"

    response = models.OneToOneField(
        "annotation.Response", on_delete=models.PROTECT, related_name="final_label"
    )
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="final_labels")
    source = models.CharField(max_length=12, choices=Source.choices)
    rule = models.CharField(max_length=10, blank=True, help_text="mean or median, for an agreement.")
    decision = models.OneToOneField(
        "arbitration.Decision", null=True, blank=True, on_delete=models.PROTECT, related_name="final_label"
    )
    ratings = models.ManyToManyField("annotation.Rating", related_name="final_labels")
    alignment = models.CharField(max_length=12, choices=Alignment.choices)
    revision = models.ForeignKey(
        "arbitration.AcceptedRevision",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="final_labels",
    )
    finalized_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["response"]
        constraints = [
            models.CheckConstraint(
                condition=Q(source="arbitration", decision__isnull=False, rule="")
                | (Q(source="agreement", decision__isnull=True) & ~Q(rule="")),
                name="final_label_provenance",
            ),
        ]
        indexes = [models.Index(fields=["alignment"])]

    def __str__(self):
        return f"Final label of {self.response_id}"


class FinalScore(ScoreOfAnswers):
    """s*_r on one axis: the rule over the ratings (may be a fraction), or the lead's value."""

    owner = owned_by(FinalLabel, "scores")
    value = models.FloatField()


class FinalLabelValue(LabelOfAnswers):
    """The final answer to one label set; absent where the experts gave none or were tied."""

    owner = owned_by(FinalLabel, "labels")
