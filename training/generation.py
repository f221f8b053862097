"""A stage's model version answers every prompt: launched here, once or again; an attempt at it is in answering.py."""

from django.db import transaction
from django.utils import timezone

from annotation.models import Prompt, Response, Unanswered
from core import audit
from core.errors import Conflict, InvalidInput
from core.locks import lock_stage
from core.models import Stage
from core.projects import base_model
from core.stages import open_stage
from jobs import life
from jobs.life import carry_out
from jobs.nudge import nudge
from jobs.stopping import worker_is_stopping
from training.answering import Generation
from training.answering_comparisons import GenerationForComparison
from training.models import GenerationRun, Precision
from training.sampling import MAY_CHANGE, default_sampling, sampling_fields

MOST_CANDIDATES = 8


@transaction.atomic
def open_base_stage(*, project, by, now, sampling=None, seed=None, precision=None, candidates=1):
    """Begin the project's loop: open the base stage with the base model and let it answer every prompt.

    The base model is the project's, else the one the settings name; `seed` is the project's unless given. Raises
    InvalidInput without prompts, Conflict once the loop has begun.
    """
    if project.stages.turns().exists():
        raise Conflict("The loop of this project has begun already: go on from its newest stage.")
    if not Prompt.objects.in_use().filter(project=project).exists():
        raise InvalidInput("There is nothing to answer yet: import prompts first.")
    base = base_model(project, now=now)
    stage = open_stage(project=project, model_version=base, by=by, now=now)
    seed = project.seed if seed is None else seed
    launch_generation(
        stage=stage, sampling=sampling, seed=seed, precision=precision, candidates=candidates, by=by, now=now
    )
    return stage


@transaction.atomic
def launch_generation(*, stage, sampling, seed, by, now, precision=None, candidates=1):
    """Queue the job that lets the stage's model version answer every prompt. Returns its row.

    `sampling` is a Sampling row (None: the defaults); `seed` the number every response's own seed is derived from,
    and `candidates` how many responses each prompt gets. A stage has one such job: launching again returns it, and
    what ended badly is resumed, with the `sampling` and `precision` that are given, or as it was. Prompts that
    could not be answered are then asked anew. A base stage that was opened for import and got no response yet takes
    the base model. Raises Conflict once rating is open, or where the stage's model has no weights; InvalidInput for
    what cannot change once responses are there.
    """
    stage = lock_stage(stage)
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict(f"{stage} takes no more responses: rating has begun.")
    run = GenerationRun.objects.filter(stage=stage).first()
    if run is not None and run.may_resume:
        return _launch_again(run, sampling, precision, by=by, now=now)
    if run is not None:
        return run
    if stage.model_version is None:
        _give_base_model(stage, now=now)
    if not stage.model_version.location:
        raise Conflict(f"“{stage.model_version}” is known by name only: import its responses.")
    if not 1 <= candidates <= MOST_CANDIDATES:
        raise InvalidInput(f"A prompt gets from 1 to {MOST_CANDIDATES} candidates.")
    run = GenerationRun.objects.create(
        stage=stage,
        candidates=candidates,
        sampling=sampling or default_sampling(),
        precision=precision or Precision.AUTO,
        seed=seed,
        created_by=by,
        created_at=now,
    )
    params = {
        "seed": seed,
        "candidates": candidates,
        "precision": str(run.precision),
        **sampling_fields(run.sampling),
    }
    audit.record("generation:launch", run, by=by, now=now, to_status=run.status, params=params)
    nudge(run.TASK, pk=run.pk)
    return run


def _launch_again(run, sampling, precision, *, by, now):
    """Resume a generation that ended badly, with other settings where some are given."""
    before = sampling_fields(run.sampling) | {"precision": run.precision}
    after = sampling_fields(sampling or run.sampling) | {"precision": str(precision or run.precision)}
    changed = {name for name in after if after[name] != before[name]}
    answered = Response.objects.filter(stage=run.stage).exists()
    if answered and (fixed := changed - MAY_CHANGE):
        raise InvalidInput(
            "Some prompts are answered already, and the others are to be asked alike: leave "
            f"{', '.join(sorted(fixed))} as it was. Batch, longest response and precision can change."
        )
    Unanswered.objects.filter(stage=run.stage).delete()
    if changed:
        run.sampling, run.precision = sampling or run.sampling, after["precision"]
        run.save(update_fields=["sampling", "precision"])
        audit.record("generation:relaunch", run, by=by, now=now, params={"before": before, "after": after})
    return life.resume(run, by=by, now=now)


def _give_base_model(stage, *, now):
    if Response.objects.filter(stage=stage).exists():
        raise Conflict("Responses were imported for this stage already: import the missing ones too.")
    if stage.number:
        raise Conflict("This stage waits for imported responses: import them.")
    stage.model_version = base_model(stage.project, now=now)
    stage.save(update_fields=["model_version"])


def run_generation(*, pk, clock=timezone.now, stopping=worker_is_stopping):
    """Do a queued generation: to its end, to a cancel, or until this worker is `stopping` or lost it.

    Responses are stored batch by batch as the child writes them. A message delivered twice does nothing; an
    attempt after a kill takes in what the child had written and goes on behind it. With every prompt
    answered, rating opens in the transaction that ends the job.
    """
    carry_out(
        GenerationRun,
        pk=pk,
        work=_answer,
        clock=clock,
        stopping=stopping,
    )


def _answer(attempt):
    of_comparison = attempt.job.model_version_id is not None
    (GenerationForComparison if of_comparison else Generation)(attempt).answer_every_prompt()
