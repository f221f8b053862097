"""Prompts, responses and ratings, made through the use cases."""

import uuid

from annotation.assignment import take_slot
from annotation.importing import import_prompts
from annotation.models import Prompt, Response
from annotation.rating import submit_rating
from annotation.responses import NewResponse, add_responses, open_rating
from core.models import ModelVersion
from core.stages import open_stage
from tests.factories.core import NOW

SPLITS = ("train", "train", "validation", "held-out")


def make_prompts(project, count=4, splits=SPLITS, by=None):
    """`count` prompts through the import, their splits in turn; returns them in order."""
    start = project.prompts.count()
    rows = [
        {
            "id": f"q{number}",
            "prompt": f"Question number {number}: how do I boil an egg of {number} grams?",
            "split": splits[number % len(splits)],
            "tags": ["eggs"],
            "reference": f"Boil the egg of {number} grams for six minutes.",
        }
        for number in range(start, start + count)
    ]
    import_prompts(project=project, rows=rows, by=by, now=NOW)
    return list(Prompt.objects.filter(project=project).order_by("position")[start:])


CONVERSATION = (
    ("system", "Answer in one sentence."),
    ("user", "How do I boil an egg?"),
    ("assistant", "For six minutes, in boiling water."),
    ("user", "And a goose egg?"),
)


def make_conversation(project, messages=CONVERSATION, split="train", name="talk", by=None):
    """A prompt of several messages, pairs of role and text, through the import."""
    chat = [{"role": role, "content": text} for role, text in messages]
    row = {"id": name, "messages": chat, "split": split, "reference": "A goose egg takes eleven minutes."}
    import_prompts(project=project, rows=[row], by=by, now=NOW)
    return Prompt.objects.get(project=project, external_id=name)


def make_stage(project, model_name=None, by=None):
    """The project's next stage, waiting for responses; of a named model, or of imported responses."""
    model = None
    if model_name:
        model, _ = ModelVersion.objects.get_or_create(
            project=project, name=model_name, defaults={"created_at": NOW}
        )
    return open_stage(project=project, model_version=model, by=by, now=NOW)


def make_responses(stage, candidates=1, model_name="model-under-test", now=NOW):
    """A response of every prompt of the project, `candidates` times; returns the rows by hand-out position."""
    model = stage.model_version
    if model is None:
        model, _ = ModelVersion.objects.get_or_create(
            project=stage.project, name=model_name, defaults={"created_at": now}
        )
    answers = [
        NewResponse(
            prompt, f"Answer {candidate} to {prompt.external_id}: boil it.", model, candidate=candidate
        )
        for prompt in Prompt.objects.filter(project=stage.project)
        for candidate in range(candidates)
    ]
    add_responses(stage=stage, answers=answers, now=now)
    return list(Response.objects.filter(stage=stage).order_by("position"))


def make_rating_stage(project, prompts=4, candidates=1, by=None):
    """A stage open for rating, with prompts and responses; prompts are made only if there are none."""
    if not project.prompts.exists():
        make_prompts(project, count=prompts)
    stage = make_stage(project, model_name=f"model-{project.stages.count()}", by=by)
    make_responses(stage, candidates=candidates)
    return open_rating(stage=stage, by=by, now=NOW)


def responses_of(stage):
    """Its responses, in the order of hand-out."""
    return list(Response.objects.filter(stage=stage).order_by("position"))


def rate(response, expert, score=4, scores=None, labels=None, now=NOW, **fields):
    """One expert's rating of one response: `score` on every axis, or `scores` by key; not adverse by default."""
    slot = take_slot(response=response, expert=expert, now=now)
    assert slot is not None, f"No open slot of response {response.pk} for {expert}"
    rubric = response.stage.policy.rubric
    if labels is None:
        required = rubric.label_sets.filter(required=True).prefetch_related("values")
        labels = {label_set.key: label_set.values.all()[0].key for label_set in required}
    everywhere = {axis.key: score for axis in rubric.axes.all()}
    return submit_rating(
        assignment=slot,
        by=expert,
        scores=everywhere | (scores or {}),
        labels=labels,
        submission=fields.pop("submission", None) or uuid.uuid4(),
        now=now,
        **fields,
    )


def rate_all(stage, experts, score=4, now=NOW, **fields):
    """Every response of the stage rated by every given expert; `score` may be a function of (response, expert)."""
    for response in Response.objects.filter(stage=stage).order_by("position"):
        for expert in experts:
            value = score(response, expert) if callable(score) else score
            rate(response, expert, score=value, now=now, **fields)
