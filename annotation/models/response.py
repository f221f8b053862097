from django.db import models
from django.db.models import Q


class Sampling(models.Model):
    """How responses were drawn from a model: one row per distinct setting, stored with every response."""

    temperature = models.FloatField(default=0.7)
    top_p = models.FloatField(default=0.95)
    max_new_tokens = models.PositiveIntegerField(default=96)
    repetition_penalty = models.FloatField(default=1.1)
    batch_size = models.PositiveIntegerField(default=32)
    system_prompt = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "temperature",
                    "top_p",
                    "max_new_tokens",
                    "repetition_penalty",
                    "batch_size",
                    "system_prompt",
                ],
                name="sampling_once",
            ),
            models.CheckConstraint(
                condition=Q(temperature__gte=0) & Q(top_p__gt=0) & Q(top_p__lte=1), name="sampling_in_range"
            ),
        ]

    def __str__(self):
        return f"T={self.temperature} top-p={self.top_p} ≤{self.max_new_tokens} tokens"


class ResponseQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(stage__project__memberships__user=user).distinct()


class Response(models.Model):
    """One model answer to one prompt in one stage; `candidate` counts several answers to the same prompt.

    `position` orders the hand-out inside the stage and is drawn by seed, so that neighbouring prompts, models
    and splits come mixed. Sampling parameters and seed are empty for imported responses. `ratings_needed` is a k of
    this response's own; without one the stage's holds. One that a lead had settled and that came back to its experts
    `was_settled`: it goes to a lead again whatever they say.

    In a calibration every response is a copy of one that a turn has, and in a comparison all but those that were
    generated for it: `copy_of` points at it, and all that the model gave is repeated here, so that whoever reads a
    response need not know. `stage_kind` is the stage's, repeated for the constraint that holds this. An anchor is a
    copy that is rated again to tell how the panel has moved, and counts in no figure of the models compared.
    """

    CUT_OFF = "length"
    """The `finish_reason` of an answer that reached its token limit."""

    class Status(models.TextChoices):
        AWAITING_RATINGS = "awaiting", "Awaiting ratings"
        AGREED = "agreed", "Agreed"
        DIVERGENT = "divergent", "Divergent"
        RESOLVED = "resolved", "Resolved by a lead"
        EXCLUDED = "excluded", "Excluded by a lead"
        LABELED = "labeled", "Label final"
        PAIRED = "paired", "In pairs alone"
        SET_ASIDE = "set_aside", "Set aside"

    COLOURS = {
        Status.AWAITING_RATINGS: "info",
        Status.AGREED: "good",
        Status.DIVERGENT: "warn",
        Status.RESOLVED: "good",
        Status.EXCLUDED: "neutral",
        Status.LABELED: "good",
        Status.PAIRED: "neutral",
        Status.SET_ASIDE: "neutral",
    }
    TRANSITIONS = {
        Status.AWAITING_RATINGS: {Status.AGREED, Status.DIVERGENT, Status.SET_ASIDE},
        Status.AGREED: {Status.LABELED, Status.AWAITING_RATINGS, Status.SET_ASIDE},
        Status.DIVERGENT: {
            Status.RESOLVED,
            Status.EXCLUDED,
            Status.AWAITING_RATINGS,
            Status.SET_ASIDE,
        },
        Status.RESOLVED: {Status.LABELED, Status.AWAITING_RATINGS, Status.DIVERGENT},
        Status.EXCLUDED: {Status.AWAITING_RATINGS, Status.DIVERGENT},
        Status.LABELED: set(),
        # Its comparison asks for preferences between pairs alone: it gets no ratings.
        Status.PAIRED: {Status.SET_ASIDE},
        # Brought back, as long as its stage is open.
        Status.SET_ASIDE: {Status.AWAITING_RATINGS, Status.DIVERGENT, Status.PAIRED},
    }
    ACTIVE = {Status.AWAITING_RATINGS, Status.DIVERGENT}
    TERMINAL = {Status.LABELED, Status.SET_ASIDE}
    MAY_BE_SET_ASIDE = (Status.AWAITING_RATINGS, Status.AGREED, Status.DIVERGENT, Status.PAIRED)

    stage = models.ForeignKey(
        "core.Stage", on_delete=models.PROTECT, db_index=False, related_name="responses"
    )
    stage_kind = models.CharField(max_length=12)
    copy_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="copies"
    )
    is_anchor = models.BooleanField(default=False, db_default=False)
    prompt = models.ForeignKey(
        "annotation.Prompt", on_delete=models.PROTECT, db_index=False, related_name="responses"
    )
    model_version = models.ForeignKey("core.ModelVersion", on_delete=models.PROTECT, related_name="responses")
    candidate = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveIntegerField()
    text = models.TextField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.AWAITING_RATINGS)
    sampling = models.ForeignKey(
        Sampling, null=True, blank=True, on_delete=models.PROTECT, related_name="responses"
    )
    seed = models.BigIntegerField(null=True, blank=True)
    finish_reason = models.CharField(max_length=10, blank=True)
    ratings_needed = models.PositiveSmallIntegerField(null=True, blank=True)
    was_settled = models.BooleanField(default=False, db_default=False)
    set_aside = models.ForeignKey(
        "annotation.SettingAside",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="responses",
    )
    created_at = models.DateTimeField()

    objects = ResponseQuerySet.as_manager()

    class Meta:
        ordering = ["stage_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["stage", "prompt", "candidate"], name="response_candidate_once"),
            models.UniqueConstraint(fields=["stage", "position"], name="response_position_once"),
            models.UniqueConstraint(
                fields=["copy_of", "stage"],
                condition=Q(copy_of__isnull=False),
                name="response_copied_once_per_stage",
            ),
            models.CheckConstraint(
                condition=Q(stage_kind="turn", copy_of__isnull=True)
                | Q(stage_kind="comparison")
                | Q(stage_kind="calibration", copy_of__isnull=False),
                name="response_copied_outside_turns",
            ),
            models.CheckConstraint(
                condition=Q(is_anchor=False) | Q(stage_kind="comparison", copy_of__isnull=False),
                name="response_anchor_is_a_copy",
            ),
            models.CheckConstraint(
                condition=Q(ratings_needed__isnull=True) | Q(ratings_needed__gte=1),
                name="response_k_at_least_1",
            ),
            models.CheckConstraint(
                condition=Q(status="set_aside", set_aside__isnull=False)
                | (~Q(status="set_aside") & Q(set_aside__isnull=True)),
                name="response_set_aside_with_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["stage", "status", "position"]),
            models.Index(fields=["prompt", "stage"]),
            models.Index(
                fields=["stage", "ratings_needed"],
                name="response_own_k",
                condition=Q(ratings_needed__isnull=False),
            ),
        ]

    def __str__(self):
        return f"Response {self.pk}"

    @property
    def is_cut_off(self):
        """Whether the model reached its token limit before it had finished."""
        return self.finish_reason == self.CUT_OFF

    @property
    def k(self):
        """How many ratings it gets."""
        return self.ratings_needed or self.stage.ratings_per_response
