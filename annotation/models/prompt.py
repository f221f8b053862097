from django.db import models


class PromptQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(project__memberships__user=user).distinct()


class Prompt(models.Model):
    """One question put to every model version of a project.

    `split` is fixed when the prompt comes in: only train prompts may be learned from, validation prompts
    give the loss that chooses, held-out prompts give the report. `reference` is what a good answer would
    say; simulated experts and nobody else compare with it. `text_sha256` keeps the same text from standing
    in two splits.
    """

    class Split(models.TextChoices):
        TRAIN = "train", "Train"
        VALIDATION = "validation", "Validation"
        HELD_OUT = "held-out", "Held-out"

    project = models.ForeignKey(
        "core.Project", on_delete=models.PROTECT, db_index=False, related_name="prompts"
    )
    external_id = models.CharField(max_length=200)
    position = models.PositiveIntegerField()
    text = models.TextField()
    text_sha256 = models.CharField(max_length=64)
    split = models.CharField(max_length=12, choices=Split.choices)
    reference = models.TextField(blank=True)
    created_at = models.DateTimeField()

    objects = PromptQuerySet.as_manager()

    class Meta:
        ordering = ["project_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["project", "external_id"], name="prompt_id_once"),
            models.UniqueConstraint(fields=["project", "text_sha256"], name="prompt_text_once"),
            models.UniqueConstraint(fields=["project", "position"], name="prompt_position_once"),
            models.CheckConstraint(
                condition=models.Q(split__in=["train", "validation", "held-out"]), name="prompt_split_known"
            ),
        ]
        indexes = [models.Index(fields=["project", "split"])]

    def __str__(self):
        return self.external_id


class PromptTag(models.Model):
    """One word that a prompt is filed under, such as its kind or topic."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, db_index=False, related_name="tags")
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ["prompt_id", "name"]
        constraints = [models.UniqueConstraint(fields=["prompt", "name"], name="prompt_tag_once")]

    def __str__(self):
        return self.name
