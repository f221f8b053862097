"""Fine-tuning: a run is launched here, done by a child process, and ends in a model version."""

import json
import math
import shutil

from django.db import IntegrityError, transaction
from django.utils import timezone

from core import audit
from core.errors import InvalidInput
from core.locks import lock_stage
from core.models import ModelVersion
from core.projects import base_model
from jobs.files import write_json, write_whole
from jobs.life import carry_out
from jobs.models import Job
from jobs.nudge import nudge
from jobs.stopping import worker_is_stopping
from jobs.supervisor import python_child
from training.apart import check_apart
from training.dataset import freeze_training_set, split_lines
from training.endpoints import is_endpoint
from training.example_losses import keep_losses
from training.model_store import is_kept, keep_model, ready_folder
from training.models import Precision, RunMeasure, TrainingRun
from training.recipes import MEANS, recipe_for
from training.trainer.hashing import hash_file

LARGEST_LEARNING_RATE = 0.1
MOST_EPOCHS = 100
LARGEST_BATCH = 1024
SHORTEST_EXAMPLE, LONGEST_EXAMPLE = 16, 131_072
LARGEST_BETA, LARGEST_RANK = 10, 256
LARGEST_SEED = 2**32 - 1
"""The libraries under the trainer take seeds of 32 bits."""
HYPERPARAMETERS = (
    "objective", "learning_rate", "epochs", "batch_size", "max_length", "precision", "seed", "beta", "lora_rank",
)  # fmt: skip


@transaction.atomic
def launch_run(
    *,
    stage,
    by,
    now,
    submission,
    learning_rate=5e-5,
    epochs=3,
    batch_size=8,
    seed=0,
    base=None,
    max_length=512,
    precision=Precision.AUTO,
    beta=0.1,
    lora_rank=0,
    **recipe,
):
    """Freeze the stage's training set and queue a run that learns from it. Returns the TrainingRun.

    `base` is the model version to start from, any of the project that has weights: the stage's own unless given,
    or the project's base model where the stage's responses were imported. A stage may have any number of runs, also
    once it was followed. `recipe`: the objective and how its set is drawn, as recipes.recipe_for takes them.
    The same `submission` sent twice is one run. Raises InvalidInput for hyperparameters
    out of range, nothing to learn from, or what a held-out prompt asks too (apart.py), Conflict before the labels are
    final.
    """
    known = TrainingRun.objects.filter(submission=submission).first()
    if known is not None:
        return known
    chosen = {
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "max_length": max_length,
        "precision": str(precision),
        "seed": seed,
        "beta": beta,
        "lora_rank": lora_rank,
    }
    check_hyperparameters(**chosen)
    recipe = recipe_for(stage, **recipe)
    training_set = freeze_training_set(stage=stage, by=by, now=now, recipe=recipe)
    check_apart(training_set)
    base = start_of(stage, base, now=now)
    try:
        with transaction.atomic():
            return queue_run(
                stage=stage,
                training_set=training_set,
                base=base,
                submission=submission,
                by=by,
                now=now,
                objective=recipe.objective,
                **chosen,
            )
    except IntegrityError:
        # The same form was sent twice at once, and the other one was a moment faster.
        return TrainingRun.objects.get(submission=submission)


def queue_run(*, base, by, now, group=None, trial=None, **fields):
    """Write a run that its caller has checked, and tell the workers; part of a launch's transaction. Returns it.

    `fields`: the stage, the training set, the submission and the hyperparameters.
    """
    run = TrainingRun.objects.create(
        base=base, group=group, trial=trial, created_by=by, created_at=now, **fields
    )
    params = {"base": base.name} | {name: getattr(run, name) for name in HYPERPARAMETERS}
    audit.record("trainingrun:launch", run, by=by, now=now, to_status=run.status, params=params)
    nudge(run.TASK, pk=run.pk)
    return run


def start_of(stage, base, *, now):
    """The model version that training on the stage starts from: `base`, or the usual one where that is None.

    Raises InvalidInput for one of another project or without weights.
    """
    base = base or default_base(stage, now=now)
    if base.project_id != stage.project_id or not base.location or is_endpoint(base.location):
        raise InvalidInput("Choose a model of this project that has weights to start from.")
    return base


def check_hyperparameters(
    *,
    learning_rate,
    epochs,
    batch_size,
    seed,
    max_length=512,
    precision=Precision.AUTO,
    beta=0.1,
    lora_rank=0,
):
    """Raise InvalidInput, naming every fault, for values that cannot be trained with."""
    faults = []
    if not 0 < learning_rate <= LARGEST_LEARNING_RATE:
        faults.append(f"The learning rate must lie above 0 and not above {LARGEST_LEARNING_RATE}.")
    if not 1 <= epochs <= MOST_EPOCHS:
        faults.append(f"The epochs must be from 1 to {MOST_EPOCHS}.")
    if not 1 <= batch_size <= LARGEST_BATCH:
        faults.append(f"The batch size must be from 1 to {LARGEST_BATCH}.")
    if not SHORTEST_EXAMPLE <= max_length <= LONGEST_EXAMPLE:
        faults.append(f"The longest example must have from {SHORTEST_EXAMPLE} to {LONGEST_EXAMPLE:,} tokens.")
    if precision not in Precision.values:
        faults.append(f"The precision is one of {', '.join(Precision.values)}.")
    if not 0 < beta <= LARGEST_BETA:
        faults.append(f"β must lie above 0 and not above {LARGEST_BETA}.")
    if not 0 <= lora_rank <= LARGEST_RANK:
        faults.append(f"The rank of the adapters must be from 0, for none, to {LARGEST_RANK}.")
    if not 0 <= seed <= LARGEST_SEED:
        faults.append(f"The seed must be from 0 to {LARGEST_SEED}.")
    if faults:
        raise InvalidInput("This run cannot be launched yet.", faults)


