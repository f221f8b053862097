"""Generation and training by a real Celery worker that is killed, stopped, and told twice."""

import psutil
import pytest
from celery import current_app
from django.utils import timezone

from core.models import AuditEvent, Stage
from jobs.models import Job
from tests.factories.evaluation import score_stage
from tests.factories.training import (
    make_base_stage,
    make_group,
    make_run,
    make_trainable_stage,
    promote_as_admin,
)
from tests.live import wait_until
from training.models import GenerationRun, RunMeasure, TrainingRun
from training.trials import state_of

pytestmark = pytest.mark.usefixtures("tiny_model")

SLOW = {"prompts": 10, "batch_size": 1, "max_new_tokens": 120}
"""Answers that take a tiny model some seconds."""
LONG = {"epochs": 16, "batch_size": 1}
"""A run with 64 small steps: there is time to kill its worker."""


def ended(model, pk):
    """The job once it has ended."""
    return wait_until(
        lambda: model.objects.filter(pk=pk, status__in=Job.TERMINAL).first(),
        seconds=90,
        what=f"the end of the {model._meta.verbose_name}",
    )


def model_libraries_in(process):
    """Which model libraries' compiled parts a live process and what else of Celery is below it have loaded."""
    tree = [process, *process.children(recursive=True)]
    celery = [each for each in tree if "celery" in " ".join(each.cmdline())]
    assert celery
    return [m.path for each in celery for m in each.memory_maps() if "torch" in m.path]


class TestGeneration:
    @pytest.mark.deep
    def test_survives_the_kill_of_its_worker_without_repeat_or_loss(self, concord):
        stage = make_base_stage(now=timezone.now(), **SLOW)
        run = stage.generation_runs.get()
        concord.start("worker", "beat", "gpu-worker")
        wait_until(lambda: stage.responses.count() >= 2, seconds=60, what="the first responses")
        assert model_libraries_in(psutil.Process(concord.running["gpu-worker"].pid)) == []
        concord.kill("gpu-worker")
        before = set(stage.responses.values_list("pk", flat=True))
        assert 2 <= len(before) < 10
        assert GenerationRun.objects.get().status == Job.Status.RUNNING

        concord.start("gpu-worker")
        run = ended(GenerationRun, run.pk)
        stage.refresh_from_db()
        assert (run.status, run.attempt, stage.status) == (Job.Status.SUCCEEDED, 2, Stage.Status.RATING)
        assert before <= set(stage.responses.values_list("pk", flat=True))
        assert stage.responses.count() == 10
        moves = AuditEvent.objects.filter(target_type="generationrun", target_id=run.pk)
        assert list(moves.values_list("to_status", flat=True)) == [
            "queued", "running", "queued", "running", "succeeded",
        ]  # fmt: skip

    @pytest.mark.once
    def test_is_given_back_when_its_worker_is_asked_to_stop(self, concord):
        stage = make_base_stage(now=timezone.now(), **SLOW | {"prompts": 24})
        concord.start("gpu-worker")
        wait_until(lambda: stage.responses.count() >= 1, seconds=60, what="the first response")
        worker = concord.running["gpu-worker"]
        worker.terminate()
        worker.wait(180)
        run = stage.generation_runs.get()
        assert (run.status, run.fruitless) == (Job.Status.QUEUED, 0)
        given_back = AuditEvent.objects.get(target_id=run.pk, verb="generationrun:queued")
        assert given_back.params == {"reason": "worker_stopped"}


class TestTraining:
    @pytest.mark.deep
    def test_survives_the_kill_of_its_worker_without_repeating_a_step(self, concord):
        stage = make_trainable_stage()
        score_stage(stage, [0.5] * stage.responses.count())  # or the worker would do that first
        run = make_run(stage, now=timezone.now(), **LONG)
        steps = run.measures.filter(kind=RunMeasure.Kind.TRAIN)
        concord.start("worker", "beat", "gpu-worker")
        # Told again and again, while it runs and after.
        current_app.send_task("training.run_training", kwargs={"pk": run.pk})
        wait_until(lambda: steps.count() >= 6, seconds=60, what="the first steps")
        concord.kill("gpu-worker")
        killed_at = steps.count()
        assert killed_at < 64
        concord.start("gpu-worker")
        run = ended(TrainingRun, run.pk)
        assert (run.status, run.attempt, run.total_steps) == (Job.Status.SUCCEEDED, 2, steps.count())
        assert list(steps.order_by("step").values_list("step", flat=True)) == list(
            range(1, run.total_steps + 1)
        )
        following = promote_as_admin(run).opened
        # The next stage's responses come by themselves.
        assert ended(GenerationRun, following.generation_runs.get().pk).status == Job.Status.SUCCEEDED
        assert stage.project.stages.count() == 2
        assert stage.project.model_versions.filter(parent__isnull=False).count() == 1


class TestAGroup:
    @pytest.mark.deep
    def test_survives_the_kill_of_its_worker_without_repeat_or_loss(self, concord):
        stage = make_trainable_stage()
        score_stage(stage, [0.5] * stage.responses.count())  # or the worker would do that first
        group = make_group(stage, now=timezone.now(), seeds=[1, 2, 3], epochs=[16], batch_size=[1])
        first, second, _third = group.runs.order_by("pk")
        concord.start("worker", "beat", "gpu-worker")
        first = ended(TrainingRun, first.pk)
        wait_until(lambda: second.measures.count() >= 6, seconds=60, what="the second run's first steps")
        concord.kill("gpu-worker")
        assert TrainingRun.objects.get(pk=second.pk).status == Job.Status.RUNNING
        concord.start("gpu-worker")
        runs = [ended(TrainingRun, run.pk) for run in group.runs.order_by("pk")]
        assert [(run.status, run.attempt) for run in runs] == [
            ("succeeded", 1), ("succeeded", 2), ("succeeded", 1),
        ]  # fmt: skip
        for run in runs:
            steps = (
                run.measures.filter(kind=RunMeasure.Kind.TRAIN)
                .order_by("step")
                .values_list("step", flat=True)
            )
            assert list(steps) == list(range(1, run.total_steps + 1))
        assert runs[0].model_version == first.model_version
        assert state_of(group).choice.trial.is_complete


@pytest.mark.teams
class TestOverRedis:
    def test_the_sweep_counts_what_waits_in_the_queue(self, concord):
        from jobs import pulse
        from jobs.tasks import sweep, waiting_messages

        make_base_stage(now=timezone.now())
        concord.empty_broker()
        for _ in range(3):
            sweep()
        assert waiting_messages(pulse.GPU) == 1
