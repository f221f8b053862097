from django.db import models


class ModelVersion(models.Model):
    """One language model: the base, an imported one known by name only, or one that a training run made.

    `location` is where its weights are: a package ("package:NAME"), a folder under the artifacts, an
    absolute folder, or a hub id; empty for a model whose responses were imported. The run that made it
    points here (`training_run`).
    """

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="model_versions")
    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    location = models.CharField(max_length=500, blank=True)
    weights_sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "id"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="model_name_once")]

    def __str__(self):
        return self.name


class StageQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(project__memberships__user=user).distinct()


class Stage(models.Model):
    """One turn of the loop: a model version answers, experts rate, leads arbitrate, labels are finalized.

    `number` is t, from 0 for the base model. Training is no status of a stage: runs have their own, and a
    stage may have several.
    """

    class Status(models.TextChoices):
        RESPONDING = "responding", "Waiting for responses"
        RATING = "rating", "Rating"
        LABELS_FINAL = "labels_final", "Labels final"
        COMPLETE = "complete", "Followed by the next stage"

    COLOURS = {
        Status.RESPONDING: "info",
        Status.RATING: "active",
        Status.LABELS_FINAL: "good",
        Status.COMPLETE: "neutral",
    }
    TRANSITIONS = {
        Status.RESPONDING: {Status.RATING},
        Status.RATING: {Status.LABELS_FINAL},
        Status.LABELS_FINAL: {Status.COMPLETE},
        Status.COMPLETE: set(),
    }
    ACTIVE = {Status.RESPONDING, Status.RATING}
    TERMINAL = {Status.COMPLETE}
    FINAL = {Status.LABELS_FINAL, Status.COMPLETE}  # its labels stand

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="stages")
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.RESPONDING)
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="stages")
    model_version = models.ForeignKey(
        ModelVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="stages",
        help_text="The model that answers; empty where responses are imported.",
    )
    created_at = models.DateTimeField()

    objects = StageQuerySet.as_manager()

    class Meta:
        ordering = ["project", "number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="stage_number_once"),
            # The loop has one front: a second open stage would split the experts' attention and the report.
            models.UniqueConstraint(
                fields=["project"],
                condition=models.Q(status__in=["responding", "rating"]),
                name="stage_one_open_per_project",
            ),
        ]

    def __str__(self):
        return "Base" if self.number == 0 else f"Stage {self.number}"
