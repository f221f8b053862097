from django.conf import settings
from django.db import models


class ProjectQuerySet(models.QuerySet):
    def visible_to(self, user):
        """The projects in which `user` holds any role."""
        return self.filter(memberships__user=user).distinct()


class Project(models.Model):
    """One alignment effort: its prompts, rubric, policy, people, stages and models.

    `seed` draws the splits of prompts that come without one and the order of hand-out. `guidelines_version` is the
    newest of its guidelines (core/guidelines.py). `base_model` is where its untrained model comes from; "" is the model
    of the settings. An archived project is out of the lists and can only
    be read; one with `deleted_at` is nobody's any more, and what is left of it is being removed (core/closing.py).
    """

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    guidelines_version = models.PositiveIntegerField(default=1)
    seed = models.PositiveIntegerField(default=0)
    base_model = models.CharField(max_length=300, blank=True, default="", db_default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self):
        return self.name

    @property
    def policy(self):
        """The newest policy: what the next stage without ratings is held to. Raises Policy.DoesNotExist."""
        return self.policies.select_related("rubric").latest("version")