def default_base(stage, *, now):
    """The model version that training on this stage starts from."""
    if stage.model_version is not None and stage.model_version.location:
        return stage.model_version
    return base_model(stage.project, now=now)


def run_training(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued training run: to its end, to a cancel, or until this worker is `stopping` or lost it.

    Losses are written as the child tells them. A message delivered twice does nothing; an attempt after a kill
    goes on from the last complete checkpoint. The end is one transaction: the model version and the run's success.
    """
    carry_out(
        TrainingRun,
        pk=pk,
        work=lambda attempt: Training(attempt).train(),
        clock=clock,
        stopping=stopping,
    )


class Training:
    """One attempt at a training run."""

    def __init__(self, attempt):
        self.attempt, self.run, self.run_dir = attempt, attempt.job, attempt.run_dir
        self.artifact = f"models/{self.run.stage.project.slug}/{self.run_dir.name}"

    def train(self):
        # It may have become known since the launch.
        check_apart(self.run.training_set)
        # Once the weights are kept, a worker died between moving them and writing the rows.
        if not is_kept(self.artifact):
            self.write_run_dir(ready_folder(self.run.base, attempt=self.attempt))
            self.attempt.run_child(python_child("training.trainer.train", self.run_dir), on_event=self.hear)
        location = keep_model(self.run_dir / "final", self.artifact, attempt=self.attempt)
        self.finish(location)
        # A run that succeeded is never resumed, and its checkpoints are the largest thing it leaves.
        shutil.rmtree(self.run_dir / "checkpoints", ignore_errors=True)

    def write_run_dir(self, model):
        train, validation = split_lines(self.run.training_set)
        dataset = write_whole(self.run_dir / "dataset.jsonl", train)
        held = write_whole(self.run_dir / "validation.jsonl", validation)
        write_json(
            self.run_dir / "config.json",
            {
                "objective": MEANS[self.run.objective].trainer,
                "model_path": str(model),
                "dataset_sha256": hash_file(dataset),
                "validation_sha256": hash_file(held),
                "learning_rate": self.run.learning_rate,
                "epochs": self.run.epochs,
                "batch_size": self.run.batch_size,
                "max_length": self.run.max_length,
                "precision": self.run.precision,
                "seed": self.run.seed,
                "beta": self.run.beta,
                "lora_rank": self.run.lora_rank,
            },
        )

    def hear(self, event):
        match event["kind"]:
            case "start":
                self.attempt.write(total_steps=event["total_steps"], tokens=event["tokens"])
            case "left_out":
                self.attempt.write(left_out=event["ids"] + event["validation_ids"])
            case "log":
                told = ("loss", "learning_rate", "grad_norm", "tokens_per_second")
                self.measure(RunMeasure.Kind.TRAIN, event, **{name: event.get(name) for name in told})
            case "eval":
                self.measure(RunMeasure.Kind.VALIDATION, event, loss=event["eval_loss"])
            case "checkpoint":
                self.attempt.progressed()

    def measure(self, kind, event, *, loss, **more):
        """Keep one measured loss, and what else was told. Told again after a resume it is the same row; what isn't a
        number is no measure."""
        if not math.isfinite(loss):
            return
        found = {"epoch": event["epoch"], "loss": loss}
        found |= {name: value for name, value in more.items() if value is not None and math.isfinite(value)}
        with transaction.atomic():
            self.attempt.beat()
            RunMeasure.objects.update_or_create(
                run=self.run,
                kind=kind,
                step=event["step"],
                defaults=found,
                create_defaults=found | {"created_at": self.attempt.clock()},
            )

    @transaction.atomic
    def finish(self, location):
        """Everything that a finished run brings, or nothing of it."""
        result = json.loads((self.run_dir / "result.json").read_text())
        # Locked, so that two runs that end at once give their models two names.
        stage = lock_stage(self.run.stage)
        model = ModelVersion.objects.create(
            project_id=stage.project_id,
            name=version_name(stage, self.run),
            parent=self.run.base,
            location=location,
            weights_sha256=result["weights_sha256"],
            created_at=self.attempt.clock(),
        )
        keep_losses(self.run, self.run_dir)
        self.attempt.write(
            model_version=model,
            total_steps=result["steps"],
            tokens=result["tokens"],
            seconds=seconds_of(result),
            kept_step=result.get("kept", {}).get("step", result["steps"]),
            library_versions={
                **result["versions"],
                "device": result["device"],
                "precision": result["precision"],
            },
        )
        self.attempt.end(Job.Status.SUCCEEDED)


def seconds_of(result):
    """What the whole training takes at the pace of the attempt that finished it."""
    steps_done = result["steps"] - (result["resumed_from"] or 0)
    return result["duration_s"] * result["steps"] / max(steps_done, 1)


def version_name(stage, run):
    """The name of the model a run makes: "v2" for the first of stage 1, with the run's number for later ones."""
    name = f"v{stage.number + 1}"
    taken = ModelVersion.objects.filter(project=stage.project_id, name=name).exists()
    return f"{name}-run{run.pk}" if taken else name
