from django.db import models
from django.db.models import Q

from core.models import Job


class Encoder(models.Model):
    """A Sentence-BERT model φ, told apart by the hash of its weights: cosines of two encoders never mix."""

    name = models.CharField(max_length=200)
    weights_sha256 = models.CharField(max_length=64, unique=True)
    dimension = models.PositiveIntegerField()

    def __str__(self):
        return f"{self.name} ({self.weights_sha256[:12]})"


class PromptEmbedding(models.Model):
    """φ(prompt): `vector` holds little-endian float32 numbers of length 1. Computed once, for all stages."""

    encoder = models.ForeignKey(Encoder, on_delete=models.PROTECT, related_name="prompt_embeddings")
    prompt = models.ForeignKey("annotation.Prompt", on_delete=models.PROTECT, related_name="embeddings")
    vector = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["encoder", "prompt"], name="prompt_embedded_once")]


class ScoringRun(Job):
    """The job that gives every response of a stage its cosine."""

    stage = models.ForeignKey("core.Stage", on_delete=models.PROTECT, related_name="scoring_runs")

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["stage"], name="scoring_once_per_stage")]

    def __str__(self):
        return f"Scoring {self.pk}"


class CoherenceScore(models.Model):
    """cos(φ(prompt), φ(response)), from −1 to 1, under one encoder; coherent where ≥ the policy's γ.

    `is_refusal`: the text declines (refusals.py). Correct refusals have a low cosine, so they are reported
    apart, and nothing is ever decided by the cosine alone.
    """

    encoder = models.ForeignKey(Encoder, on_delete=models.PROTECT, related_name="scores")
    response = models.ForeignKey(
        "annotation.Response", on_delete=models.PROTECT, related_name="coherence_scores"
    )
    cosine = models.FloatField()
    is_refusal = models.BooleanField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["encoder", "response"], name="coherence_once"),
            models.CheckConstraint(
                condition=Q(cosine__gte=-1.0001) & Q(cosine__lte=1.0001), name="cosine_in_range"
            ),
        ]
