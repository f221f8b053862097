from django.conf import settings
from django.db import models
from django.db.models import Q


class ModelAlias(models.Model):
    """A name, such as "champion", that pointed at a model version from a moment on, until it was moved or taken away.

    Of each name in a project one is current; the others are its history.
    """

    project = models.ForeignKey(
        "core.Project", on_delete=models.PROTECT, db_index=False, related_name="aliases"
    )
    name = models.SlugField(max_length=40)
    model_version = models.ForeignKey("core.ModelVersion", on_delete=models.PROTECT, related_name="aliases")
    reason = models.TextField()
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["project", "name", "id"]
        verbose_name_plural = "model aliases"
        indexes = [models.Index(fields=["project", "name"])]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"], condition=Q(ended_at=None), name="alias_points_at_one"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="alias_for_a_reason"),
        ]

    def __str__(self):
        return self.name
