from django.db import models
from django.db.models import Q

from jobs.models import Job
from training.models.run import Precision


class Rehearsal(Job):
    """A few steps of a training that makes no model: what it would read and cost, measured before a launch.

    `examples`, `validation` and `tokens` are those of the preview when it was asked for: where they are others by now,
    it tells of another selection. `result` is what the child wrote (training/trainer/README.md); empty until it is
    done. A stage has one at work at a time.
    """

    TASK = "training.run_rehearsal"

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="rehearsals")
    base = models.ForeignKey("core.ModelVersion", on_delete=models.PROTECT, related_name="rehearsals")
    batch_size = models.PositiveSmallIntegerField()
    max_length = models.PositiveIntegerField()
    precision = models.CharField(max_length=4, choices=Precision.choices, default=Precision.AUTO)
    seed = models.PositiveBigIntegerField(default=0)
    examples = models.PositiveIntegerField()
    validation = models.PositiveIntegerField()
    tokens = models.PositiveBigIntegerField()
    result = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stage"],
                condition=Q(status__in=["queued", "running"]),
                name="rehearsal_one_active_per_stage",
            )
        ]

    def __str__(self):
        return f"Rehearsal {self.pk}"
