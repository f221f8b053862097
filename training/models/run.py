from django.db import models
from django.db.models import Q

from jobs.models import Job


class Precision(models.TextChoices):
    """What a model calculates in."""

    AUTO = "auto", "Automatic"
    FP32 = "fp32", "fp32: exact, more memory"
    BF16 = "bf16", "bf16: half the memory"


class GenerationRun(Job):
    """The job that lets a stage's model version answer every prompt. Its progress is the stage's responses.

    Every prompt gets as many `candidates`, each drawn by a seed of its own.
    For a comparison it answers the prompts that the stage wants of `model_version`; that of a turn has none of its own.
    `sampling` and `precision` are those of its next attempt: one that ended badly can be launched again with others.
    """

    TASK = "training.run_generation"

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="generation_runs")
    model_version = models.ForeignKey(
        "core.ModelVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="generation_runs"
    )
    sampling = models.ForeignKey(
        "annotation.Sampling", on_delete=models.PROTECT, related_name="generation_runs"
    )
    seed = models.PositiveBigIntegerField(default=0)
    precision = models.CharField(max_length=4, choices=Precision.choices, default=Precision.AUTO)

    candidates = models.PositiveSmallIntegerField(default=1, db_default=1)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stage"], condition=Q(model_version=None), name="generation_once_per_turn"
            ),
            models.UniqueConstraint(fields=["stage", "model_version"], name="generation_once_per_model"),
            models.CheckConstraint(condition=Q(candidates__gte=1), name="generation_candidates_at_least_1"),
        ]

    def __str__(self):
        return f"Generation {self.pk}"


class TrainingRun(Job):
    """One fine-tuning job: objective, hyperparameters, seed and training set, from a base model version to a
    new one. `submission` is the launch form's key: the same launch sent twice is one run.

    `tokens` is what one epoch reads and `seconds` what the training takes, as the trainer measured them (at the
    last attempt's pace, where it was interrupted); the next preview's expected duration rests on both.
    `left_out` names the examples that were longer than `max_length` and not learned from. `kept_step` is the optimizer
    step whose weights the model version has: that of the lowest validation loss, or the last.
    `beta` is how closely DPO and KTO hold to the model they begin with. `lora_rank` is that of the adapters which are
    trained in place of the weights; 0 trains the weights themselves.
    `group` is the RunGroup it was launched with, if any, and `trial` which of the group's settings it has, from 1.
    """

    TASK = "training.run_training"

    class Objective(models.TextChoices):
        SFT = "sft", "Supervised fine-tuning (response tokens only)"
        WEIGHTED_SFT = "weighted_sft", "Fine-tuning weighted by how sure the labels are"
        BEST_OF_N = "best_of_n", "Fine-tuning on the best of several candidates"
        DPO = "dpo", "Direct preference optimization (DPO)"
        CORRECTIONS = "corrections", "DPO on accepted revisions over their responses"
        KTO = "kto", "Kahneman–Tversky optimization (KTO)"

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="training_runs")
    training_set = models.ForeignKey("training.TrainingSet", on_delete=models.PROTECT, related_name="runs")
    base = models.ForeignKey("core.ModelVersion", on_delete=models.PROTECT, related_name="runs_from")
    model_version = models.OneToOneField(
        "core.ModelVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="training_run"
    )
    objective = models.CharField(max_length=16, choices=Objective.choices, default=Objective.SFT)
    learning_rate = models.FloatField(default=5e-5)
    epochs = models.PositiveSmallIntegerField(default=3)
    batch_size = models.PositiveSmallIntegerField(default=8)
    max_length = models.PositiveIntegerField(default=512)
    precision = models.CharField(max_length=4, choices=Precision.choices, default=Precision.AUTO)
    seed = models.PositiveBigIntegerField(default=0)
    beta = models.FloatField(default=0.1, db_default=0.1)
    lora_rank = models.PositiveSmallIntegerField(default=0, db_default=0)
    total_steps = models.PositiveIntegerField(null=True, blank=True)
    tokens = models.PositiveBigIntegerField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    kept_step = models.PositiveIntegerField(null=True, blank=True)
    left_out = models.JSONField(default=list, blank=True)
    library_versions = models.JSONField(
        default=dict,
        blank=True,
        help_text="Package name to version, device and precision, as the trainer reported them.",
    )
    group = models.ForeignKey(
        "training.RunGroup", null=True, blank=True, on_delete=models.PROTECT, related_name="runs"
    )
    trial = models.PositiveSmallIntegerField(null=True, blank=True)
    submission = models.UUIDField(unique=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(group__isnull=True, trial__isnull=True) | Q(group__isnull=False, trial__gte=1),
                name="run_of_a_group_has_a_trial",
            ),
            models.UniqueConstraint(fields=["group", "trial", "seed"], name="seed_once_per_trial"),
            models.CheckConstraint(condition=Q(learning_rate__gt=0), name="run_learning_rate_positive"),
            models.CheckConstraint(condition=Q(beta__gt=0), name="run_beta_positive"),
            models.CheckConstraint(condition=Q(epochs__gte=1), name="run_epochs_at_least_1"),
            models.CheckConstraint(condition=Q(batch_size__gte=1), name="run_batch_at_least_1"),
        ]

    def __str__(self):
        return f"Training run {self.pk}"


class ExampleLoss(models.Model):
    """How well the weights that a run kept do on one of its validation examples; of the best and the worst alone.

    `loss` is the mean over the tokens to be said, `place` from 1, the lowest loss first, among `of` examples. `tokens`
    are pairs of a piece of text and its loss.
    """

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="example_losses")
    example = models.ForeignKey("training.TrainingExample", on_delete=models.PROTECT, related_name="losses")
    loss = models.FloatField()
    place = models.PositiveIntegerField()
    of = models.PositiveIntegerField()
    tokens = models.JSONField(default=list)

    class Meta:
        ordering = ["run", "place"]
        constraints = [models.UniqueConstraint(fields=["run", "example"], name="example_loss_once")]

    def __str__(self):
        return f"{self.loss:.4f}, {self.place} of {self.of}"


class RunMeasure(models.Model):
    """One measured point of a training run: the loss at an optimizer step, or the validation loss.

    Of an optimizer step also the norm of its gradient before it was cut, and how many tokens a second it read; None
    where that was not measured. The same step measured again after a resume is the same row.
    """

    class Kind(models.TextChoices):
        TRAIN = "train", "Training loss"
        VALIDATION = "validation", "Validation loss"

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="measures")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    step = models.PositiveIntegerField()
    epoch = models.FloatField()
    loss = models.FloatField()
    learning_rate = models.FloatField(null=True, blank=True)
    grad_norm = models.FloatField(null=True, blank=True)
    tokens_per_second = models.FloatField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["run", "kind", "step"]
        constraints = [models.UniqueConstraint(fields=["run", "kind", "step"], name="measure_once_per_step")]

    def __str__(self):
        return f"{self.get_kind_display()} {self.loss:.4f} at step {self.step}"
