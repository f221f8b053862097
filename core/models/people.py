from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """A person, or a visibly simulated account that rates and arbitrates in demos and load tests."""

    is_simulated = models.BooleanField(default=False)

    def __str__(self):
        return self.get_full_name() or self.username


class Membership(models.Model):
    """One role of one person in one project. A person may hold several."""

    class Role(models.TextChoices):
        EXPERT = "expert", "Expert"
        LEAD = "lead", "Lead reviewer"
        ADMIN = "admin", "Admin"

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["role", "user__username"]
        constraints = [
            models.UniqueConstraint(fields=["project", "user", "role"], name="membership_once_per_role"),
            models.CheckConstraint(
                condition=models.Q(role__in=["expert", "lead", "admin"]), name="membership_role_known"
            ),
        ]
        indexes = [models.Index(fields=["user", "project"])]

    def __str__(self):
        return f"{self.user} · {self.get_role_display()}"
