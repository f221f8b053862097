from django.conf import settings
from django.db import models


class Guidelines(models.Model):
    """One version of what a project's experts are asked to go by, in Markdown. Never edited: a change writes the next.

    Every project has version 1, which may be empty; `Project.guidelines_version` is the newest. A rating points at the
    version that its expert had before them.
    """

    project = models.ForeignKey(
        "core.Project", on_delete=models.PROTECT, db_index=False, related_name="guideline_versions"
    )
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "version"]
        verbose_name_plural = "guidelines"
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="guidelines_version_once")]

    def __str__(self):
        return f"Guidelines v{self.version}"
