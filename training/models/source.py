from django.conf import settings
from django.db import models


class TrainingSource(models.Model):
    """How many ratings of one expert under one policy and version of the guidelines the examples of a training set rest
    on: written when the set is frozen, so that who asks what came of an expert reads no example.

    `withdrawn` of them were withdrawn since (annotation.models.Retraction).
    """

    training_set = models.ForeignKey(
        "training.TrainingSet", on_delete=models.PROTECT, db_index=False, related_name="sources"
    )
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="training_sources"
    )
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="training_sources")
    guidelines = models.ForeignKey(
        "core.Guidelines", on_delete=models.PROTECT, related_name="training_sources"
    )
    ratings = models.PositiveIntegerField()
    withdrawn = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["training_set_id", "expert_id", "policy_id", "guidelines_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["training_set", "expert", "policy", "guidelines"], name="training_source_once"
            )
        ]

    def __str__(self):
        return f"{self.ratings} ratings of {self.expert}"
