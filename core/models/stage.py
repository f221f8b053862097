import re

from django.db import models

KEY = re.compile(r"(?:(\w+)-)?(\d{1,9})", re.ASCII)


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

    def turns(self):
        """The turns of the loop alone: what trains and what the report tells."""
        return self.filter(kind=Stage.Kind.TURN)

    def in_rating(self):
        """Those in which ratings come in, as a list: in the order in which their responses go out.

        None of an archived project.
        """
        found = self.filter(status=Stage.Status.RATING, project__archived_at=None).select_related(
            "policy__rubric", "project"
        )
        return sorted(found, key=lambda stage: Stage.HAND_OUT_ORDER.index(stage.kind))

    def at(self, key):
        """The stage with this `Stage.key`, as a set of one or none."""
        found = KEY.fullmatch(str(key))
        return self.filter(kind=found[1] or Stage.Kind.TURN, number=found[2]) if found else self.none()


class Stage(models.Model):
    """One round of rating under one policy: responses come in, experts rate, leads arbitrate, labels are finalized.

    In a turn of the loop a model version answers every prompt; a comparison or calibration holds copies of responses
    that turns have (annotation/copies.py) and trains nothing. `number` counts within the kind: that of a turn is t,
    from 0 for the base model; the others begin with 1. `ratings_per_response` is the policy's k, or another for a
    stage of copies. A comparison has a `mode`: its responses are rated, or experts choose between two of them at a
    time, or both, and k holds for both; with `overall` they make one choice over all instead of one on each axis.
    Training is no status of a stage: runs have their own, and a stage may have several.
    """

    class Kind(models.TextChoices):
        TURN = "turn", "Turn"
        COMPARISON = "comparison", "Comparison"
        CALIBRATION = "calibration", "Calibration"

    class Mode(models.TextChoices):
        RATED = "rated", "Responses are rated"
        PREFERRED = "preferred", "Experts choose between two responses"
        BOTH = "both", "Responses are rated, and experts choose between two"

    HAND_OUT_ORDER = (Kind.CALIBRATION, Kind.COMPARISON, Kind.TURN)
    """Where several stages are open, whose responses go out first."""
    is_alone = False
    """Whether it is known that no other stage of the project is open for rating; `lock_response` asks along with it."""

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
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.TURN)
    number = models.PositiveIntegerField()
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.RESPONDING)
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, related_name="stages")
    ratings_per_response = models.PositiveSmallIntegerField()
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.RATED, db_default=Mode.RATED)
    overall = models.BooleanField(default=False, db_default=False)
    pairs_per_prompt = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="How many pairs of model versions of each prompt; all where empty."
    )
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
        ordering = ["project", "kind", "number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "kind", "number"], name="stage_number_once_per_kind"),
            # The loop has one front: a second open turn would split the experts' attention and the report.
            models.UniqueConstraint(
                fields=["project", "kind"],
                condition=models.Q(status__in=["responding", "rating"]),
                name="stage_one_open_of_each_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(ratings_per_response__gte=1), name="stage_k_at_least_1"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="comparison") | models.Q(mode="rated", overall=False),
                name="stage_pairs_in_comparisons_alone",
            ),
        ]

    def __str__(self):
        if self.kind != self.Kind.TURN:
            return f"{self.get_kind_display()} {self.number}"
        return "Base" if self.number == 0 else f"Stage {self.number}"

    @property
    def is_turn(self):
        return self.kind == self.Kind.TURN

    @property
    def is_rated(self):
        """Whether its responses are rated, each for itself."""
        return self.mode != self.Mode.PREFERRED

    @property
    def has_pairs(self):
        """Whether experts choose between two of its responses at a time."""
        return self.mode != self.Mode.RATED

    @property
    def key(self):
        """What names the stage in its project, in addresses and records: "0", "comparison-1"."""
        return str(self.number) if self.is_turn else f"{self.kind}-{self.number}"
