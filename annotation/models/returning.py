from django.conf import settings
from django.db import models
from django.db.models import Q


class Return(models.Model):
    """A response that a lead gave back to those who rated it, with a question. They see the question, not who asked."""

    response = models.ForeignKey("annotation.Response", on_delete=models.PROTECT, related_name="returns")
    question = models.TextField()
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=~Q(question=""), name="return_with_question")]

    def __str__(self):
        return f"Return of {self.response_id}"
