from django.conf import settings
from django.db import models
from django.db.models import Q


class Retraction(models.Model):
    """An admin's word that ratings are not to be relied on, with the reason; of one expert's, or of chosen ones."""

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="retractions")
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="retractions",
        help_text="Whose ratings all were withdrawn; empty for chosen ones.",
    )
    reason = models.TextField()
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="retraction_for_a_reason")]

    def __str__(self):
        return f"Retraction {self.pk}"


class RetractedRating(models.Model):
    """One rating that a Retraction withdrew. The rating stays; where its stage was open it counts no more, and where
    the labels were final they rest on it still."""

    retraction = models.ForeignKey(Retraction, on_delete=models.PROTECT, related_name="ratings")
    rating = models.OneToOneField("annotation.Rating", on_delete=models.PROTECT, related_name="retracted")

    class Meta:
        ordering = ["rating_id"]

    def __str__(self):
        return f"Rating {self.rating_id}, withdrawn"
