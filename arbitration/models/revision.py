from django.conf import settings
from django.db import models
from django.db.models import Q


class AcceptedRevisionQuerySet(models.QuerySet):
    def standing(self):
        """Those that hold: of a rating that counts, and not passed over by a later decision."""
        return self.filter(superseded_at=None, rating__superseded_at=None)


class AcceptedRevision(models.Model):
    """The revised response that the consensus accepts as what the model should have said.

    Either more than half of the experts wrote the same text (`accepted_by` empty), or a lead who is not its
    author accepted one (with or without a decision on the scores). `rating` is the (first) rating that
    carries it; the text is kept here as it was accepted. Where the lead `edited` it, the text is the lead's own, and
    the rating is what it was made from. It has `superseded_at` from when a decision accepted another or none.
    """

    response = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, related_name="accepted_revisions"
    )
    rating = models.ForeignKey(
        "annotation.Rating", on_delete=models.PROTECT, related_name="accepted_revisions"
    )
    text = models.TextField()
    edited = models.BooleanField(default=False, db_default=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = AcceptedRevisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["response"], condition=Q(superseded_at=None), name="revision_current_per_response"
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="revision_has_text"),
        ]

    def __str__(self):
        return f"Revision of {self.response_id}"


class RejectedRevisionQuerySet(models.QuerySet):
    def standing(self):
        """Those that hold: not taken back by accepting the text after all."""
        return self.filter(superseded_at=None)


class RejectedRevision(models.Model):
    """A revised response that a lead does not want the model to learn, whoever else wrote the same.

    It has `superseded_at` from when a lead accepted the rating's text after all.
    """

    rating = models.ForeignKey(
        "annotation.Rating", on_delete=models.PROTECT, related_name="rejected_revisions"
    )
    rejected_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = RejectedRevisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rating"], condition=Q(superseded_at=None), name="rejection_current_per_rating"
            ),
        ]

    def __str__(self):
        return f"Rejection of {self.rating_id}"
