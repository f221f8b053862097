from django.conf import settings
from django.db import models


class RunGroup(models.Model):
    """Training runs that differ in seed or in one of a few settings, launched together and read together.

    All learn from the one `training_set` and start from one model. The runs that share their `trial` differ in seed
    alone. `rule` says how a trial is chosen: it is written down with the launch, before anything is measured.
    `submission` is the launch form's key: the same launch sent twice is one group.
    """

    class Rule(models.TextChoices):
        LOWEST_MEAN = (
            "lowest_mean",
            "The lowest mean validation loss over the seeds; of equal ones the fewer epochs, then the lower learning "
            "rate, then the one that stands first",
        )

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="run_groups")
    training_set = models.ForeignKey("training.TrainingSet", on_delete=models.PROTECT, related_name="groups")
    rule = models.CharField(max_length=20, choices=Rule.choices, default=Rule.LOWEST_MEAN)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()
    submission = models.UUIDField(unique=True)

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return f"Group {self.pk}"
