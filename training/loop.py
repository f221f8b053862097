"""The loop as a line of stages with their numbers, and what is to be done next in it."""

from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count
from django.urls import reverse

from annotation.counting import shown_prompts, shown_responses
from annotation.models import Response
from arbitration.labels import open_work
from arbitration.models import FinalLabel
from core.access import ADMIN, LEAD
from core.models import Stage
from training.models import GenerationRun
from training.progress import generation_progress, is_live

Status = Response.Status
DECIDED = (Status.RESOLVED, Status.EXCLUDED)
KEPT_SECONDS = 24 * 60 * 60
TONES = {FinalLabel.Alignment.ALIGNED: "good", FinalLabel.Alignment.MISALIGNED: "bad"}


@dataclass(frozen=True)
class Step:
    """What comes next, in a sentence. `act` and `url`: the button that does it or leads there; "" for who may not."""

    text: str
    act: str = ""
    url: str = ""


def next_step(project, stage, *, roles):
    """The Step that brings the project on from `stage`, its newest turn (None before the first)."""
    is_admin = ADMIN in roles
    if stage is None:
        return (
            _before_the_first(project)
            if is_admin
            else Step("An admin brings the prompts in and opens the loop.")
        )
    if stage.status == Stage.Status.RESPONDING:
        return _responding(project, stage, is_admin)
    if stage.status == Stage.Status.RATING:
        return _rating(project, stage, roles)
    if stage.status == Stage.Status.LABELS_FINAL:
        return _final(project, stage, is_admin)
    return Step("This stage was followed by another.")


def numbers_of(stage):
    """The steps that the line shows of a stage: how far it is, or what its final labels say."""
    if stage.status == Stage.Status.RESPONDING:
        found = generation_progress(stage)
        return [_bar("Answered", found.done, found.total)]
    if stage.status in Stage.FINAL:
        classes = _classes(stage)
        return [
            _bar(label, classes.get(value, 0), sum(classes.values()), TONES.get(value, "neutral"))
            for value, label in FinalLabel.Alignment.choices
            if classes.get(value)
        ]
    count = shown_responses(stage)
    total = sum(count.values())
    decided = sum(count.get(status, 0) for status in DECIDED)
    return [
        _bar("Rated", total - count.get(Status.AWAITING_RATINGS, 0), total),
        _bar("Decided", decided, decided + count.get(Status.DIVERGENT, 0)),
    ]


def _bar(name, value, most, tone="accent"):
    return {"name": name, "value": value, "max": most, "tone": tone}


def _classes(stage):
    """How many final labels of the stage have each class: they never change, so each process asks once."""
    key = f"training.classes.{stage.pk}.{stage.created_at.isoformat()}"
    found = cache.get(key)
    if found is None:
        rows = FinalLabel.objects.filter(response__stage=stage).order_by().values_list("alignment")
        found = dict(rows.annotate(n=Count("pk")))
        cache.set(key, found, KEPT_SECONDS)
    return found


def _before_the_first(project):
    if not shown_prompts(project):
        return Step(
            "Bring the prompts in.", "Import prompts", reverse("annotation:prompts", args=[project.slug])
        )
    return Step(
        "Let the base model answer the prompts, or bring in responses that exist already.",
        "Open the base stage",
        reverse("training:generate", args=[project.slug]),
    )


def _responding(project, stage, is_admin):
    generation = GenerationRun.objects.filter(stage=stage).first()
    if is_live(generation):
        return Step("The model is answering: this page follows it.")
    if not is_admin:
        return Step("An admin sees to it that every prompt is answered.")
    here = reverse("stage-detail", args=[project.slug, stage.key])
    if generation is not None and generation.may_resume:
        return Step("The generation stopped before every prompt was answered.", "See why and go on", here)
    return Step("Bring the responses in, then open the rating.", "Open the stage", here)


def _rating(project, stage, roles):
    count = shown_responses(stage)
    open_now = open_work(stage, count)
    if count.get(Status.DIVERGENT) and LEAD in roles:
        return Step(" ".join(open_now), "Arbitrate", reverse("arbitration:queue", args=[project.slug]))
    if open_now or ADMIN not in roles:
        return Step(" ".join(open_now) or "Everything is judged: an admin finalizes the labels.")
    address = reverse("arbitration:finalize", args=[project.slug, stage.key])
    return Step("Everything is judged.", "Finalize the labels…", address)


def _final(project, stage, is_admin):
    runs = list(stage.training_runs.order_by("-pk"))
    live = next((run for run in runs if is_live(run)), None)
    if live is not None and live.group_id:
        together = [run for run in runs if run.group_id == live.group_id]
        done = sum(run.model_version_id is not None for run in together)
        address = reverse("training:group", args=[project.slug, live.group_id])
        return Step(f"A group of runs is learning: {done} of {len(together)} are done.", "Watch it", address)
    if live is not None:
        return Step("A model is learning.", "Watch it", reverse("training:run", args=[project.slug, live.pk]))
    if not is_admin:
        return Step("An admin trains on these labels and promotes a model.")
    if any(run.model_version_id for run in runs):
        address = reverse("training:promote", args=[project.slug, stage.key])
        return Step(
            "Choose the model that goes on: the next stage opens with its answers.", "Promote…", address
        )
    address = reverse("training:launch", args=[project.slug, stage.key])
    return Step("The labels are final.", "Train on them…", address)
