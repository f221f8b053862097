from django.conf import settings
from django.db import models


class AcceptedRevision(models.Model):
    """The revised response that the consensus accepts as what the model should have said.

    Either more than half of the experts wrote the same text (`accepted_by` empty), or a lead who is not its
    author accepted one (with or without a decision on the scores). `rating` is the (first) rating that
    carries it; the text is kept here as it was accepted.
    """

    response = models.OneToOneField(
        "annotation.Response", on_delete=models.PROTECT, related_name="accepted_revision"
    )
    rating = models.ForeignKey(
        "annotation.Rating", on_delete=models.PROTECT, related_name="accepted_revisions"
    )
    text = models.TextField()
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(text=""), name="revision_has_text"),
        ]

    def __str__(self):
        return f"Revision of {self.response_id}"
