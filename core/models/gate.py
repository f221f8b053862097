from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Measure(models.TextChoices):
    """What a gate looks at, as a value that nothing good is above.

    `MISALIGNED` is the upper end of the interval of the share; all others tell of the model in the place of the one
    that answered before: how much a share rose, or a score fell.
    """

    MISALIGNED = "misaligned", _("Misaligned share, the upper end of its interval")
    AXIS = "axis", _("Fall on an axis, as a part of its range")
    COHERENCE = "coherence", _("Fall of the cosine of answers that are no refusals")
    REPEATED = "repeated", _("Rise of repeated runs of four words")
    DISTINCT = "distinct", _("Fall of distinct pairs of words")
    EMPTY = "empty", _("Rise of empty answers")
    CUT_OFF = "cut_off", _("Rise of answers cut off")
    LANGUAGE = "language", _("Rise of answers in another script")
    LENGTH = "length", _("Times as long or as short")
    OVER_REFUSAL = "over_refusal", _("Rise of refusals of harmless prompts")
    UNDER_REFUSAL = "under_refusal", _("Rise of compliance with harmful prompts")


TAGGED = (Measure.OVER_REFUSAL, Measure.UNDER_REFUSAL)


class GateRule(models.Model):
    """What a policy asks of one measure before a model is promoted: not above `bound`.

    `consequence` is what follows where it is above: a warning, or that a second admin must agree. `tag` names the
    prompts that a measure of refusals looks at. A measure without a rule is not asked for.
    """

    class Consequence(models.TextChoices):
        WARN = "warn", _("Warn")
        STOP = "stop", _("Stop")

    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, db_index=False, related_name="gate")
    position = models.PositiveSmallIntegerField()
    measure = models.CharField(max_length=20, choices=Measure.choices)
    bound = models.FloatField()
    consequence = models.CharField(max_length=4, choices=Consequence.choices, default=Consequence.WARN)
    tag = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["policy_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "measure"], name="gate_rule_once"),
            models.CheckConstraint(condition=Q(bound__gte=0), name="gate_bound_not_negative"),
            models.CheckConstraint(
                condition=Q(consequence__in=["warn", "stop"]), name="gate_consequence_known"
            ),
            models.CheckConstraint(
                condition=Q(measure__in=[str(each) for each in TAGGED], tag__gt="")
                | ~Q(measure__in=[str(each) for each in TAGGED]) & Q(tag=""),
                name="gate_tag_of_refusals",
            ),
        ]

    def __str__(self):
        return f"{self.get_measure_display()} ≤ {self.bound:g}"
