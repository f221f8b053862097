from django.conf import settings
from django.db import models


class Divergence(models.Model):
    """The finding that a response goes to a lead: made by the k-th rating, under one policy, from exactly
    these ratings. Replaying `agreement.find_divergence` over them gives the same reasons.

    `adverse`, `spread` and `asked` sum up why it matters, as it was found, for the leads' queue to sort by.
    """

    response = models.OneToOneField(
        "annotation.Response", on_delete=models.PROTECT, related_name="divergence"
    )
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="divergences")
    ratings = models.ManyToManyField("annotation.Rating", related_name="divergences")
    adverse = models.BooleanField(default=False, help_text="An expert chose an adverse label.")
    spread = models.PositiveSmallIntegerField(
        default=0, help_text="The largest spread above τ; 0 where none is."
    )
    asked = models.BooleanField(default=False, help_text="An expert asked for a senior.")
    created_at = models.DateTimeField()

    def __str__(self):
        return f"Divergence of {self.response_id}"


class DivergenceReason(models.Model):
    """One reason: an axis' spread above τ, a label set with conflicting answers, an expert who asked, or too
    few experts left who can judge the response."""

    class Kind(models.TextChoices):
        SPREAD = "spread", "Scores too far apart"
        CONFLICT = "conflict", "Labels conflict"
        ASKED = "asked", "An expert asked for a senior"
        UNJUDGEABLE = "unjudgeable", "Too few experts can judge it"

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

    class Meta:
        ordering = ["divergence_id", "id"]

    def __str__(self):
        return self.get_kind_display()
