"""How long a training will take, what it needs, and what that knowledge rests on. Reads only."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from core.models import ModelVersion
from jobs.models import Job
from training.models import Rehearsal, TrainingRun
from training.progress import duration

AGREE = ("base_id", "batch_size", "max_length", "precision")
"""What two trainings must have in common for the cost of one to tell that of the other."""
REHEARSED = {"objective": TrainingRun.Objective.SFT, "lora_rank": 0}
"""How a rehearsal trains."""
FORWARD = 1 / 3
"""What looking at an example costs in steps: of forward, backward and update the first alone."""


@dataclass(frozen=True)
class Estimate:
    """Seconds, and in a few words what they rest on."""

    seconds: float
    basis: str

    @property
    def words(self):
        return duration(self.seconds)


@dataclass(frozen=True)
class Rehearsed:
    """The newest rehearsal of a stage, for its page.

    `is_outdated`: something else would be learned by now; `is_of_these`: it was made with the settings of the form.
    `seconds`, memory and disk in GB: what a training of so many epochs takes; None until it is done.
    """

    rehearsal: Rehearsal
    is_outdated: bool
    is_of_these: bool
    seconds: float | None = None
    memory: float | None = None
    gpu_memory: float | None = None
    disk: float | None = None

    @property
    def words(self):
        """The time it takes, as people say it."""
        return duration(self.seconds)


def rehearsed(stage, preview, chosen):
    """The newest Rehearsal of the stage as Rehearsed; None where nobody has asked for one.

    `chosen`: the settings of the form, those of AGREE and REHEARSED, and epochs.
    """
    newest = Rehearsal.objects.filter(stage=stage).select_related("base").order_by("-id").first()
    if newest is None:
        return None
    outdated = (newest.examples, newest.validation, newest.tokens) != (
        preview.examples,
        preview.validation,
        preview.tokens,
    )
    found = {"rehearsal": newest, "is_outdated": outdated, "is_of_these": _agrees(newest, chosen)}
    if newest.status != Job.Status.SUCCEEDED:
        return Rehearsed(**found)
    told = newest.result
    return Rehearsed(
        **found,
        seconds=seconds_of(told, chosen["epochs"]),
        memory=told["memory"] / 1e9,
        gpu_memory=told["gpu_memory"] and told["gpu_memory"] / 1e9,
        disk=told["disk"] / 1e9,
    )


def seconds_of(result, epochs):
    """What a training of so many epochs takes by what a rehearsal measured.

    That is its steps, a look at the validation examples before the first epoch and after each, a checkpoint after each,
    and the loading.
    """
    looks = (epochs + 1) * result["validation_tokens"] * FORWARD
    steps = (epochs * result["tokens"] + looks) / result["tokens_per_second"]
    return result["loading_seconds"] + steps + epochs * result["saving_seconds"]


def expected(stage, preview, chosen, rehearsed):
    """The best Estimate there is: the pace of a run of the project with the same model, batch, length and precision,
    else what was rehearsed with these, else what the preview guesses."""
    run = (
        TrainingRun.objects.filter(
            stage__project=stage.project_id,
            status=Job.Status.SUCCEEDED,
            tokens__gt=0,
            seconds__gt=0,
            **{name: chosen[name] for name in (*AGREE, *REHEARSED) if name != "base_id"},
        )
        .order_by("-finished_at")
        .first()
    )
    if run is not None and _same_size(run, chosen):
        pace = run.tokens * run.epochs / run.seconds
        return Estimate(preview.tokens * chosen["epochs"] / pace, _("as run %(run)s went") % {"run": run.pk})
    if rehearsed and rehearsed.seconds and rehearsed.is_of_these and not rehearsed.is_outdated:
        return Estimate(rehearsed.seconds, _("measured"))
    return Estimate(preview.seconds(chosen["epochs"]), preview.basis)


def _agrees(rehearsal, chosen):
    asked = {name: getattr(rehearsal, name) for name in AGREE} | REHEARSED
    return all(chosen[name] == value for name, value in asked.items())


def _same_size(run, chosen):
    """Whether the run began with the model of the form or another that descends from the same one."""
    bases = ModelVersion.objects.in_bulk({run.base_id, chosen["base_id"]} - {None})
    return len({_root(model) for model in bases.values()}) == 1


def _root(model):
    while model.parent_id is not None:
        model = model.parent
    return model.pk
