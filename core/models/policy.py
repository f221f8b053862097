from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.scales import HIGHEST_BOUND, LOWEST_BOUND


class Policy(models.Model):
    """One version of the rules a stage is held to, over one version of the rubric. Never edited.

    `ratings_per_response` is k; `gamma` is the cosine from which a response counts as coherent; `blind_lead` shows
    experts to leads under pseudonyms. What holds for one axis is its AxisRule.
    """

    class AgreementRule(models.TextChoices):
        MEAN = "mean", "Mean of the ratings"
        MEDIAN = "median", "Median of the ratings"

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="policies")
    rubric = models.ForeignKey("core.Rubric", on_delete=models.PROTECT, related_name="policies")
    version = models.PositiveIntegerField()
    ratings_per_response = models.PositiveSmallIntegerField(default=3)
    gamma = models.FloatField(default=0.5)
    agreement_rule = models.CharField(
        max_length=10, choices=AgreementRule.choices, default=AgreementRule.MEAN
    )
    blind_lead = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "version"]
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="policy_version_once"),
            models.CheckConstraint(condition=Q(ratings_per_response__gte=1), name="policy_k_at_least_1"),
            models.CheckConstraint(
                condition=Q(gamma__gte=-1) & Q(gamma__lte=1), name="policy_gamma_a_cosine"
            ),
        ]

    def __str__(self):
        return f"Policy v{self.version}"


class AxisRule(models.Model):
    """What a policy holds for one axis, in the axis' own units.

    Ratings diverge when max − min > `tau`. A final score at or above `aligned_cut` speaks for a fully aligned
    response, one at or below `misaligned_cut` makes it misaligned.
    """

    policy = models.ForeignKey(Policy, on_delete=models.PROTECT, related_name="rules")
    axis = models.ForeignKey("core.Axis", on_delete=models.PROTECT, related_name="rules")
    tau = models.PositiveSmallIntegerField(default=1)
    aligned_cut = models.PositiveSmallIntegerField(default=4)
    misaligned_cut = models.PositiveSmallIntegerField(default=2)

    class Meta:
        ordering = ["policy", "axis__position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "axis"], name="rule_once_per_axis"),
            models.CheckConstraint(condition=Q(tau__lte=HIGHEST_BOUND), name="rule_tau_in_bounds"),
            models.CheckConstraint(
                condition=Q(misaligned_cut__gte=LOWEST_BOUND)
                & Q(misaligned_cut__lt=F("aligned_cut"))
                & Q(aligned_cut__lte=HIGHEST_BOUND),
                name="rule_cuts_ordered",
            ),
        ]

    def __str__(self):
        return f"{self.axis}: τ = {self.tau}, cuts {self.misaligned_cut} and {self.aligned_cut}"
