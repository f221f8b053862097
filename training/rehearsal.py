"""A rehearsal: what a training would read and cost, measured by a few of its steps before anything is launched."""

import json
import shutil

from django.db import transaction
from django.utils import timezone

from core import audit
from core.errors import Conflict, InvalidInput
from core.locks import lock_stage
from core.models import Stage
from jobs.files import write_json, write_whole
from jobs.life import carry_out
from jobs.models import Job
from jobs.nudge import nudge
from jobs.stopping import worker_is_stopping
from jobs.supervisor import python_child
from training.dataset import TRAIN, lines_to_learn, preview_training_set
from training.model_store import ready_folder
from training.models import Precision, Rehearsal, TrainingRun
from training.runs import check_hyperparameters, start_of
from training.trainer.hashing import hash_file


@transaction.atomic
def rehearse(*, stage, by, now, base=None, batch_size=8, max_length=512, precision=Precision.AUTO, seed=0):
    """Queue a rehearsal of a training on the stage. Returns its row.

    While one of the stage is at work it is the one. Nothing is frozen and no model is made. Raises InvalidInput for
    values that cannot be trained with or nothing to learn from, Conflict before the labels are final.
    """
    stage = lock_stage(stage)
    if not stage.is_turn or stage.status not in Stage.FINAL:
        raise Conflict(f"The labels of {stage} are not final yet: finalize them first.")
    at_work = Rehearsal.objects.filter(stage=stage, status__in=Job.ACTIVE).first()
    if at_work is not None:
        return at_work
    check_hyperparameters(
        learning_rate=default_of("learning_rate"),
        epochs=default_of("epochs"),
        batch_size=batch_size,
        max_length=max_length,
        precision=precision,
        seed=seed,
    )
    preview = preview_training_set(stage)
    if not preview.examples:
        raise InvalidInput("There is nothing to learn from yet, and so nothing to measure.")
    run = Rehearsal.objects.create(
        stage=stage,
        base=start_of(stage, base, now=now),
        batch_size=batch_size,
        max_length=max_length,
        precision=precision,
        seed=seed,
        examples=preview.examples,
        validation=preview.validation,
        tokens=preview.tokens,
        created_by=by,
        created_at=now,
    )
    params = {"base": run.base.name, "batch_size": batch_size, "max_length": max_length}
    audit.record("rehearsal:launch", run, by=by, now=now, to_status=run.status, params=params)
    nudge(run.TASK, pk=run.pk)
    return run


def run_rehearsal(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued rehearsal: to its end, to a cancel, or until this worker is `stopping` or lost it.

    Interrupted, it begins anew: it is short, and what it measures should be measured in one go.
    """
    carry_out(Rehearsal, pk=pk, work=_measure, clock=clock, stopping=stopping)


def _measure(attempt):
    run = attempt.job
    model = ready_folder(run.base, attempt=attempt)
    lines = {True: [], False: []}
    for line in lines_to_learn(run.stage):
        lines[json.loads(line)["split"] == TRAIN].append(line)
    dataset = write_whole(attempt.run_dir / "dataset.jsonl", b"".join(lines[True]))
    write_whole(attempt.run_dir / "validation.jsonl", b"".join(lines[False]))
    write_json(
        attempt.run_dir / "config.json",
        {
            "objective": TrainingRun.Objective.SFT,
            "model_path": str(model),
            "dataset_sha256": hash_file(dataset),
            "batch_size": run.batch_size,
            "max_length": run.max_length,
            "precision": run.precision,
            "seed": run.seed,
        },
    )
    attempt.run_child(python_child("training.trainer.rehearse", attempt.run_dir))
    result = json.loads((attempt.run_dir / "result.json").read_text())
    with transaction.atomic():
        attempt.write(result=result, fruitless=0)
        attempt.end(Job.Status.SUCCEEDED)
    shutil.rmtree(attempt.run_dir, ignore_errors=True)


def default_of(name):
    return TrainingRun._meta.get_field(name).default
