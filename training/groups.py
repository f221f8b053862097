"""Run groups: several seeds and a few settings, launched together from one frozen training set and read together."""

import uuid
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from core import audit
from core.errors import InvalidInput
from core.models import ModelVersion
from jobs import life
from training.apart import check_apart
from training.dataset import freeze_training_set
from training.grid import expand, faults_of
from training.models import Precision, RunGroup, TrainingRun
from training.recipes import recipe_for
from training.runs import check_hyperparameters, queue_run, start_of


@transaction.atomic
def launch_group(
    *,
    stage,
    by,
    now,
    submission,
    seeds,
    values,
    base=None,
    max_length=512,
    precision=Precision.AUTO,
    beta=0.1,
    **recipe,
):
    """Freeze the stage's training set and queue a run for every seed and combination of settings. Returns the RunGroup.

    `values` are those of settings in grid.GRID; `seeds` the training seeds (`grid.draw_seeds`). Trials are numbered
    from 1. The rest is as for `launch_run`, and common to all runs. All of them are launched or none; the same
    `submission` sent twice is one group. Raises InvalidInput naming every fault, Conflict before the labels are final.
    """
    known = RunGroup.objects.filter(submission=submission).first()
    if known is not None:
        return known
    common = {"max_length": max_length, "precision": str(precision), "beta": beta}
    trials = [settings | common for settings in expand(values)]
    check_group(seeds=seeds, values=values, trials=trials)
    recipe = recipe_for(stage, **recipe)
    training_set = freeze_training_set(stage=stage, by=by, now=now, recipe=recipe)
    check_apart(training_set)
    base = start_of(stage, base, now=now)
    try:
        with transaction.atomic():
            group = RunGroup.objects.create(
                stage=stage,
                training_set=training_set,
                rule=RunGroup.Rule.LOWEST_MEAN,
                submission=submission,
                created_by=by,
                created_at=now,
            )
    except IntegrityError:
        # The same form was sent twice at once, and the other one was a moment faster.
        return RunGroup.objects.get(submission=submission)
    for number, settings in enumerate(trials, start=1):
        for seed in seeds:
            queue_run(
                stage=stage,
                training_set=training_set,
                base=base,
                submission=uuid.uuid5(submission, f"{number}:{seed}"),
                by=by,
                now=now,
                group=group,
                trial=number,
                objective=recipe.objective,
                seed=seed,
                **settings,
            )
    params = {"base": base.name, "runs": len(trials) * len(seeds), "seeds": len(seeds), "rule": group.rule}
    audit.record("rungroup:launch", group, by=by, now=now, params=params)
    return group


@transaction.atomic
def cancel_group(*, group, by, now):
    """Cancel the group's runs that wait, and ask those that learn to save what they have and stop. Returns them.

    What is done stays done; the rest can go on later. Twice is the same as once.
    """
    runs = _locked(group, TrainingRun.ACTIVE)
    asked = [life.request_cancel(run, by=by, now=now) for run in runs if run.cancel_requested_at is None]
    if asked:
        audit.record("rungroup:cancel", group, by=by, now=now, params={"runs": len(asked)})
    return asked


@transaction.atomic
def resume_group(*, group, by, now):
    """Queue the group's runs again that were canceled or ended badly; each goes on from what it had saved.

    Returns them. Runs that are done, wait or learn stay as they are, so twice is the same as once.
    """
    runs = [
        life.resume(run, by=by, now=now) for run in _locked(group, TrainingRun.TERMINAL) if run.may_resume
    ]
    if runs:
        audit.record("rungroup:resume", group, by=by, now=now, params={"runs": len(runs)})
    return runs


def _locked(group, statuses):
    """The group's runs in these statuses, locked one after the other in the order of their keys."""
    runs = TrainingRun.objects.select_for_update(no_key=True).filter(group=group, status__in=statuses)
    return list(runs.order_by("pk"))


def check_group(*, seeds, values, trials):
    """Raise InvalidInput, naming every fault once, for a group that cannot be launched."""
    faults = faults_of(seeds, values)
    # The bound on their number comes first: nobody is told of a thousand runs one by one.
    for chosen in () if faults else ({**trial, "seed": seed} for trial in trials for seed in seeds):
        try:
            check_hyperparameters(**chosen)
        except InvalidInput as error:
            faults += [fault for fault in error.errors if fault not in faults]
    if faults:
        raise InvalidInput("This group cannot be launched yet.", faults)


@dataclass(frozen=True)
class Arm:
    """Model versions that count as one in a comparison: those of one trial, which differ in their seed alone.

    `group` and `trial` are None where a version stands for itself.
    """

    versions: tuple[ModelVersion, ...]
    group: int | None = None
    trial: int | None = None

    @property
    def seeds(self):
        """How many training seeds stand behind it."""
        return len(self.versions)

    @property
    def name(self):
        if self.group is None:
            return str(self.versions[0])
        return f"group {self.group}, trial {self.trial}"


def arms_of(model_versions):
    """The model versions as Arms, in the order in which each arm's first stands: one for each trial of a run group,
    whose versions are its seeds' models, and one for every version that was made by no group."""
    versions = list(model_versions)
    runs = TrainingRun.objects.filter(model_version__in=versions, group__isnull=False)
    places = {
        model: (group, trial) for model, group, trial in runs.values_list("model_version", "group", "trial")
    }
    arms = {}
    for version in versions:
        arms.setdefault(places.get(version.pk, (None, version.pk)), []).append(version)
    return [
        Arm(tuple(found), group, trial if group is not None else None)
        for (group, trial), found in arms.items()
    ]
