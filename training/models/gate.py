from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.models import Measure


class Verdict(models.TextChoices):
    """What a gate says of a figure, or of a model: the worst of its figures."""

    PASS = "pass", _("Passed")
    NOT_MEASURED = "not_measured", _("Not measured")
    WARN = "warn", _("Warning")
    STOP = "stop", _("Stop")


COLOURS = {
    Verdict.PASS: "good",
    Verdict.NOT_MEASURED: "neutral",
    Verdict.WARN: "warn",
    Verdict.STOP: "bad",
}
WORST_LAST = (Verdict.PASS, Verdict.NOT_MEASURED, Verdict.WARN, Verdict.STOP)


class Unmeasured(models.TextChoices):
    """Why a gate has no figure."""

    NO_ANSWERS = "no_answers", _("the model has answered no held-out prompt yet")
    NO_PAIRS = "no_pairs", _("no held-out prompt was answered by both models")
    NOT_RATED = "not_rated", _("no finished comparison stage has both models")
    NOT_SCORED = "not_scored", _("the coherence of these answers was not scored")
    NO_TAG = "no_tag", _("none of these prompts has the tag")
    ONE_PROMPT = "one_prompt", _("one prompt gives no interval")


class Gate(models.Model):
    """What was measured of a model version before it went on from a stage, under the rules of the stage's policy.

    `against` is the stage's own model, which it would replace; None where responses were imported without one.
    `compared_in` is the comparison stage whose ratings the figures rest on, if any. Never changed: measured again with
    other figures, it is another row.
    """

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="gates")
    model_version = models.ForeignKey("core.ModelVersion", on_delete=models.PROTECT, related_name="gates")
    against = models.ForeignKey(
        "core.ModelVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="gates_against"
    )
    compared_in = models.ForeignKey(
        "core.Stage", null=True, blank=True, on_delete=models.PROTECT, related_name="gates_resting_on_it"
    )
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    @property
    def tone(self):
        return COLOURS[self.verdict]

    def __str__(self):
        return f"Gate of {self.model_version}"


class GateFigure(models.Model):
    """One figure of a gate: `value` (of `n` prompts, with its 95 % interval) against the bound that held.

    `value` is what the rule speaks of, a rise or fall, and for shares and scores `before` and `after` say of both
    models where it comes from. Without a value `why` says why there is none.
    """

    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, db_index=False, related_name="figures")
    position = models.PositiveSmallIntegerField()
    measure = models.CharField(max_length=20, choices=Measure.choices)
    about = models.CharField(max_length=80, blank=True, help_text="The axis, or the tag of the prompts.")
    value = models.FloatField(null=True, blank=True)
    low = models.FloatField(null=True, blank=True)
    high = models.FloatField(null=True, blank=True)
    before = models.FloatField(null=True, blank=True)
    after = models.FloatField(null=True, blank=True)
    n = models.PositiveIntegerField(default=0)
    bound = models.FloatField()
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    why = models.CharField(max_length=12, choices=Unmeasured.choices, blank=True)

    class Meta:
        ordering = ["gate_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["gate", "position"], name="gate_figure_position_once"),
            models.CheckConstraint(
                condition=Q(verdict="not_measured", value=None) & ~Q(why="")
                | ~Q(verdict="not_measured") & Q(value__isnull=False, why=""),
                name="gate_figure_measured_or_why",
            ),
        ]

    @property
    def tone(self):
        return COLOURS[self.verdict]

    def __str__(self):
        return f"{self.get_measure_display()}: {self.get_verdict_display()}"


class PromotionRequest(models.Model):
    """An admin's wish to promote a model over a stop of its gate; it waits for another admin to agree.

    It is open until the stage is followed or somebody takes it back; a stage has one open at most.
    """

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="promotion_requests")
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="requests")
    reason = models.TextField()
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="promotions_asked_for"
    )
    created_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stage"], condition=Q(withdrawn_at=None), name="promotion_request_one_open"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="promotion_request_for_a_reason"),
        ]

    def __str__(self):
        return f"Request to promote {self.gate.model_version}"
