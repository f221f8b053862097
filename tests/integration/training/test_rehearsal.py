import json
import os
import signal

import pytest
from django.urls import reverse

from annotation.setting_aside import set_aside_prompt
from core.errors import Conflict, InvalidInput
from core.models import ModelVersion
from jobs import life
from jobs.models import Job
from jobs.run_dir import run_dir_of
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project
from tests.factories.training import make_trainable_stage
from training.dataset import preview_training_set
from training.estimate import REHEARSED, expected, rehearsed, seconds_of
from training.models import Rehearsal, TrainingSet
from training.rehearsal import rehearse, run_rehearsal
from training.runs import launch_run

RESULT = {
    "tokens": 1_000,
    "validation_tokens": 300,
    "tokens_per_second": 100.0,
    "loading_seconds": 5.0,
    "saving_seconds": 2.0,
    "memory": 2.5e9,
    "gpu_memory": None,
    "disk": 4e9,
    "examples": 4,
    "step_seconds": 3.0,
    "longest": 90,
    "left_out": ["q9:0"],
    "validation_left_out": [],
    "device": "cpu AVX2",
    "precision": "fp32",
    "samples": [
        {
            "id": "q0:0",
            "why": ["first"],
            "tokens": 9,
            "runs": [["<|user|>Eggs?", False], ["Six minutes.", True]],
        }
    ],
}
HTMX = {"HX-Request": "true"}


def rehearsal_of(stage, **fields):
    admin = stage.project.memberships.filter(role="admin").first().user
    return rehearse(stage=stage, by=admin, now=NOW, **fields)


def chosen(run, epochs=3):
    names = ("base_id", "batch_size", "max_length", "precision")
    return {name: getattr(run, name) for name in names} | REHEARSED | {"epochs": epochs}


def done(run, result=RESULT):
    Rehearsal.objects.filter(pk=run.pk).update(status=Job.Status.SUCCEEDED, result=result, finished_at=NOW)
    run.refresh_from_db()
    return run


@pytest.mark.django_db
class TestRehearse:
    def test_queues_one_for_a_stage_at_a_time_and_freezes_nothing(self):
        stage = make_trainable_stage()
        run = rehearsal_of(stage, batch_size=4)
        assert (run.status, run.examples, run.base.name) == (Job.Status.QUEUED, 4, "base")
        assert rehearsal_of(stage, batch_size=2) == run
        assert not TrainingSet.objects.exists()
        life.request_cancel(run, by=None, now=NOW)
        assert rehearsal_of(stage, batch_size=2) != run

    def test_refuses_what_cannot_be_trained(self):
        with pytest.raises(InvalidInput):
            rehearsal_of(make_trainable_stage(), batch_size=0)
        with pytest.raises(Conflict, match="finalize"):
            rehearsal_of(make_rating_stage(make_project().project))


