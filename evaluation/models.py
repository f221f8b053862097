from django.conf import settings
from django.db import models
from django.db.models import Q

from jobs.models import Job


class Encoder(models.Model):
    """A Sentence-BERT model φ, told apart by the hash of its weights: cosines of two encoders never mix.

    `name` is the setting under which it was loaded last, `used_at` when. The newest of the setting's name is
    the encoder in force; changing the setting makes every stage be scored again, and the old cosines stay.
    """

    name = models.CharField(max_length=200)
    weights_sha256 = models.CharField(max_length=64, unique=True)
    dimension = models.PositiveIntegerField()
    used_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["name", "-used_at"])]

    def __str__(self):
        return f"{self.name} ({self.weights_sha256[:12]})"


class PromptEmbedding(models.Model):
    """φ(prompt): `vector` holds little-endian float32 numbers of length 1. Computed once, for all stages.

    `is_truncated`: φ read its beginning alone; None where that was not counted yet.
    """

    encoder = models.ForeignKey(Encoder, on_delete=models.PROTECT, related_name="prompt_embeddings")
    prompt = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="embeddings")
    vector = models.BinaryField()
    is_truncated = models.BooleanField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["encoder", "prompt"], name="prompt_embedded_once")]

    def __str__(self):
        return f"φ of prompt {self.prompt_id}"


class Neighbours(models.Model):
    """How a project's held-out prompts were last compared with those that may be learned from, under one encoder.

    `held_out` and `learned` prompts were compared: those that have a vector. Of the `found` pairs that ask nearly the
    same, the nearest are kept as NeighbourPair.
    """

    project = models.OneToOneField("core.Project", on_delete=models.CASCADE, related_name="neighbours")
    encoder = models.ForeignKey(Encoder, on_delete=models.PROTECT, related_name="+")
    held_out = models.PositiveIntegerField()
    learned = models.PositiveIntegerField()
    found = models.PositiveBigIntegerField()
    compared_at = models.DateTimeField()

    def __str__(self):
        return f"Neighbours in {self.project_id}"


class NeighbourPair(models.Model):
    """A train or validation prompt and a held-out prompt that ask nearly the same, and the cosine of their texts."""

    neighbours = models.ForeignKey(Neighbours, on_delete=models.CASCADE, related_name="pairs")
    learned = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="+")
    held_out = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="+")
    cosine = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["neighbours", "learned", "held_out"], name="neighbour_pair_once")
        ]

    def __str__(self):
        return f"{self.learned_id} and {self.held_out_id}: {self.cosine:.3f}"


class ScoringRun(Job):
    """The job that gives every response of a stage that has none its cosine.

    A stage has one active run at most, and another one later if the encoder changed meanwhile. `total` counts the
    stage's responses, `done` those with a cosine under `encoder`; of a run that SUCCEEDED they are equal. `summary` is
    what the stage's panel shows of them (stage_coherence.summarize).
    """

    TASK = "evaluation.run_scoring"

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="scoring_runs")
    encoder = models.ForeignKey(
        Encoder, null=True, blank=True, on_delete=models.PROTECT, related_name="scoring_runs"
    )
    total = models.PositiveIntegerField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    summary = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["stage"],
                condition=Q(status__in=["queued", "running"]),
                name="scoring_one_active_per_stage",
            )
        ]

    def __str__(self):
        return f"Scoring {self.pk}"


class CoherenceScore(models.Model):
    """cos(φ(prompt), φ(response)), from −1 to 1, under one encoder; coherent where ≥ the policy's γ.

    `is_refusal`: the text declines (refusals.py). Correct refusals have a low cosine, so they are reported
    apart, and nothing is ever decided by the cosine alone. `is_truncated`: φ read the response's beginning alone; None
    where that was not counted yet. `other_script`: the response is in another script than its prompt (scripts.py); None
    where nobody looked.
    """

    ECHO = 0.999
    """A response that repeats its prompt has at least this cosine."""

    encoder = models.ForeignKey(Encoder, on_delete=models.PROTECT, related_name="scores")
    response = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, related_name="coherence_scores"
    )
    cosine = models.FloatField()
    is_refusal = models.BooleanField()
    is_truncated = models.BooleanField(null=True)
    other_script = models.BooleanField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["encoder", "response"], name="coherence_once"),
            models.CheckConstraint(
                condition=Q(cosine__gte=-1.0001) & Q(cosine__lte=1.0001), name="cosine_in_range"
            ),
        ]

    def __str__(self):
        return f"{self.cosine:.3f}"


