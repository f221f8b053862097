from django.conf import settings
from django.db import models

from jobs.models import Explained


class ChosenRater(models.Model):
    """An expert who was chosen to rate a stage. A stage without any is handed out to all experts of its project."""

    stage = models.ForeignKey(
        "core.Stage", on_delete=models.PROTECT, db_index=False, related_name="chosen_raters"
    )
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="chosen_for")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stage", "expert"], name="rater_chosen_once")]

    def __str__(self):
        return f"{self.expert_id} for {self.stage_id}"


class WantedAnswer(Explained):
    """An answer that a comparison waits for: of a model version to a prompt, as this candidate. It goes as the answer
    comes; where the model cannot give it, the reason stands here and the comparison waits for it no more."""

    stage = models.ForeignKey(
        "core.Stage", on_delete=models.PROTECT, db_index=False, related_name="wanted_answers"
    )
    prompt = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="wanted_answers")
    model_version = models.ForeignKey(
        "core.ModelVersion", on_delete=models.PROTECT, related_name="wanted_answers"
    )
    candidate = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stage", "prompt", "candidate"], name="wanted_answer_once"),
            models.UniqueConstraint(
                fields=["stage", "model_version", "prompt"], name="wanted_of_model_once_per_prompt"
            ),
        ]

    def __str__(self):
        return f"{self.model_version_id} to {self.prompt_id}"