@pytest.mark.django_db(transaction=True)
class TestRunRehearsal:
    """With real children."""

    @pytest.fixture
    def stage(self, tiny_model):
        return make_trainable_stage()

    @pytest.mark.once
    def test_measures_a_training_and_shows_what_is_learned(self, stage):
        run = rehearsal_of(stage, batch_size=2)
        run_rehearsal(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.reason) == (Job.Status.SUCCEEDED, "")
        told = run.result
        assert (told["examples"], told["validation"], told["left_out"]) == (4, 2, [])
        assert told["tokens_per_second"] > 0 and told["step_seconds"] > 0
        assert told["memory"] > 1e8 and told["disk"] > 3 * 3 * 1e5
        for sample in told["samples"]:
            (said, is_said), (learned, is_learned) = sample["runs"]
            assert (is_said, is_learned) == (False, True)
            assert said.endswith("<|assistant|>") and learned.endswith("<|end|>")
        assert [why for sample in told["samples"] for why in sample["why"]].count("longest") == 1
        assert not TrainingSet.objects.exists() and not run_dir_of(run).exists()
        assert ModelVersion.objects.filter(training_run__isnull=False).count() == 0

    @pytest.mark.once
    def test_names_what_is_too_long_and_ends_where_nothing_fits(self, stage):
        run = rehearsal_of(stage, batch_size=2, max_length=16)
        run_rehearsal(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED and "raise max_length to" in run.reason

    @pytest.mark.once
    def test_begins_anew_when_its_child_is_killed(self, stage, monkeypatch):
        monkeypatch.setattr(life, "CHECK_SECONDS", 0.05)
        run = rehearsal_of(stage, batch_size=2)
        note = run_dir_of(run) / "pid.json"

        def kill_child():
            if note.exists():
                os.kill(json.loads(note.read_text())["pid"], signal.SIGKILL)
                note.unlink()
            return False

        run_rehearsal(pk=run.pk, stopping=kill_child)
        run.refresh_from_db()
        assert (run.status, run.result) == (Job.Status.QUEUED, {}) and "SIGKILL" in run.reason
        run_rehearsal(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.attempt) == (Job.Status.SUCCEEDED, 2)


@pytest.mark.django_db
class TestEstimate:
    def test_counts_steps_looks_checkpoints_and_loading(self):
        # 3 epochs of 10 s, 4 looks of 1 s, 3 checkpoints of 2 s, and 5 s to load
        assert seconds_of(RESULT, 3) == pytest.approx(30 + 4 + 6 + 5)

    def test_rests_on_the_rehearsal_with_the_same_settings_until_something_else_is_learned(self):
        stage = make_trainable_stage()
        preview = preview_training_set(stage)
        run = done(rehearsal_of(stage, batch_size=4))
        measured = rehearsed(stage, preview, chosen(run))
        assert measured.is_of_these and not measured.is_outdated
        estimate = expected(stage, preview, chosen(run), measured)
        assert (estimate.seconds, estimate.basis) == (pytest.approx(45), "measured")
        other = chosen(run) | {"batch_size": 8}
        assert expected(stage, preview, other, rehearsed(stage, preview, other)).basis == preview.basis
        prompt = stage.project.prompts.filter(split="train").first()
        set_aside_prompt(prompt=prompt, reason="It is wrong.", by=None, now=NOW)
        preview = preview_training_set(stage)
        assert rehearsed(stage, preview, chosen(run)).is_outdated

    def test_prefers_the_pace_of_a_run_with_the_same_settings(self):
        stage = make_trainable_stage()
        run = done(rehearsal_of(stage, batch_size=4))
        launched = launch_run(
            stage=stage, by=None, now=NOW, submission="6f1c1f3e-5a31-4c38-9d0b-0d8b4f8f6a11", batch_size=4
        )
        fields = {"status": Job.Status.SUCCEEDED, "tokens": 500, "seconds": 50.0, "finished_at": NOW}
        type(launched).objects.filter(pk=launched.pk).update(**fields)
        preview = preview_training_set(stage)
        measured = rehearsed(stage, preview, chosen(run))
        estimate = expected(stage, preview, chosen(run), measured)
        assert estimate.seconds == pytest.approx(preview.tokens * 3 / 30)
        assert estimate.basis == f"as run {launched.pk} went"


@pytest.mark.django_db
@pytest.mark.once
class TestPanel:
    @pytest.fixture
    def stage(self, client):
        stage = make_trainable_stage()
        client.force_login(stage.project.memberships.filter(role="admin").first().user)
        return stage

    def at(self, name, stage):
        return reverse(f"training:{name}", args=[stage.project.slug, stage.number])

    def data(self, client, stage, **fields):
        form = client.get(self.at("launch", stage)).context["form"]
        values = {name: form[name].value() for name in form.fields}
        return {name: "" if value is None else value for name, value in values.items()} | fields

    def test_measures_with_what_the_form_says_and_polls(self, client, stage):
        sent = self.data(client, stage, batch_size=2)
        page = client.post(self.at("rehearsal", stage), sent, headers=HTMX).content.decode()
        assert page.startswith('<section class="panel" id="rehearsal"') and "every 2s" in page
        run = Rehearsal.objects.get()
        assert run.batch_size == 2
        client.post(self.at("rehearsal", stage), {"cancel": 1}, headers=HTMX)
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED

    def test_says_what_is_wrong_in_the_form(self, client, stage):
        answer = client.post(
            self.at("rehearsal", stage), self.data(client, stage, batch_size=0), headers=HTMX
        )
        assert answer.status_code == 422 and "greater than or equal to 1" in answer.content.decode()
        assert not Rehearsal.objects.exists()

    def test_shows_what_was_measured_and_what_is_learned(self, client, stage):
        done(rehearsal_of(stage))
        page = client.get(self.at("launch", stage)).content.decode()
        assert '<mark class="learned">Six minutes.</mark>' in page and "&lt;|user|&gt;Eggs?" in page
        assert "q9:0" in page and "100 tokens a second" in page and "every 2s" not in page
        assert page.count("45 s") == 2  # in the panel, and as what is expected