class BenchmarkRun(Job):
    """The job that puts a model version through a folder of external tasks, called `name` and told by its hash.

    `limit`: how many examples of each task, 0 for all. The same model, tasks and limit is one run.
    """

    TASK = "evaluation.run_benchmark"

    model_version = models.ForeignKey(
        "core.ModelVersion", on_delete=models.PROTECT, related_name="benchmark_runs"
    )
    name = models.CharField(max_length=200)
    tasks_sha256 = models.CharField(max_length=64)
    limit = models.PositiveIntegerField(default=0)
    harness_version = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "tasks_sha256", "limit"], name="benchmark_once_per_model"
            )
        ]

    def __str__(self):
        return f"Benchmark {self.name} of {self.model_version_id}"


class BenchmarkResult(models.Model):
    """One figure of a benchmark run, as lm-evaluation-harness names it: a task's metric under one of its filters.

    `error`: its standard error, where there is one. `n`: examples. `higher_is_better` is None where the task does not
    say.
    """

    run = models.ForeignKey(BenchmarkRun, on_delete=models.PROTECT, related_name="results")
    task = models.CharField(max_length=200)
    metric = models.CharField(max_length=100)
    filter = models.CharField(max_length=100)
    value = models.FloatField()
    error = models.FloatField(null=True)
    n = models.PositiveIntegerField()
    higher_is_better = models.BooleanField(null=True)

    class Meta:
        ordering = ["run", "task", "metric", "filter"]
        constraints = [
            models.UniqueConstraint(fields=["run", "task", "metric", "filter"], name="benchmark_figure_once")
        ]

    def __str__(self):
        return f"{self.task} {self.metric}: {self.value:.4f}"


class KeptReport(models.Model):
    """The newest report of a project, computed by a worker so that its page answers at once.

    A copy, never a source: `fingerprint` names the state it was computed from (reports.fingerprint); where the
    project has moved on, it is computed again. `seen` names what of the project the sweep saw when the copy was true,
    so that an idle project is looked at no further. `body` is the report as JSON, `figures` its drawings (figures.py).
    `claimed` names the state that a worker is computing since `claimed_at`, so that no second one does.
    """

    project = models.OneToOneField("core.Project", on_delete=models.CASCADE, related_name="kept_report")
    fingerprint = models.CharField(max_length=64, blank=True)
    body = models.JSONField(default=dict)
    figures = models.JSONField(default=list)
    seen = models.CharField(max_length=64, blank=True, default="")
    claimed = models.CharField(max_length=64, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"Report of {self.project_id} at {self.fingerprint[:12]}"


class EndpointRegistration(models.Model):
    """The figures by which a project says beforehand that it will judge its comparisons. Never edited: a change writes
    the next version, and each comparison is held to the newest that stood when it opened.

    `endpoints`: their keys (endpoints.py), in the order of the report. `holds_from`: the number of the first comparison
    that opened after it.
    """

    project = models.ForeignKey(
        "core.Project", on_delete=models.PROTECT, related_name="endpoint_registrations"
    )
    version = models.PositiveIntegerField()
    endpoints = models.JSONField()
    holds_from = models.PositiveIntegerField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["project", "version"]
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="endpoints_version_once")]

    def __str__(self):
        return f"Registered figures v{self.version}"


class SpotNote(models.Model):
    """What a reviewer noted of the answers to one held-out prompt. Never edited; a second thought is another note."""

    project = models.ForeignKey("core.Project", on_delete=models.PROTECT, related_name="spot_notes")
    prompt = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="spot_notes")
    text = models.TextField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["prompt", "id"]

    def __str__(self):
        return f"Note on {self.prompt}"
