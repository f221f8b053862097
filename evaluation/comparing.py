"""What comparison stages say of the model versions in them: figures that stood beside each other, rated blind."""

from dataclasses import dataclass

from django.db.models import Q

from annotation.models import Response, WantedAnswer
from core.models import ModelVersion, Stage
from evaluation import measures
from evaluation.encoders import encoder_in_force
from evaluation.models import CoherenceScore
from evaluation.per_prompt import PerPrompt


@dataclass(frozen=True)
class Compared:
    """One model version in a comparison stage: each figure over its held-out prompts, by final labels alone.

    `scores`: {axis key: PerPrompt of final scores}; `shares`: {class: PerPrompt of its share}, over what was judged;
    `not_judged` and `excluded` count the rest. `cosines` and `coherent` (the share that reaches γ) are None while a
    cosine under the encoder in force is missing.
    """

    model_version: ModelVersion
    scores: dict[str, PerPrompt]
    shares: dict[str, PerPrompt]
    not_judged: int
    excluded: int
    cosines: PerPrompt | None
    coherent: PerPrompt | None


def finished_comparisons(project):
    """The project's comparison stages whose labels are final, the oldest first."""
    stages = project.stages.filter(kind=Stage.Kind.COMPARISON, status__in=Stage.FINAL)
    return list(stages.select_related("policy__rubric").order_by("number"))


def compared_versions(stage):
    """The model versions that a comparison stage compares, or waits for, the oldest first."""
    compared = Response.objects.filter(stage=stage, is_anchor=False).order_by().values("model_version")
    wanted = WantedAnswer.objects.filter(stage=stage, reason_code="").values("model_version")
    found = ModelVersion.objects.filter(Q(pk__in=compared) | Q(pk__in=wanted))
    return list(found.order_by("pk"))


def figures_of(stage):
    """[Compared] of a comparison stage with final labels, one for each model version, the oldest first.

    Two of them are compared prompt by prompt: `per_prompt.pair(before.scores[key], after.scores[key])`.
    """
    encoder = encoder_in_force()
    return [_compared(stage, version, encoder) for version in compared_versions(stage)]


def _compared(stage, version, encoder):
    shares, not_judged, excluded = measures.alignment(stage, version)
    cosines = coherent = None
    if encoder is not None and _is_scored(stage, version, encoder):
        asked, cosine, _ = measures.cosines(stage, encoder, version)
        cosines = PerPrompt.grouped(asked, cosine)
        coherent = PerPrompt.grouped(asked, cosine >= stage.policy.gamma)
    return Compared(
        version, measures.scores_by_axis(stage, version), shares, not_judged, excluded, cosines, coherent
    )


def _is_scored(stage, version, encoder):
    scored = CoherenceScore.objects.filter(
        response__stage=stage, response__model_version=version, encoder=encoder
    )
    responses = stage.responses.filter(model_version=version)
    return scored.count() == responses.count()
