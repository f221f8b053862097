from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.answers import LabelOfAnswers, ScoreOfAnswers, owned_by


class CountingQuerySet(models.QuerySet):
    """Of what an expert gave and may take back: ratings, and preferences."""

    def visible_to(self, user):
        """Those `user` gave. Others' are for the lead's case and for finished stages."""
        return self.filter(expert=user)

    def current(self):
        """Those that count: neither taken back nor superseded. Every reader but the record of what was begins here."""
        return self.filter(superseded_at__isnull=True)

    def supersede(self, *, now):
        """Let them count no more. Returns how many had counted until now."""
        return self.current().update(superseded_at=now)

    def superseded(self):
        """Those that counted once: kept for the record, read by nothing that reckons."""
        return self.filter(superseded_at__isnull=False)


class Rating(models.Model):
    """One expert's judgement of one response. Nothing of it is ever overwritten.

    A correction is a rating of its own that `supersedes` the one before; from then on, or from when its expert took it
    back, that one has `superseded_at` and counts no more. Of each expert and slot at most one is current.
    `revised_response` is what the model should have said; `asks_senior` sends the response to a lead whatever
    the scores. `policy` and `guidelines` are the versions it was made under. `submission` is the form's own
    key: the same submit sent twice is one rating. `seconds` is the time the page was in use, if it was measured.
    """

    assignment = models.ForeignKey(
        "annotation.Assignment", on_delete=models.PROTECT, db_index=False, related_name="ratings"
    )
    response = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, db_index=False, related_name="ratings"
    )
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="ratings"
    )
    policy = models.ForeignKey(
        "core.Policy", on_delete=models.PROTECT, db_index=False, related_name="ratings"
    )
    guidelines = models.ForeignKey(
        "core.Guidelines", on_delete=models.PROTECT, db_index=False, related_name="ratings"
    )
    comment = models.TextField(blank=True)
    revised_response = models.TextField(blank=True)
    asks_senior = models.BooleanField(default=False)
    submission = models.UUIDField(unique=True)
    seconds = models.PositiveIntegerField(null=True, blank=True)
    submitted_at = models.DateTimeField()
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="successors"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = CountingQuerySet.as_manager()

    class Meta:
        ordering = ["response_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["response", "expert"],
                condition=Q(superseded_at=None),
                name="rating_current_per_expert",
            ),
            models.UniqueConstraint(
                fields=["assignment"], condition=Q(superseded_at=None), name="rating_current_per_slot"
            ),
            models.UniqueConstraint(
                fields=["supersedes"], condition=Q(supersedes__isnull=False), name="rating_superseded_once"
            ),
        ]
        indexes = [
            # With the constraint on current ones, all ratings of a response or slot are found by an index.
            models.Index(
                fields=["response"], name="rating_superseded", condition=Q(superseded_at__isnull=False)
            ),
            models.Index(fields=["expert", "-submitted_at"]),
            models.Index(fields=["response"], name="rating_revised", condition=~Q(revised_response="")),
        ]

    def __str__(self):
        return f"Rating {self.pk}"


class RatingScore(ScoreOfAnswers):
    """The score of one rating on one axis."""

    owner = owned_by(Rating, "scores")


class RatingLabel(LabelOfAnswers):
    """The answer of one rating to one label set."""

    owner = owned_by(Rating, "labels")
