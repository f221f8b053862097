from django.conf import settings
from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from core.keys import person_key


class KeyField(models.CharField):
    """The form in which the text of another field, `of`, is compared; written whenever that field is saved.

    Rows from before there was one may be the same but for their case: the later ones have "#" and their id behind it.
    """

    def __init__(self, *, of, **options):
        self.of = of
        super().__init__(editable=False, **options)

    def deconstruct(self):
        name, path, args, options = super().deconstruct()
        del options["editable"]
        return name, path, args, options | {"of": self.of}

    def pre_save(self, row, add):
        key, before = person_key(getattr(row, self.of))[: self.max_length], getattr(row, self.attname)
        if not before.startswith(f"{key}#"):
            setattr(row, self.attname, key)
        return getattr(row, self.attname)


class People(UserManager):
    """Finds a person by their user name, whatever its case and Unicode form."""

    def get_by_natural_key(self, username):
        """The person who is called exactly so, or else so but for its case. Raises User.DoesNotExist."""
        found = self.filter(models.Q(username=username) | models.Q(username_key=person_key(username)))
        exact = [person for person in found if person.username == username]
        person = next(iter(exact or found), None)
        if person is None:
            raise self.model.DoesNotExist
        return person

    def with_email(self, email):
        """Those with this address, as a set of one or none."""
        return self.filter(email_key=person_key(email)).exclude(email_key="")


class User(AbstractUser):
    """A person, or a visibly simulated account that rates and arbitrates in demos and load tests.

    `is_staff` marks the admins of the site, who look after accounts. `time_zone` is the zone in which times are told to
    them, empty for their browser's; `last_seen_at` when they last asked for a page, some minutes old.
    """

    username_key = KeyField(of="username", max_length=500, unique=True)
    email_key = KeyField(of="email", max_length=500, blank=True, default="")
    is_simulated = models.BooleanField(default=False)
    time_zone = models.CharField(max_length=60, blank=True, default="")
    last_seen_at = models.DateTimeField(null=True, blank=True)

    objects = People()

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["email_key"], condition=~models.Q(email_key=""), name="user_email_once"
            )
        ]

    def __str__(self):
        return self.get_full_name() or self.username


class MembershipQuerySet(models.QuerySet):
    def experts_of(self, project):
        """Whoever can rate in a project: has the role, and can sign in."""
        return self.filter(project=project, role="expert", user__is_active=True)


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

    objects = MembershipQuerySet.as_manager()

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
