"""What pages show of run groups: the plan before a launch, the trials with their runs, the choice. Reads only."""

from dataclasses import dataclass
from zlib import crc32

from django.db.models import Count, F, Q

from jobs import life
from jobs.models import Job
from training.choice import Choice, Trial, choose
from training.grid import faults_of, runs_of
from training.models import RunGroup, RunMeasure, TrainingRun
from training.progress import Progress, duration, is_live, progress_of_runs

Status = Job.Status


@dataclass(frozen=True)
class Plan:
    """What a group would be launched as. `seconds`: of training one after the other, without the loading of models."""

    runs: int
    seeds: int
    trials: int
    seconds: float
    faults: tuple[str, ...] = ()

    @property
    def words(self):
        return duration(self.seconds)


def plan(*, seeds, values, preview):
    """The Plan of a group with these seeds and values, on the training set that `preview` tells of."""
    runs, trials = runs_of(seeds, values), runs_of([0], values)
    epochs = values["epochs"]
    seconds = sum(map(preview.seconds, epochs)) * runs / max(len(epochs), 1)
    return Plan(runs, len(seeds), trials, seconds, tuple(faults_of(seeds, values)))


@dataclass(frozen=True)
class SeedRun:
    """One run of a trial. `loss`: the validation loss of the epoch it kept; `place`: where it waits in the queue."""

    run: TrainingRun
    steps: Progress
    loss: float | None
    before: float | None
    place: int | None

    @property
    def kept_epoch(self):
        run = self.run
        return run.kept_step and run.total_steps and round(run.kept_step * run.epochs / run.total_steps)


@dataclass(frozen=True)
class TrialRuns:
    """A trial and its runs, one of each seed."""

    trial: Trial
    runs: list[SeedRun]

    @property
    def before(self):
        """The validation loss before any training, where it was measured: it is the same for every seed."""
        return next((each.before for each in self.runs if each.before is not None), None)

    @property
    def has_not_helped(self):
        return None not in (self.before, self.trial.mean) and self.before < self.trial.mean


@dataclass(frozen=True)
class GroupState:
    """A group as its page shows it. `choice` is None while a run waits or learns."""

    group: RunGroup
    trials: list[TrialRuns]
    choice: Choice | None

    @property
    def runs(self):
        return [each.run for trial in self.trials for each in trial.runs]

    @property
    def done(self):
        return self._count(Status.SUCCEEDED)

    @property
    def total(self):
        return len(self.runs)

    @property
    def is_live(self):
        return is_live(*self.runs)

    @property
    def sight(self):
        """What of it changes while it is watched, as a short text: the same text, nothing new."""
        seen = [
            (each.run.status, each.run.attempt, each.run.cancel_requested_at, each.steps.done, each.place)
            for trial in self.trials
            for each in trial.runs
        ]
        return f"{crc32(repr(seen).encode()):08x}"

    @property
    def stopped(self):
        """How many runs ended without a model and can go on."""
        return sum(run.may_resume for run in self.runs)

    @property
    def failed(self):
        return self._count(Status.FAILED) + self._count(Status.ERRORED)

    @property
    def seeds(self):
        return [each.run.seed for each in self.trials[0].runs]

    @property
    def base(self):
        return self.runs[0].base

    @property
    def objective(self):
        return self.runs[0].get_objective_display()

    @property
    def is_measured(self):
        """Whether any run has a validation loss."""
        return any(each.trial.measured for each in self.trials)

    @property
    def chosen(self):
        """The TrialRuns that the rule chose, or None."""
        best = self.choice and self.choice.trial
        return next((each for each in self.trials if each.trial == best), None)

    @property
    def words_left(self):
        """How long the runs that wait or learn still take, at the pace of those that are done; "" without any."""
        done = [run for run in self.runs if run.seconds and run.status == Status.SUCCEEDED]
        epochs = sum(run.epochs for run in done)
        if not epochs:
            return ""
        left = sum(
            each.run.epochs * (1 - each.steps.done / each.steps.total if each.steps.total else 1)
            for trial in self.trials
            for each in trial.runs
            if each.run.is_active
        )
        return f"about {duration(left * sum(run.seconds for run in done) / epochs)} of training left"

    def _count(self, status):
        return sum(run.status == status for run in self.runs)


def state_of(group):
    """The GroupState of a group."""
    runs = list(group.runs.select_related("model_version", "base").order_by("trial", "pk"))
    steps, losses, befores = progress_of_runs(runs), _losses(group, F("run__kept_step")), _losses(group, 0)
    waiting = life.due(TrainingRun)
    trials = {}
    for run in runs:
        place = waiting.index(run.pk) + 1 if run.pk in waiting else None
        each = SeedRun(run, steps[run.pk], losses.get(run.pk), befores.get(run.pk), place)
        trials.setdefault(run.trial, []).append(each)
    found = [TrialRuns(_trial(number, of_trial), of_trial) for number, of_trial in trials.items()]
    choice = None if is_live(*runs) else choose([each.trial for each in found])
    return GroupState(group, found, choice)


def _losses(group, step):
    """{run's key: its validation loss at the step}"""
    measures = RunMeasure.objects.filter(run__group=group, kind=RunMeasure.Kind.VALIDATION, step=step)
    return dict(measures.order_by().values_list("run", "loss"))


def _trial(number, runs):
    first = runs[0].run
    losses = tuple(each.loss for each in runs)
    return Trial(number, first.learning_rate, first.epochs, first.batch_size, losses, first.lora_rank)


def groups_of(stage):
    """The stage's groups, the newest first, each with how many of its runs are `done`, `live` and `in_all`."""
    return stage.run_groups.annotate(
        in_all=Count("runs"),
        done=Count("runs", filter=Q(runs__status=Status.SUCCEEDED)),
        live=Count("runs", filter=Q(runs__status__in=Job.ACTIVE)),
    ).order_by("-pk")
