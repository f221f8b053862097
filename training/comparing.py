"""Answers that a comparison wants of model versions that have none: generated first, then rating opens."""

from django.db import transaction

from annotation.models import WantedAnswer
from annotation.responses import open_rating, prompts_without_response
from core import audit
from core.errors import Conflict
from core.locks import lock_stage
from core.models import ModelVersion, Stage
from jobs import life
from jobs.nudge import nudge
from training.models import GenerationRun, Precision
from training.sampling import default_sampling, sampling_fields


@transaction.atomic
def launch_wanted(*, stage, by, now):
    """Queue a generation for each model version of which a comparison wants answers. Returns the runs.

    They draw as the project's newest turn did, so that versions differ in their weights alone. Launching again queues
    again what ended badly; what could not be answered is then asked anew. Raises Conflict once rating is open, or where
    a model version has no weights.
    """
    stage = lock_stage(stage)
    if stage.status != Stage.Status.RESPONDING:
        raise Conflict(f"{stage} takes no more responses: rating has begun.")
    wanted = WantedAnswer.objects.filter(stage=stage)
    versions = list(ModelVersion.objects.filter(pk__in=wanted.values("model_version")).order_by("pk"))
    if nameless := [version for version in versions if not version.location]:
        raise Conflict(f"“{nameless[0]}” is known by name only: import its responses, or compare without it.")
    known = {run.model_version_id: run for run in GenerationRun.objects.filter(stage=stage)}
    return [
        _again(known[version.pk], by=by, now=now)
        if version.pk in known
        else _launch(stage, version, by=by, now=now)
        for version in versions
    ]


def cancel_wanted(*, stage, by, now):
    """Ask every generation for a comparison to stop. What was answered stays."""
    for run in GenerationRun.objects.filter(stage=stage, status__in=GenerationRun.ACTIVE):
        life.request_cancel(run, by=by, now=now)


@transaction.atomic
def go_without(*, stage, by, now):
    """Open the rating of a comparison without the answers that it still waits for. Returns the stage.

    Raises Conflict while a generation for it is queued or running, or with responses of fewer than two model versions.
    """
    stage = lock_stage(stage)
    if GenerationRun.objects.filter(stage=stage, status__in=GenerationRun.ACTIVE).exists():
        raise Conflict("A generation is still at it: cancel it first, or wait for its end.")
    versions = stage.responses.filter(is_anchor=False).values("model_version").distinct().count()
    if versions < 2:
        raise Conflict("There are responses of fewer than two model versions: let the others answer first.")
    gone, _ = WantedAnswer.objects.filter(stage=stage, reason_code="").delete()
    audit.record("comparison:go-without", stage, by=by, now=now, params={"responses": gone})
    return open_rating(stage=stage, by=by, now=now)


def generations_of(stage):
    """[(GenerationRun, answers still wanted of its model version)] of a comparison, for its page."""
    runs = GenerationRun.objects.filter(stage=stage).select_related("model_version").order_by("pk")
    return [(run, prompts_without_response(stage, run.model_version_id).count()) for run in runs]


def _again(run, *, by, now):
    if not run.may_resume:
        return run
    marked = WantedAnswer.objects.filter(stage=run.stage_id, model_version=run.model_version_id)
    marked.update(reason_code="", reason_params={})
    return life.resume(run, by=by, now=now)


def _launch(stage, version, *, by, now):
    former = GenerationRun.objects.filter(stage__project=stage.project_id, model_version=None).last()
    run = GenerationRun.objects.create(
        stage=stage,
        model_version=version,
        sampling=former.sampling if former else default_sampling(),
        precision=former.precision if former else Precision.AUTO,
        seed=former.seed if former else stage.project.seed,
        created_by=by,
        created_at=now,
    )
    params = {
        "model": version.name,
        "seed": run.seed,
        "precision": run.precision,
        **sampling_fields(run.sampling),
    }
    audit.record("generation:launch", run, by=by, now=now, to_status=run.status, params=params)
    nudge(run.TASK, pk=run.pk)
    return run
