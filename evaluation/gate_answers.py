"""The answers that a gate compares: what two model versions said to the same held-out prompts."""

from dataclasses import dataclass

from django.db.models import Q

from annotation.models import Prompt, PromptTag, Response
from core.models import Stage
from evaluation.comparing import compared_versions, finished_comparisons

MOST_PROMPTS = 1_000
"""Of more held-out prompts as many are looked at, always the same: a second's work."""


@dataclass(frozen=True)
class Answer:
    """One response to one held-out prompt. `original`: the key of the response that it copies, or its own."""

    key: int
    prompt: int
    question: str
    text: str
    is_cut_off: bool
    original: int


def comparison_of(one, other):
    """The newest comparison stage with final labels in which both model versions' responses were rated, or None."""
    both = {one, other}
    stages = reversed(finished_comparisons(one.project))
    return next((stage for stage in stages if both <= set(compared_versions(stage))), None)


def answers_to_the_same(one, other, stage=None):
    """(answers of one, answers of the other) as lists of Answer, to the held-out prompts that both answered.

    From `stage`, a comparison, or else from the newest stage in which each answered.
    """
    first, second = _keys(one, stage), _keys(other, stage)
    shared = Prompt.objects.filter(pk__in=first.keys() & second.keys()).order_by("digest")
    # The order of digests is a draw that is the same each time.
    prompts = dict(shared.values_list("pk", "text")[:MOST_PROMPTS])
    return _read(first, prompts), _read(second, prompts)


def has_answers(model_version):
    """Whether the model answered any held-out prompt."""
    return bool(_keys(model_version, None))


def tagged(project, tag):
    """The keys of the project's held-out prompts with this tag, as a set."""
    held_out = PromptTag.objects.filter(
        prompt__project=project, prompt__split=Prompt.Split.HELD_OUT, name=tag
    )
    return set(held_out.values_list("prompt", flat=True))


def _keys(model_version, stage):
    """{prompt: [keys of the model's responses to it]} of one stage."""
    held_out = Response.objects.filter(model_version=model_version, prompt__split=Prompt.Split.HELD_OUT)
    for each in [stage] if stage else _stages_of(model_version):
        found = {}
        rows = held_out.filter(stage=each).order_by("prompt", "candidate")
        for prompt, key in rows.values_list("prompt", "pk"):
            found.setdefault(prompt, []).append(key)
        if found:
            return found
    return {}


def _stages_of(model_version):
    """Those in which the model may have answered, turns first, the newest of them first."""
    stages = Stage.objects.filter(project=model_version.project_id)
    stages = stages.filter(Q(model_version=model_version) | Q(kind=Stage.Kind.COMPARISON))
    return sorted(stages, key=lambda stage: (not stage.is_turn, -stage.number))


def _read(keys, prompts):
    wanted = [key for prompt in prompts for key in keys[prompt]]
    rows = Response.objects.filter(pk__in=wanted).order_by("pk")
    return [
        Answer(key, prompt, prompts[prompt], text, reason == Response.CUT_OFF, original or key)
        for key, prompt, text, reason, original in rows.values_list(
            "pk", "prompt", "text", "finish_reason", "copy_of"
        )
    ]
