import json
import os
import signal
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, ModelVersion, Stage
from jobs import life
from jobs.files import read_lines
from jobs.models import Job
from jobs.run_dir import run_dir_of
from tests.factories.annotation import make_conversation, make_prompts, make_rating_stage
from tests.factories.core import NOW, make_project
from tests.factories.training import make_run, make_trainable_stage
from tests.integration.training.test_generation import BrokenOff
from training.dataset import preview_training_set
from training.models import GenerationRun, RunMeasure, TrainingRun
from training.runs import launch_run, run_training
from training.trainer.hashing import hash_folder

LONG = {"epochs": 12, "batch_size": 1}
"""A run with 48 small steps: there is time to interrupt it."""


def folder_of(model):
    return Path(default_storage.path(model.location.removeprefix("artifact:")))


def weights_of(run):
    run.refresh_from_db()
    return run.model_version.weights_sha256


@pytest.fixture
def stage(transactional_db, tiny_model):
    return make_trainable_stage()


@pytest.fixture
def watched_closely(monkeypatch):
    monkeypatch.setattr(life, "CHECK_SECONDS", 0.05)


@pytest.mark.django_db
class TestLaunchRun:
    def test_freezes_the_set_and_queues_a_run_from_the_base_model(self, settings):
        stage = make_trainable_stage()
        run = make_run(stage, epochs=2, seed=5)
        assert (run.status, run.epochs, run.seed, run.objective) == (Job.Status.QUEUED, 2, 5, "sft")
        assert run.training_set.stage == stage
        # The stage's responses were imported, so there is nothing of their model to tune.
        assert (run.base.name, run.base.location) == ("base", settings.BASE_MODEL)
        assert AuditEvent.objects.filter(verb="trainingrun:launch", target_id=run.pk).exists()

    def test_has_the_defaults_of_the_issue(self):
        stage = make_trainable_stage()
        run = launch_run(stage=stage, by=None, now=NOW, submission=uuid.uuid4())
        assert (run.learning_rate, run.epochs, run.batch_size, run.seed) == (5e-5, 3, 8, 0)

    def test_counts_the_same_submission_once(self):
        stage, submission = make_trainable_stage(), uuid.uuid4()
        assert make_run(stage, submission=submission) == make_run(stage, submission=submission)
        assert TrainingRun.objects.count() == 1

    def test_starts_from_the_stages_own_model_where_it_has_weights(self):
        stage = make_trainable_stage()
        ModelVersion.objects.filter(pk=stage.model_version_id).update(location="package:some-model")
        stage.refresh_from_db()
        assert make_run(stage).base == stage.model_version

    def test_names_every_hyperparameter_out_of_range(self):
        with pytest.raises(InvalidInput) as refused:
            make_run(make_trainable_stage(), learning_rate=0, epochs=0, batch_size=0, seed=-1)
        assert len(refused.value.errors) == 4
        assert not TrainingRun.objects.exists()

    def test_refuses_a_base_without_weights_or_of_another_project(self):
        stage = make_trainable_stage()
        for base in (
            stage.model_version,
            ModelVersion.objects.create(
                project=make_project().project, name="theirs", location="package:x", created_at=NOW
            ),
        ):
            with pytest.raises(InvalidInput, match="has weights"):
                make_run(stage, base=base)

    def test_refuses_a_stage_whose_labels_are_not_final(self):
        team = make_project()
        with pytest.raises(Conflict, match="finalize"):
            make_run(make_rating_stage(team.project))


