from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """One thing that happened, written in the transaction in which it happened. Append-only.

    `verb` is "noun:verb" ("rating:submit", "stage:finalize"); `actor` is empty for the system itself. `params` are
    the named values that belong to the verb, to be told in the reader's language. `detail` is what somebody wrote (the
    reason for a refusal, a text that was replaced), or the whole sentence of an event from before there were `params`.
    """

    project = models.ForeignKey(
        "core.Project", null=True, blank=True, on_delete=models.PROTECT, related_name="audit_events"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    verb = models.CharField(max_length=60)
    target_type = models.CharField(max_length=60)
    target_id = models.BigIntegerField()
    from_status = models.CharField(max_length=20, blank=True)
    to_status = models.CharField(max_length=20, blank=True)
    params = models.JSONField(null=True, blank=True)
    detail = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["target_type", "target_id"]),
            # In the order of the page that shows them, and by what it filters.
            models.Index(fields=["project", "-id"]),
            models.Index(fields=["project", "actor", "-id"], name="audit_by_person"),
            models.Index(fields=["project", "target_type", "-id"], name="audit_by_kind"),
            models.Index(fields=["project", "created_at"], name="audit_by_day"),
        ]

    def __str__(self):
        return f"{self.verb} {self.target_type} {self.target_id}"
