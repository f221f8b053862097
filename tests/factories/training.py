"""Projects whose loop has begun, finalized stages with something to learn, and launched runs, through the use cases."""

import uuid

from django.utils import timezone

from annotation.models import Prompt, Sampling
from arbitration.labels import finalize_labels
from arbitration.revisions import accept_revision
from core.models import ModelVersion
from tests.factories.annotation import make_prompts, make_rating_stage, rate
from tests.factories.arbitration import settle
from tests.factories.core import NOW, make_project
from training.generation import open_base_stage
from training.groups import launch_group
from training.promotion import promote
from training.runs import launch_run

REVISION = "Six minutes in boiling water, then cold water."


def make_sampling(**fields):
    """A quick sampling for the tiny model."""
    return Sampling.objects.get_or_create(**{"max_new_tokens": 8, "batch_size": 2} | fields)[0]


def make_base_stage(team=None, prompts=6, now=NOW, **sampling):
    """A project whose base stage has a queued generation. Returns the stage."""
    team = team or make_project()
    make_prompts(team.project, count=prompts)
    return open_base_stage(project=team.project, by=team.admin, now=now, sampling=make_sampling(**sampling))


def make_trainable_stage(team=None, prompts=8, revised=1):
    """A stage with final labels: every response fully aligned, but `revised` responses to train prompts that are
    misaligned and carry an accepted revision. Returns the stage."""
    team = team or make_project(leads=2)
    stage = make_rating_stage(team.project, prompts=prompts)
    trained = Prompt.Split.TRAIN
    poor = list(stage.responses.filter(prompt__split=trained).order_by("prompt__position")[:revised])
    for response in stage.responses.order_by("position"):
        for number, expert in enumerate(team.experts):
            fields = {"score": 1, "revised_response": REVISION if number == 0 else ""}
            given = rate(response, expert, **(fields if response in poor else {"score": 5}))
            if response in poor and number == 0:
                first = given
        if response in poor:
            response.refresh_from_db()
            accept_revision(rating=first, by=team.lead, now=NOW)
    settle(stage, team.lead)
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    stage.refresh_from_db()
    return stage


def make_run(stage=None, now=NOW, **fields):
    """A queued run on a stage (a trainable one of its own, without one)."""
    stage = stage or make_trainable_stage()
    admin = stage.project.memberships.filter(role="admin").first().user
    return launch_run(
        stage=stage,
        by=admin,
        now=now,
        **{"submission": uuid.uuid4(), "epochs": 1, "batch_size": 4, "learning_rate": 1e-3} | fields,
    )


def make_group(stage=None, now=NOW, seeds=(1, 2, 3), **fields):
    """A group of queued runs on a stage (a trainable one of its own, without one): of one trial unless told."""
    stage = stage or make_trainable_stage()
    admin = stage.project.memberships.filter(role="admin").first().user
    values = {"learning_rate": [1e-3], "epochs": [1], "batch_size": [4]}
    values |= {name: fields.pop(name) for name in list(fields) if name in values}
    return launch_group(
        stage=stage,
        by=admin,
        now=now,
        seeds=list(seeds),
        values=values,
        **{"submission": uuid.uuid4()} | fields,
    )


def promote_as_admin(run, now=None):
    """The Promotion of what a finished run made, by the project's first admin."""
    admin = run.stage.project.memberships.filter(role="admin").first().user
    model = ModelVersion.objects.get(training_run=run)
    return promote(
        stage=run.stage, model_version=model, reason="It learned.", by=admin, now=now or timezone.now()
    )
