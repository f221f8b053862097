from django.conf import settings
from django.db import models
from django.db.models import F, Q

from annotation.models.assignment import Assignment, KeptForm
from annotation.models.rating import CountingQuerySet


class PairQuerySet(models.QuerySet):
    def with_response(self, response):
        """The pairs in which a response stands."""
        return self.filter(Q(one=response) | Q(other=response))


class Pair(models.Model):
    """Two responses to one prompt in a comparison, between which experts choose: k of them, the stage's k.

    Drawn when the stage is opened (annotation/pairs.py), always of two model versions. `one` and `other` say nothing
    about where a response stands on a page: that is drawn for each expert. `position` orders the hand-out by seed;
    no two pairs of one prompt stand close to each other.
    """

    class Status(models.TextChoices):
        AWAITING = "awaiting", "Awaiting preferences"
        JUDGED = "judged", "Judged"
        SET_ASIDE = "set_aside", "Set aside"

    COLOURS = {Status.AWAITING: "info", Status.JUDGED: "good", Status.SET_ASIDE: "neutral"}
    TRANSITIONS = {
        Status.AWAITING: {Status.JUDGED, Status.SET_ASIDE},
        # A preference was taken back, or one of its responses set aside.
        Status.JUDGED: {Status.AWAITING, Status.SET_ASIDE},
        Status.SET_ASIDE: {Status.AWAITING},
    }
    ACTIVE = {Status.AWAITING}

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, db_index=False, related_name="pairs")
    prompt = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="pairs")
    one = models.ForeignKey("annotation.Response", on_delete=models.PROTECT, related_name="+")
    other = models.ForeignKey("annotation.Response", on_delete=models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.AWAITING)
    created_at = models.DateTimeField()

    objects = PairQuerySet.as_manager()

    class Meta:
        ordering = ["stage_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["stage", "position"], name="pair_position_once"),
            # The lesser key first, so that two responses make one pair, whichever of them is named first.
            models.UniqueConstraint(fields=["stage", "one", "other"], name="pair_once"),
            models.CheckConstraint(condition=Q(one__lt=F("other")), name="pair_of_two"),
        ]
        indexes = [models.Index(fields=["stage", "status", "position"], name="pair_of_stage")]

    def __str__(self):
        return f"Pair {self.pk}"


class PairSlot(models.Model):
    """One of the k places for an expert at a pair, with the life of an Assignment: all k rows exist from the start.

    An expert holds one at a time; beside it only what is before them `again`: a pair whose preference they took back,
    or that they submit after its lease had ended.
    """

    Status = Assignment.Status
    COLOURS = Assignment.COLOURS
    TRANSITIONS = Assignment.TRANSITIONS

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, db_index=False, related_name="slots")
    slot = models.PositiveSmallIntegerField()
    stage = models.ForeignKey(
        "core.Stage", on_delete=models.PROTECT, db_index=False, related_name="pair_slots"
    )
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="pair_slots",
    )
    leased_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    again = models.BooleanField(default=False)

    class Meta:
        ordering = ["pair_id", "slot"]
        constraints = [
            models.UniqueConstraint(fields=["pair", "slot"], name="pair_slot_once"),
            models.UniqueConstraint(
                fields=["pair", "expert"], condition=Q(expert__isnull=False), name="pair_slot_expert_once"
            ),
            models.UniqueConstraint(
                fields=["stage", "expert"],
                condition=Q(status="leased", again=False),
                name="pair_slot_held_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["leased", "submitted"], expert__isnull=False)
                | Q(status__in=["open", "closed"], expert__isnull=True),
                name="pair_slot_held_means_expert",
            ),
        ]
        indexes = [
            models.Index(fields=["pair"], name="pair_slot_open", condition=Q(status="open")),
            models.Index(fields=["lease_until"], name="pair_slot_lease", condition=Q(status="leased")),
            models.Index(fields=["stage", "expert", "status"], name="pair_slot_of_expert"),
        ]

    def __str__(self):
        return f"Slot {self.slot} of pair {self.pair_id}"


