from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q


class AssignmentQuerySet(models.QuerySet):
    def visible_to(self, user):
        """The slots of responses that `user` was given to judge: held, rated, declined, or lapsed on them."""
        taken_part = Involvement.objects.filter(
            response=OuterRef("response"), user=user, part__in=Involvement.EXPERT_PARTS
        )
        draft = Draft.objects.filter(response=OuterRef("response"), expert=user)
        return self.filter(Q(expert=user) | Exists(taken_part) | Exists(draft))


class Assignment(models.Model):
    """One of the k slots of a response. All k rows exist from the start, so there can never be a k + 1.

    An OPEN slot belongs to nobody. A LEASED one is held by an expert until `lease_until`; then it lapses and
    opens again. `stage` and `position` are the response's own, repeated here because the hand-out walks an
    index over them. `reopened_at` marks a slot that came back after experts may have passed it by, and with it
    every open slot of the same response (see annotation/assignment.py). A slot that a lead returned is LEASED again
    while its rating still counts: the next submit supersedes it, and when the lease ends it stands as it was.
    """

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        LEASED = "leased", "Held by an expert"
        SUBMITTED = "submitted", "Rated"
        CLOSED = "closed", "No longer needed"

    COLOURS = {
        Status.OPEN: "info",
        Status.LEASED: "active",
        Status.SUBMITTED: "good",
        Status.CLOSED: "neutral",
    }
    TRANSITIONS = {
        Status.OPEN: {Status.LEASED, Status.CLOSED},
        Status.LEASED: {Status.OPEN, Status.SUBMITTED, Status.CLOSED},
        # Taken back by its expert, or withdrawn by an admin.
        Status.SUBMITTED: {Status.LEASED, Status.OPEN},
        # Wanted again, or its response was brought back.
        Status.CLOSED: {Status.OPEN},
    }
    ACTIVE = {Status.OPEN, Status.LEASED}

    response = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, db_index=False, related_name="assignments"
    )
    slot = models.PositiveSmallIntegerField()
    stage = models.ForeignKey(
        "core.Stage", on_delete=models.PROTECT, db_index=False, related_name="assignments"
    )
    position = models.PositiveIntegerField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.OPEN)
    expert = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="assignments",
    )
    leased_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    reopened_at = models.DateTimeField(null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["stage_id", "position", "slot"]
        constraints = [
            models.UniqueConstraint(fields=["response", "slot"], name="assignment_slot_once"),
            models.UniqueConstraint(
                fields=["response", "expert"],
                condition=Q(expert__isnull=False),
                name="assignment_expert_once_per_response",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["leased", "submitted"], expert__isnull=False)
                | Q(status__in=["open", "closed"], expert__isnull=True),
                name="assignment_held_means_expert",
            ),
        ]
        indexes = [
            models.Index(fields=["stage", "position"], name="slot_open", condition=Q(status="open")),
            models.Index(
                fields=["stage", "position"],
                name="slot_reopened",
                condition=Q(status="open", reopened_at__isnull=False),
            ),
            models.Index(fields=["lease_until"], name="slot_lease", condition=Q(status="leased")),
            # Also answers, from the index alone, how far each expert of a stage has come.
            models.Index(fields=["stage", "expert", "status"], name="slot_of_expert"),
        ]

    def __str__(self):
        return f"Slot {self.slot} of {self.response_id}"


class Involvement(models.Model):
    """The one part that a person plays for a response: rated it, declined it, or arbitrates it.

    The unique constraint is what keeps anyone from arbitrating a response they rated, from rating one whose
    ratings they saw as a lead, and from rating twice.
    """

    class Part(models.TextChoices):
        RATED = "rated", "Rated it"
        DECLINED = "declined", "Could not judge it"
        ARBITRATES = "arbitrates", "Arbitrates it"

    EXPERT_PARTS = (Part.RATED, Part.DECLINED)

    response = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, db_index=False, related_name="involvements"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="involvements")
    part = models.CharField(max_length=12, choices=Part.choices)
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["response", "user"], name="involvement_one_part_per_person"),
            models.CheckConstraint(
                condition=~Q(part="declined") | ~Q(reason=""), name="involvement_declined_with_reason"
            ),
        ]
        indexes = [models.Index(fields=["user", "part", "-created_at"])]

    def __str__(self):
        return f"{self.user_id} {self.part} {self.response_id}"


class QueueCursor(models.Model):
    """How far an expert has come in a stage: below `position` nothing is left for them but reopened slots.

    It makes the hand-out as quick for the expert who is far ahead as for the one who begins. `turn` counts the
    claims, so that no two of them rest on the same look. `share` is about how many responses fall to this expert
    when all of the project's experts take part equally, reckoned when they began.
    """

    START, END = 0, 2**31 - 1

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, db_index=False, related_name="cursors")
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="cursors")
    position = models.PositiveIntegerField(default=START)
    turn = models.PositiveIntegerField(default=0)
    share = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stage", "expert"], name="cursor_once")]

    def __str__(self):
        return f"{self.expert_id} at {self.position}"


class KeptForm(models.Model):
    """A form that somebody has filled in and not yet submitted, by its fields: anything goes, nothing counts.

    `form` is the key of the form that wrote it, where one did, in its how-manieth save, `turn`: see
    annotation/drafts.py."""

    fields = models.JSONField(default=dict)
    form = models.UUIDField(null=True)
    turn = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField()

    class Meta:
        abstract = True

    @property
    def version(self):
        """What tells this draft from any before and after it: the moment when it was written. "" for an empty one."""
        return self.updated_at.isoformat() if self.fields else ""


class Draft(KeptForm):
    """What an expert has filled in of a response and not yet submitted. It outlives the lease, so that work is not lost
    when a slot lapses. `called_in_at`: when the slot was taken back before its time, until its expert has read so.

    `replaces` is the rating that they took back, or that a lead `returned` to them with a question; what comes of the
    draft supersedes it."""

    response = models.ForeignKey(
        "annotation.Response", on_delete=models.CASCADE, db_index=False, related_name="drafts"
    )
    expert = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts")
    called_in_at = models.DateTimeField(null=True, blank=True)
    replaces = models.ForeignKey(
        "annotation.Rating", null=True, on_delete=models.PROTECT, db_index=False, related_name="drafts"
    )
    returned = models.ForeignKey(
        "annotation.Return", null=True, on_delete=models.PROTECT, db_index=False, related_name="drafts"
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["response", "expert"], name="draft_once")]
        indexes = [
            models.Index(fields=["expert"], name="draft_called_in", condition=Q(called_in_at__isnull=False)),
            models.Index(fields=["replaces"], name="draft_replaces", condition=Q(replaces__isnull=False)),
            models.Index(fields=["returned"], name="draft_returned", condition=Q(returned__isnull=False)),
        ]

    def __str__(self):
        return f"Draft of {self.expert_id} on {self.response_id}"
