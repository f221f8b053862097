from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.models.answers import LabelOfAnswers, ScoreOfAnswers, owned_by


class CaseQuerySet(models.QuerySet):
    def current(self):
        """Those whose finding holds: what has been corrected, returned or reopened since is left out."""
        return self.filter(divergence__superseded_at=None)


class Case(models.Model):
    """A diverging response before one lead, from claim to resolution.

    An unclaimed case is no row: the queue is the divergent responses without a live case. A claim holds until
    `lease_until`; then the case lapses and the response is anyone's again. That the lead did not rate the
    response is held by annotation's Involvement, which a claim writes. A case is about one finding (`divergence`);
    once that is superseded, the case and its decision are history, and the next finding gets a case of its own.
    """

    class Status(models.TextChoices):
        CLAIMED = "claimed", "Before a lead"
        RESOLVED = "resolved", "Resolved"
        RELEASED = "released", "Released"
        RETURNED = "returned", "Returned to the experts"
        LAPSED = "lapsed", "Lapsed"

    COLOURS = {
        Status.CLAIMED: "active",
        Status.RESOLVED: "good",
        Status.RELEASED: "neutral",
        Status.RETURNED: "info",
        Status.LAPSED: "warn",
    }
    TRANSITIONS = {
        Status.CLAIMED: {Status.RESOLVED, Status.RELEASED, Status.RETURNED, Status.LAPSED},
        Status.RESOLVED: set(),
        Status.RELEASED: set(),
        Status.RETURNED: set(),
        Status.LAPSED: set(),
    }
    ACTIVE = {Status.CLAIMED}
    TERMINAL = {Status.RESOLVED, Status.RELEASED, Status.RETURNED, Status.LAPSED}

    response = models.ForeignKey("annotation.Response", on_delete=models.PROTECT, related_name="cases")
    divergence = models.ForeignKey("annotation.Divergence", on_delete=models.PROTECT, related_name="cases")
    lead = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cases")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.CLAIMED)
    claimed_at = models.DateTimeField()
    lease_until = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = CaseQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["divergence"],
                condition=Q(status__in=["claimed", "resolved"]),
                name="case_one_live_per_finding",
            ),
        ]
        indexes = [
            models.Index(fields=["lead", "status"]),
            models.Index(fields=["lease_until"], name="case_lease", condition=Q(status="claimed")),
        ]

    def __str__(self):
        return f"Case {self.pk}"


class DecisionQuerySet(models.QuerySet):
    def standing(self):
        """Those that hold: not reopened, nor overtaken by a correction."""
        return self.filter(case__divergence__superseded_at=None)


class Decision(models.Model):
    """What a lead decided on a case: the consensus s*, or that the response is excluded from training.

    The consensus may be any value, also one nobody gave. Never changed once written: it stands as long as the finding
    of its case does, and the decision on the next one supersedes it. `submission` makes a repeated
    submit the same decision.
    """

    class Outcome(models.TextChoices):
        CONSENSUS = "consensus", "Consensus set"
        EXCLUDED = "excluded", "Excluded from training"

    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="decision")
    lead = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    rationale = models.TextField()
    submission = models.UUIDField(unique=True)
    created_at = models.DateTimeField()

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(rationale=""), name="decision_with_rationale"),
        ]

    def __str__(self):
        return f"Decision on case {self.case_id}"


class DecisionScore(ScoreOfAnswers):
    """The consensus on one axis."""

    owner = owned_by(Decision, "scores")


class DecisionLabel(LabelOfAnswers):
    """The consensus on one label set."""

    owner = owned_by(Decision, "labels")
