from django.conf import settings
from django.db import models

from annotation.models.answers import LabelOfAnswers, ScoreOfAnswers, owned_by


class ReferenceLabel(models.Model):
    """The known label of a gold response: what an expert who reads it well would answer.

    `policy` is the version whose rubric it answers. No expert is shown it before they have rated the response.
    """

    response = models.OneToOneField(
        "annotation.Response", on_delete=models.PROTECT, related_name="reference_label"
    )
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="reference_labels")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    def __str__(self):
        return f"Reference label of {self.response_id}"


class ReferenceScore(ScoreOfAnswers):
    """The known score on one axis."""

    owner = owned_by(ReferenceLabel, "scores")


class ReferenceLabelValue(LabelOfAnswers):
    """The known answer to one label set."""

    owner = owned_by(ReferenceLabel, "labels")