class PairDecline(models.Model):
    """An expert could not judge a pair, and why. It does not come back to them."""

    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, db_index=False, related_name="declines")
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="pair_declines"
    )
    reason = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pair", "expert"], name="pair_decline_once"),
            models.CheckConstraint(condition=~Q(reason=""), name="pair_decline_with_reason"),
        ]

    def __str__(self):
        return f"{self.expert_id} declined {self.pair_id}"


class PairDraft(KeptForm):
    """What an expert has filled in at a pair and not yet submitted; see Draft. `replaces` is the preference that they
    took back, which what comes of the draft supersedes."""

    pair = models.ForeignKey(Pair, on_delete=models.CASCADE, db_index=False, related_name="drafts")
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="pair_drafts")
    replaces = models.ForeignKey(
        "annotation.Preference", null=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pair", "expert"], name="pair_draft_once")]

    def __str__(self):
        return f"Draft of {self.expert_id} on pair {self.pair_id}"


class Preference(models.Model):
    """One expert's judgement of one pair: a Choice on each axis, or one over all. Nothing of it is ever overwritten.

    `left` is the response that stood left on the expert's page; the other one stood right. What else it has, it has as
    a Rating: one that takes another's place `supersedes` it, and at most one of an expert and pair counts.
    """

    slot = models.ForeignKey(PairSlot, on_delete=models.PROTECT, db_index=False, related_name="preferences")
    pair = models.ForeignKey(Pair, on_delete=models.PROTECT, db_index=False, related_name="preferences")
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, related_name="preferences"
    )
    policy = models.ForeignKey("core.Policy", on_delete=models.PROTECT, db_index=False, related_name="+")
    guidelines = models.ForeignKey(
        "core.Guidelines", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    left = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    comment = models.TextField(blank=True)
    submission = models.UUIDField(unique=True)
    seconds = models.PositiveIntegerField(null=True, blank=True)
    submitted_at = models.DateTimeField()
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="successors"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)

    objects = CountingQuerySet.as_manager()

    class Meta:
        ordering = ["pair_id", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["pair", "expert"],
                condition=Q(superseded_at=None),
                name="preference_current_per_expert",
            ),
            models.UniqueConstraint(
                fields=["slot"], condition=Q(superseded_at=None), name="preference_current_per_slot"
            ),
            models.UniqueConstraint(
                fields=["supersedes"],
                condition=Q(supersedes__isnull=False),
                name="preference_superseded_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["pair"], name="preference_superseded", condition=Q(superseded_at__isnull=False)
            ),
            models.Index(fields=["expert", "-submitted_at"], name="preference_of_expert"),
        ]

    def __str__(self):
        return f"Preference {self.pk}"


class Choice(models.Model):
    """What a preference says on one axis, or over all where `axis` is empty: which side is better, or neither."""

    class Side(models.TextChoices):
        LEFT = "left", "Left"
        EQUAL = "equal", "Equal"
        RIGHT = "right", "Right"

    preference = models.ForeignKey(
        Preference, on_delete=models.PROTECT, db_index=False, related_name="choices"
    )
    axis = models.ForeignKey(
        "core.Axis", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    side = models.CharField(max_length=5, choices=Side.choices)

    class Meta:
        ordering = ["preference_id", "axis__position"]
        constraints = [
            models.UniqueConstraint(fields=["preference", "axis"], name="choice_once_per_axis"),
            models.UniqueConstraint(
                fields=["preference"], condition=Q(axis__isnull=True), name="choice_once_over_all"
            ),
            models.CheckConstraint(condition=Q(side__in=["left", "equal", "right"]), name="choice_of_a_side"),
        ]

    def __str__(self):
        return f"{self.axis_id or 'over all'}: {self.side}"
