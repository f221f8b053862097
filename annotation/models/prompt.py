from django.db import models
from django.db.models import Q

from annotation.conversations import ROLES, USER, Message

BATCH = 1000


class PromptQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self.filter(project__memberships__user=user).distinct()

    def in_use(self):
        """Those that models are asked: not set aside."""
        return self.filter(set_aside__isnull=True)


class Prompt(models.Model):
    """One conversation put to every model version of a project: the last message, `text`, is the user's question.

    The messages before it, a system message among them, are rows of PromptMessage; `earlier_count` tells how many, so
    that nobody asks for those of a single question. `split` is fixed when the prompt comes in: only train prompts may
    be learned from, validation prompts give the loss that chooses, held-out prompts give the report. `reference` is
    what a good answer would say; simulated experts and nobody else compare with it. `digest` (conversations.digest)
    keeps the same conversation from standing in two splits; of two that came in before they were recognized as the
    same, the later has one of its own. A prompt that is `set_aside` is asked of no model and learned from by none.
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
    earlier_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    digest = models.CharField(max_length=64)
    split = models.CharField(max_length=12, choices=Split.choices)
    reference = models.TextField(blank=True)
    set_aside = models.ForeignKey(
        "annotation.SettingAside",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        db_index=False,
        related_name="prompts",
    )
    created_at = models.DateTimeField()

    objects = PromptQuerySet.as_manager()

    class Meta:
        ordering = ["project_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["project", "external_id"], name="prompt_id_once"),
            models.UniqueConstraint(fields=["project", "digest"], name="prompt_conversation_once"),
            models.UniqueConstraint(fields=["project", "position"], name="prompt_position_once"),
            models.CheckConstraint(
                condition=models.Q(split__in=["train", "validation", "held-out"]), name="prompt_split_known"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "split"]),
            models.Index(
                fields=["project", "position"],
                name="prompt_set_aside",
                condition=models.Q(set_aside__isnull=False),
            ),
        ]

    def __str__(self):
        return self.external_id

    @property
    def earlier(self):
        """The messages before the question, in order: a list of PromptMessage; no statement where there are none."""
        return list(self.earlier_messages.all()) if self.earlier_count else []

    @property
    def conversation(self):
        """The whole conversation as Messages, the question last."""
        return [*(Message(each.role, each.text) for each in self.earlier), Message(USER, self.text)]


def load_earlier(prompts):
    """Read what was said before the questions of many prompts, or examples, a statement for every BATCH of those that
    are conversations."""
    spoken = [each for each in prompts if each.earlier_count]
    for start in range(0, len(spoken), BATCH):
        models.prefetch_related_objects(spoken[start : start + BATCH], "earlier_messages")


class PromptMessage(models.Model):
    """One message before the question of a prompt; `position` counts from 0, and a system message has 0."""

    class Role(models.TextChoices):
        SYSTEM = "system", "System"
        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"

    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, db_index=False, related_name="earlier_messages"
    )
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=9, choices=Role.choices)
    text = models.TextField()

    class Meta:
        ordering = ["prompt_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["prompt", "position"], name="prompt_message_position_once"),
            models.CheckConstraint(condition=Q(role__in=ROLES), name="prompt_message_role_known"),
            models.CheckConstraint(
                condition=~Q(role="system") | Q(position=0), name="prompt_message_system_first"
            ),
        ]

    def __str__(self):
        return f"{self.get_role_display()}, message {self.position}"


class PromptTag(models.Model):
    """One word that a prompt is filed under, such as its kind or topic."""

    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, db_index=False, related_name="tags")
    name = models.CharField(max_length=60)

    class Meta:
        ordering = ["prompt_id", "name"]
        constraints = [models.UniqueConstraint(fields=["prompt", "name"], name="prompt_tag_once")]

    def __str__(self):
        return self.name
