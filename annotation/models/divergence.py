from django.conf import settings
from django.db import models
from django.db.models import Q


class DivergenceQuerySet(models.QuerySet):
    def current(self):
        """Those that hold: what their response waits for a lead with, or was settled on."""
        return self.filter(superseded_at=None)


class Divergence(models.Model):
    """The finding that a response goes to a lead: made by the k-th rating, under one policy, from exactly
    these ratings of the `ratings_needed` that it was to get. Replaying `agreement.find_divergence` over them gives the
    same reasons, but for those that people gave (DivergenceReason.OF_PEOPLE).

    Whatever takes the response back to its experts or reopens its decision supersedes the finding, and with it the
    cases and decisions that rest on it. They stay for the record; at most one finding of a response is current.

    `adverse`, `spread` and `asked` sum up why it matters, as it was found, for the leads' queue to sort by.
    """

    response = models.ForeignKey("annotation.Response", on_delete=models.PROTECT, related_name="divergences")
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="divergences")
    ratings = models.ManyToManyField("annotation.Rating", related_name="divergences")
    adverse = models.BooleanField(default=False, help_text="An expert chose an adverse label.")
    spread = models.PositiveSmallIntegerField(
        default=0, help_text="The largest spread above τ; 0 where none is."
    )
    asked = models.BooleanField(default=False, help_text="An expert asked for a senior.")
    ratings_needed = models.PositiveSmallIntegerField()
    created_at = models.DateTimeField()
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = DivergenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["response"], condition=Q(superseded_at=None), name="divergence_current_per_response"
            ),
        ]

    def __str__(self):
        return f"Divergence of {self.response_id}"


class DivergenceReason(models.Model):
    """One reason: an axis' spread above τ, a label set with conflicting answers, an expert who asked, or too
    few ratings, because nobody is left who can give more or because an admin does not wait for them.

    Or it was decided before, and an expert corrected a rating since, or somebody (`asked_by`) reopened it (`note`)."""

    class Kind(models.TextChoices):
        SPREAD = "spread", "Scores too far apart"
        CONFLICT = "conflict", "Labels conflict"
        ASKED = "asked", "An expert asked for a senior"
        UNJUDGEABLE = "unjudgeable", "Too few ratings"
        CORRECTED = "corrected", "Changed after a decision"
        REOPENED = "reopened", "The decision was reopened"

    OF_PEOPLE = (Kind.CORRECTED, Kind.REOPENED)
    """Kinds that no rule finds."""

    divergence = models.ForeignKey(Divergence, on_delete=models.CASCADE, related_name="reasons")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    axis = models.ForeignKey("core.Axis", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    spread = models.PositiveSmallIntegerField(null=True, blank=True)
    tau = models.PositiveSmallIntegerField(null=True, blank=True)
    label_set = models.ForeignKey(
        "core.LabelSet", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    values = models.ManyToManyField("core.LabelValue", related_name="+")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["divergence_id", "id"]

    def __str__(self):
        return self.get_kind_display()