class TestRunTraining:
    @pytest.mark.once
    def test_makes_a_model_version_and_nothing_else(self, stage):
        run = make_run(stage, epochs=2)
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.reason, run.fruitless) == (Job.Status.SUCCEEDED, "", 0)

        model = run.model_version
        assert (model.name, model.parent, model.project) == ("v1", run.base, stage.project)
        assert model.weights_sha256 == hash_folder(folder_of(model)) != run.base.weights_sha256
        assert (folder_of(model) / "tokenizer.json").exists()

        train = run.measures.filter(kind=RunMeasure.Kind.TRAIN)
        validation = run.measures.filter(kind=RunMeasure.Kind.VALIDATION).order_by("step")
        assert run.total_steps == train.count() == 2  # 4 examples, 2 epochs of one batch
        assert [measure.step for measure in validation] == [0, 1, 2]
        assert all(measure.grad_norm > 0 and measure.tokens_per_second > 0 for measure in train)
        assert validation[2].loss < validation[0].loss
        assert run.tokens > 0 and run.seconds > 0
        assert run.kept_step == min(validation[1:], key=lambda measure: measure.loss).step
        assert {"torch", "transformers", "trl", "device"} <= run.library_versions.keys()

        stage.refresh_from_db()
        assert (stage.status, stage.project.stages.count()) == (Stage.Status.LABELS_FINAL, 1)
        assert not GenerationRun.objects.exists()

        losses = list(run.example_losses.all())
        assert [each.place for each in losses] == [1, 2] and {each.of for each in losses} == {2}
        tokens = [sum(1 for _ in each.tokens) for each in losses]
        mean = sum(each.loss * count for each, count in zip(losses, tokens, strict=True)) / sum(tokens)
        assert mean == pytest.approx(validation.get(step=run.kept_step).loss, rel=1e-3)
        assert "".join(text for text, _ in losses[0].tokens).startswith(losses[0].example.completion)

        assert preview_training_set(stage).measured
        assert not (run_dir_of(run) / "checkpoints").exists()

        events = AuditEvent.objects.count()
        run_training(pk=run.pk)  # a message delivered twice
        assert AuditEvent.objects.count() == events

    @pytest.mark.once
    def test_learns_from_a_conversation_and_a_single_question_alike(self, transactional_db, tiny_model):
        team = make_project(leads=2)
        make_conversation(team.project)
        make_prompts(team.project, count=2, splits=("validation", "train"))
        run = make_run(make_trainable_stage(team, revised=0))
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.reason) == (Job.Status.SUCCEEDED, "")
        talk, *plain = read_lines(run_dir_of(run) / "dataset.jsonl")
        assert [len(talk["messages"]), *("messages" in line for line in plain)] == [4, False]

    @pytest.mark.once
    @pytest.mark.deep
    def test_gives_the_same_weights_when_stopped_canceled_and_resumed(self, stage, watched_closely):
        run = make_run(stage, **LONG)
        steps = run.measures.filter(kind=RunMeasure.Kind.TRAIN)

        run_training(pk=run.pk, stopping=lambda: steps.count() >= 4)
        run.refresh_from_db()
        assert (run.status, run.fruitless) == (Job.Status.QUEUED, 0)
        stopped_at = steps.count()

        def cancel_later():
            if steps.count() > stopped_at + 4:
                life.request_cancel(TrainingRun.objects.get(pk=run.pk), by=None, now=timezone.now())
            return False

        run_training(pk=run.pk, stopping=cancel_later)
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED
        assert stopped_at < steps.count() < run.total_steps
        life.resume(run, by=None, now=NOW)
        run_training(pk=run.pk)

        other = make_run(stage, **LONG)
        run_training(pk=other.pk)
        assert weights_of(run) == weights_of(other)
        assert run.attempt == 3
        assert list(steps.values_list("step", "loss")) == list(
            other.measures.filter(kind=RunMeasure.Kind.TRAIN).values_list("step", "loss")
        )
        assert other.model_version.name == f"v1-run{other.pk}"

    @pytest.mark.once
    def test_finishes_after_a_worker_died_between_keeping_the_weights_and_writing_the_rows(self, stage):
        run = make_run(stage)

        def clock():
            if list(Path(default_storage.path("models")).glob(f"*/{run_dir_of(run).name}")):
                raise BrokenOff
            return timezone.now()

        with pytest.raises(BrokenOff):
            run_training(pk=run.pk, clock=clock)
        assert TrainingRun.objects.get().status == Job.Status.RUNNING
        life.requeue_lost(TrainingRun, now=timezone.now(), lost_after=timedelta(0))
        run_training(pk=run.pk)
        assert weights_of(run) == hash_folder(folder_of(run.model_version))
        assert run.status == Job.Status.SUCCEEDED

    @pytest.mark.once
    def test_fails_with_the_reason_when_the_loss_is_no_number(self, stage):
        run = make_run(stage, epochs=5)
        TrainingRun.objects.update(learning_rate=1e30)
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED
        assert "lower learning rate" in run.reason or "lower the learning rate" in run.reason
        assert run.log_tail
        assert not stage.project.model_versions.filter(parent__isnull=False).exists()
        stage.refresh_from_db()
        assert stage.status == Stage.Status.LABELS_FINAL

    @pytest.mark.once
    def test_closes_a_surprise_as_an_error_with_its_name(self, stage):
        run = make_run(stage)
        run_dir_of(run).mkdir(parents=True)
        (run_dir_of(run) / "manifest.json").write_text("[]")
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.ERRORED
        assert "TypeError" in run.reason
        assert "Traceback" in run.log_tail

    @pytest.mark.once
    def test_tries_again_when_the_child_is_killed_but_not_for_ever(self, stage, watched_closely):
        run = make_run(stage)
        note = run_dir_of(run) / "pid.json"

        def kill_child():
            if note.exists():
                os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
                note.unlink()
            return False

        seen = []
        for _ in range(3):
            run_training(pk=run.pk, stopping=kill_child)
            run.refresh_from_db()
            seen.append(run.status)
        assert seen == [Job.Status.QUEUED, Job.Status.QUEUED, Job.Status.FAILED]
        assert "SIGKILL" in run.reason
        life.resume(run, by=None, now=NOW)
        run.refresh_from_db()
        assert (run.status, run.fruitless, run.log_tail) == (Job.Status.QUEUED, 0, "")

    def test_fails_where_the_base_has_no_weights_any_more(self, stage):
        run = make_run(stage)
        ModelVersion.objects.filter(pk=run.base_id).update(location="artifact:models/gone")
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED
        assert "missing from the storage" in run.reason

    def test_cancels_a_queued_run_at_once(self, stage):
        run = make_run(stage)
        life.request_cancel(run, by=None, now=NOW)
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.attempt) == (Job.Status.CANCELED, 0)

    def test_cancels_a_run_whose_worker_was_lost_after_the_wish(self, stage):
        run = make_run(stage)
        life.claim(TrainingRun, run.pk, now=NOW)
        life.request_cancel(TrainingRun.objects.get(), by=None, now=NOW)
        life.requeue_lost(TrainingRun, now=timezone.now(), lost_after=timedelta(0))
        run_training(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED
