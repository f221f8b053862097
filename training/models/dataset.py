from django.conf import settings
from django.db import models
from django.db.models import Q

from annotation.conversations import ROLES
from annotation.models import PromptMessage


class TrainingSet(models.Model):
    """The frozen selection of final labels of one stage that runs learn from.

    `sha256` is over the examples' canonical JSON lines in order (dataset.py). The lines stand in the storage
    under that hash too; the trainer is given the train lines and the validation lines of exactly that file.
    Freezing the same stage again gives the same set. `stage_kind` is the stage's, repeated for the constraint: models
    learn from turns alone. `recipe` says by which rule it was drawn (recipes.py), as it was chosen before.
    """

    class Kind(models.TextChoices):
        """What one line of it is."""

        ANSWERS = "answers", "Answers to learn"
        PAIRS = "pairs", "Pairs of a better and a worse answer"
        JUDGED = "judged", "Good and poor answers"

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="training_sets")
    stage_kind = models.CharField(max_length=12)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.ANSWERS, db_default=Kind.ANSWERS)
    recipe = models.JSONField(default=dict, blank=True)
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["stage", "id"]
        constraints = [
            models.UniqueConstraint(fields=["stage", "sha256"], name="training_set_once"),
            models.CheckConstraint(condition=Q(stage_kind="turn"), name="training_set_of_a_turn"),
        ]

    def __str__(self):
        return f"Training set {self.sha256[:12]}"

    def count_by_split(self):
        """{"train": n, "validation": n}"""
        counts = self.examples.order_by().values_list("split").annotate(models.Count("pk"))
        return {"train": 0, "validation": 0} | dict(counts)


class TrainingExample(models.Model):
    """One line of a training set: the prompt and the text to learn, with the final label that vouches for it.

    `split` is train or validation. A held-out prompt can never be an example: the database refuses it.

    Of a pair the `completion` is the better answer, `rejected` the worse one, which `rejected_label` vouches for; an
    accepted revision and the response it was written for have one label. `axis` is the one that told the two apart
    (none: all together, or the revision), `score` and `rejected_score` what the labels hold on it. `weight` is how
    much a line counts, where lines count differently.
    """

    class Kind(models.TextChoices):
        AS_IS = "as_is", "Fully aligned response"
        REVISED = "revised", "Accepted revision"
        PREFERRED = "preferred", "Better of two responses"
        CORRECTED = "corrected", "Accepted revision over its response"
        GOOD = "good", "Good answer"
        POOR = "poor", "Poor answer"

    PAIRS = (Kind.PREFERRED, Kind.CORRECTED)

    training_set = models.ForeignKey(TrainingSet, on_delete=models.PROTECT, related_name="examples")
    position = models.PositiveIntegerField()
    final_label = models.ForeignKey(
        "arbitration.FinalLabel", on_delete=models.PROTECT, related_name="training_examples"
    )
    split = models.CharField(max_length=12)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    prompt_text = models.TextField()
    earlier_count = models.PositiveSmallIntegerField(default=0, db_default=0)
    system_prompt = models.CharField(
        max_length=1000, blank=True, help_text="What the model was told before the prompt when it answered."
    )
    completion = models.TextField()
    is_cut_off = models.BooleanField(
        default=False, help_text="The completion breaks off at the token limit: it is learned without an end."
    )
    rejected = models.TextField(blank=True, default="", db_default="")
    rejected_label = models.ForeignKey(
        "arbitration.FinalLabel", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    is_rejected_cut_off = models.BooleanField(default=False, db_default=False)
    axis = models.ForeignKey(
        "core.Axis", null=True, blank=True, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    score = models.FloatField(null=True, blank=True)
    rejected_score = models.FloatField(null=True, blank=True)
    weight = models.FloatField(null=True, blank=True)

    class Meta:
        ordering = ["training_set", "position"]
        constraints = [
            models.UniqueConstraint(fields=["training_set", "position"], name="example_position_once"),
            models.UniqueConstraint(
                fields=["training_set", "final_label", "kind"],
                condition=Q(rejected_label__isnull=True),
                name="example_label_once_per_kind",
            ),
            models.UniqueConstraint(
                fields=["training_set", "final_label", "rejected_label"], name="example_pair_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["preferred", "corrected"], rejected_label__isnull=False)
                | (~Q(kind__in=["preferred", "corrected"]) & Q(rejected_label__isnull=True, rejected="")),
                name="example_pair_has_two",
            ),
            models.CheckConstraint(
                condition=Q(weight__isnull=True) | Q(weight__gt=0), name="example_weight_positive"
            ),
            models.CheckConstraint(
                condition=Q(split__in=["train", "validation"]), name="example_never_held_out"
            ),
        ]

    def __str__(self):
        return f"Example {self.position}"

    @property
    def is_pair(self):
        return self.kind in self.PAIRS

    @property
    def earlier(self):
        """What was said before the question, in order: a list of ExampleMessage; no statement where it is nothing."""
        return list(self.earlier_messages.all()) if self.earlier_count else []


class ExampleMessage(models.Model):
    """One message before the question of an example, frozen with its set; `position` counts from 0."""

    example = models.ForeignKey(
        TrainingExample, on_delete=models.PROTECT, db_index=False, related_name="earlier_messages"
    )
    position = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=9, choices=PromptMessage.Role.choices)
    text = models.TextField()

    class Meta:
        ordering = ["example_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["example", "position"], name="example_message_position_once"),
            models.CheckConstraint(condition=Q(role__in=ROLES), name="example_message_role_known"),
        ]

    def __str__(self):
        return f"{self.get_role_display()}, message {self.position}"
