import json
import shutil
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation.importing import import_prompts
from annotation.models import Assignment, Prompt, Sampling, Unanswered
from annotation.prompts import correct_prompt
from annotation.responses import NewResponse, add_responses
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, ModelVersion, Stage
from jobs import life
from jobs.files import read_lines, write_lines
from jobs.models import Job
from jobs.run_dir import run_dir_of
from tests.factories.annotation import (
    CONVERSATION,
    make_conversation,
    make_prompts,
    make_rating_stage,
    make_stage,
)
from tests.factories.core import NOW, make_project
from tests.factories.training import make_base_stage, make_sampling
from tests.tiny_model import build_tiny_model
from training.generation import launch_generation, open_base_stage, run_generation
from training.models import GenerationRun
from training.sampling import response_seed


def texts(stage):
    return dict(stage.responses.values_list("prompt__external_id", "text"))


class StopAfter:
    """Says "stop" once so many responses are stored: a worker that is shut down in the middle."""

    def __init__(self, stage, responses):
        self.stage, self.responses = stage, responses

    def __call__(self):
        return self.stage.responses.count() >= self.responses


class BrokenOff(BaseException):
    """The worker dies here: nothing after it may run, as with SIGKILL."""


class DiesBeforeStoring:
    """A clock whose worker dies the moment the child has written something and nothing of it is stored."""

    def __init__(self, run):
        self.written = run_dir_of(run) / "responses.jsonl"

    def __call__(self):
        if self.written.exists() and self.written.stat().st_size:
            raise BrokenOff
        return timezone.now()


@pytest.fixture
def stage(transactional_db, tiny_model):
    return make_base_stage(prompts=6)


@pytest.fixture
def slow_stage(transactional_db, tiny_model, monkeypatch):
    """A stage whose answers take a while, watched closely: there is time to interrupt it."""
    monkeypatch.setattr(life, "CHECK_SECONDS", 0.05)
    return make_slow_stage()


def make_slow_stage():
    return make_base_stage(prompts=6, batch_size=1, max_new_tokens=150)


@pytest.mark.django_db
class TestOpenBaseStage:
    def test_opens_the_stage_with_the_base_model_and_a_queued_generation(self, settings):
        team = make_project()
        make_prompts(team.project)
        stage = open_base_stage(project=team.project, by=team.admin, now=NOW)
        assert (stage.number, stage.status) == (0, Stage.Status.RESPONDING)
        assert stage.model_version.location == settings.BASE_MODEL
        run = stage.generation_runs.get()
        assert (run.status, run.seed, run.created_by) == (Job.Status.QUEUED, team.project.seed, team.admin)
        assert run.sampling.max_new_tokens == Sampling().max_new_tokens
        assert AuditEvent.objects.filter(verb="generation:launch", target_id=run.pk).exists()

    def test_refuses_a_project_without_prompts_and_opens_nothing(self):
        team = make_project()
        with pytest.raises(InvalidInput, match="import prompts"):
            open_base_stage(project=team.project, by=team.admin, now=NOW)
        assert not Stage.objects.exists()

    def test_refuses_to_begin_a_loop_twice(self):
        stage = make_base_stage()
        with pytest.raises(Conflict, match="begun already"):
            open_base_stage(project=stage.project, by=None, now=NOW)
        assert stage.project.stages.count() == 1


@pytest.mark.django_db
class TestLaunchGeneration:
    def test_returns_the_run_there_is(self):
        stage = make_base_stage()
        again = launch_generation(stage=stage, sampling=None, seed=1, by=None, now=NOW)
        assert again == GenerationRun.objects.get()

    def test_resumes_what_was_canceled(self):
        stage = make_base_stage()
        life.request_cancel(stage.generation_runs.get(), by=None, now=NOW)
        assert stage.generation_runs.get().status == Job.Status.CANCELED
        launch_generation(stage=stage, sampling=None, seed=1, by=None, now=NOW)
        assert stage.generation_runs.get().status == Job.Status.QUEUED

    def test_changes_what_it_is_launched_with_again_and_keeps_what_was_drawn_alike(self):
        stage = make_base_stage()
        run = stage.generation_runs.get()
        life.request_cancel(run, by=None, now=NOW)
        other = {"stage": stage, "seed": 1, "by": None, "now": NOW}
        launch_generation(sampling=make_sampling(temperature=0.2), **other)
        assert stage.generation_runs.get().sampling.temperature == 0.2
        life.request_cancel(stage.generation_runs.get(), by=None, now=NOW)
        prompt = Prompt.objects.first()
        add_responses(stage=stage, answers=[NewResponse(prompt, "Yes.", stage.model_version)], now=NOW)
        with pytest.raises(InvalidInput, match="leave temperature as it was"):
            launch_generation(sampling=make_sampling(temperature=0.9), **other)
        launch_generation(sampling=make_sampling(temperature=0.2, batch_size=1), **other)
        assert stage.generation_runs.get().sampling.batch_size == 1

    def test_gives_a_stage_opened_for_import_the_base_model(self):
        team = make_project()
        make_prompts(team.project)
        stage = make_stage(team.project)
        launch_generation(stage=stage, sampling=None, seed=1, by=team.admin, now=NOW)
        stage.refresh_from_db()
        assert stage.model_version.name == "base"

    def test_refuses_a_model_known_by_name_only(self):
        team = make_project()
        make_prompts(team.project)
        with pytest.raises(Conflict, match="known by name only"):
            launch_generation(
                stage=make_stage(team.project, model_name="gpt-4"), sampling=None, seed=1, by=None, now=NOW
            )

    def test_refuses_a_stage_in_rating(self):
        with pytest.raises(Conflict, match="rating has begun"):
            launch_generation(
                stage=make_rating_stage(make_project().project), sampling=None, seed=1, by=None, now=NOW
            )


class TestResponseSeed:
    def test_is_the_same_for_the_same_prompt_and_differs_for_another_seed_or_prompt(self):
        class Prompt:
            external_id = "q1"

        class Other:
            external_id = "q2"

        assert response_seed(1, Prompt) == response_seed(1, Prompt) < 2**48
        assert len({response_seed(s, p) for s in (1, 2) for p in (Prompt, Other)}) == 4


@pytest.mark.django_db(transaction=True)
class TestRunGeneration:
    def test_answers_every_prompt_once_and_opens_rating_however_often_it_is_told(self, stage):
        pk = stage.generation_runs.get().pk
        workers = [threading.Thread(target=run_and_close, args=(pk,)) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        events = AuditEvent.objects.count()
        run_generation(pk=pk)  # and a message that is delivered late
        assert AuditEvent.objects.count() == events
        stage.refresh_from_db()
        run = stage.generation_runs.get()
        assert (run.status, run.reason, stage.status) == (Job.Status.SUCCEEDED, "", Stage.Status.RATING)
        responses = list(stage.responses.select_related("prompt", "sampling"))
        assert len(responses) == 6
        for response in responses:
            assert response.model_version == stage.model_version
            assert response.sampling == run.sampling
            assert response.seed == response_seed(run.seed, response.prompt)
            assert response.finish_reason in ("stop", "length")
        assert Assignment.objects.filter(stage=stage).count() == 6 * 3
        assert ModelVersion.objects.get(name="base").weights_sha256
        assert (run.fruitless, run.attempt) == (0, 1)

    @pytest.mark.once
    def test_asks_a_conversation_whole_and_in_its_own_words(self, transactional_db, tiny_model):
        team = make_project()
        make_conversation(team.project)
        stage = make_base_stage(team, prompts=2, system_prompt="keep it good")
        run = GenerationRun.objects.get(stage=stage)
        run_generation(pk=run.pk)
        lines = read_lines(run_dir_of(run) / "prompts.jsonl")
        assert lines[0]["messages"] == [{"role": role, "content": text} for role, text in CONVERSATION]
        assert [set(line) for line in lines[1:]] == [{"id", "text", "seed"}] * 2
        stage.refresh_from_db()
        assert stage.status == Stage.Status.RATING
        assert texts(stage)["talk"]

    def test_marks_what_cannot_be_answered_and_goes_on_with_the_rest(
        self, transactional_db, tmp_path, settings
    ):
        settings.BASE_MODEL = str(build_tiny_model(tmp_path / "strict"))
        template = tmp_path / "strict" / "chat_template.jinja"
        template.write_text(
            "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
            + template.read_text()
        )
        team = make_project()
        make_conversation(team.project)
        long = {"id": "long", "prompt": "please " * 1100, "split": "train"}
        import_prompts(project=team.project, rows=[long], by=team.admin, now=NOW)
        stage = make_base_stage(team, prompts=2)
        run = GenerationRun.objects.get(stage=stage)
        run_generation(pk=run.pk)
        run.refresh_from_db()
        stage.refresh_from_db()
        assert (run.status, stage.status) == (Job.Status.SUCCEEDED, Stage.Status.RATING)
        assert stage.responses.count() == 2
        told = {each.prompt.external_id: each.reason for each in stage.unanswered.select_related("prompt")}
        assert told.keys() == {"talk", "long"}
        assert "System role not supported" in told["talk"] and "window of 1024" in told["long"]

    def test_can_be_launched_again_with_room_for_what_did_not_fit(self, transactional_db, tiny_model):
        team = make_project()
        rows = [{"id": "long", "prompt": "please " * 900, "split": "train"}]
        import_prompts(project=team.project, rows=rows, by=team.admin, now=NOW)
        stage = open_base_stage(
            project=team.project, by=team.admin, now=NOW, sampling=make_sampling(max_new_tokens=500)
        )
        run = GenerationRun.objects.get(stage=stage)
        run_generation(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED and "leave no room for 500 new tokens" in run.reason
        # As if it had been one of several, marked before the others failed.
        why = {"code": "prompt_too_long", "params": {"tokens": 901, "new_tokens": 500, "window": 1024}}
        write_lines(run_dir_of(run) / "responses.jsonl", [{"id": "long", "reason": why}])
        mark = {"reason_code": why["code"], "reason_params": why["params"], "created_at": NOW}
        Unanswered.objects.create(stage=stage, prompt=Prompt.objects.get(), **mark)
        shorter = {"sampling": make_sampling(max_new_tokens=8), "precision": "fp32"}
        launch_generation(stage=stage, seed=run.seed, by=team.admin, now=NOW, **shorter)
        run_generation(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.precision, stage.responses.count()) == (Job.Status.SUCCEEDED, "fp32", 1)
        event = AuditEvent.objects.get(verb="generation:relaunch")
        assert (event.params["before"]["max_new_tokens"], event.params["after"]["max_new_tokens"]) == (500, 8)

    @pytest.mark.once
    def test_asks_a_prompt_anew_that_was_corrected_while_it_was_answered(self, stage):
        run, corrected = stage.generation_runs.get(), []

        def clock():
            rows = read_lines(run_dir_of(run) / "responses.jsonl")
            if rows and not corrected:
                prompt = Prompt.objects.get(project=stage.project, external_id=rows[0]["id"])
                text = "How long does a goose egg take?"
                corrected.append(correct_prompt(prompt=prompt, text=text, by=None, now=NOW))
            return timezone.now()

        run_generation(pk=run.pk, clock=clock)
        stage.refresh_from_db()
        assert (stage.status, stage.responses.count()) == (Stage.Status.RATING, 6)
        lines = {line["id"]: line for line in read_lines(run_dir_of(run) / "prompts.jsonl")}
        assert lines[corrected[0].external_id]["text"] == "How long does a goose egg take?"

    def test_gives_the_job_back_when_its_worker_stops_and_the_next_goes_on_without_repeat_or_loss(
        self, slow_stage
    ):
        run = slow_stage.generation_runs.get()
        run_generation(pk=run.pk, stopping=StopAfter(slow_stage, 2))
        run.refresh_from_db()
        assert (run.status, run.fruitless) == (Job.Status.QUEUED, 0)
        stored = set(slow_stage.responses.values_list("pk", flat=True))
        # The next worker is on a host that knows nothing of the first attempt but its rows.
        shutil.rmtree(run_dir_of(run))
        run_generation(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.attempt) == (Job.Status.SUCCEEDED, 2)
        assert stored <= set(slow_stage.responses.values_list("pk", flat=True))
        rows = [json.loads(line) for line in (run_dir_of(run) / "responses.jsonl").read_text().splitlines()]
        assert sorted(row["id"] for row in rows) == [f"q{number}" for number in range(6)]
        assert sum(row["tokens"] == 0 for row in rows) == len(stored) < 6

        whole = make_slow_stage()
        run_generation(pk=whole.generation_runs.get().pk)
        assert texts(slow_stage) == texts(whole)

    @pytest.mark.once
    def test_draws_several_candidates_and_goes_on_between_them(self, transactional_db, tiny_model):
        team = make_project()
        make_prompts(team.project, count=3)
        stage = open_base_stage(
            project=team.project, sampling=make_sampling(), candidates=3, by=team.admin, now=NOW
        )
        run = stage.generation_runs.get()
        clock = DiesBeforeStoring(run)
        with pytest.raises(BrokenOff):
            run_generation(pk=run.pk, clock=clock)
        life.requeue_lost(GenerationRun, now=timezone.now(), lost_after=timedelta(0))
        run_generation(pk=run.pk)
        run.refresh_from_db()
        assert (run.status, run.reason) == (Job.Status.SUCCEEDED, "")
        for prompt in team.project.prompts.all():
            given = prompt.responses.order_by("candidate")
            assert [each.candidate for each in given] == [0, 1, 2]
            assert [each.seed for each in given] == [
                response_seed(run.seed, prompt, candidate) for candidate in range(3)
            ]
            assert len({each.text for each in given}) > 1
        stage.refresh_from_db()
        assert stage.status == Stage.Status.RATING

    @pytest.mark.once
    def test_takes_in_what_a_worker_that_died_had_not_stored(self, slow_stage):
        run = slow_stage.generation_runs.get()
        with pytest.raises(BrokenOff):
            run_generation(pk=run.pk, clock=DiesBeforeStoring(run))
        run.refresh_from_db()
        assert (run.status, slow_stage.responses.count()) == (Job.Status.RUNNING, 0)
        life.requeue_lost(GenerationRun, now=timezone.now(), lost_after=timedelta(0))
        run_generation(pk=run.pk)
        lines = (run_dir_of(run) / "responses.jsonl").read_text().splitlines()
        assert len(lines) == slow_stage.responses.count() == 6
        assert slow_stage.generation_runs.get().status == Job.Status.SUCCEEDED

    @pytest.mark.once
    def test_stops_when_a_person_cancels_and_is_queued_when_one_resumes(self, slow_stage):
        run = slow_stage.generation_runs.get()

        def cancel_meanwhile():
            if run.cancel_requested_at is None and slow_stage.responses.exists():
                run.refresh_from_db()
                life.request_cancel(run, by=None, now=timezone.now())
                run.refresh_from_db()
            return False

        run_generation(pk=run.pk, stopping=cancel_meanwhile)
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED
        assert 0 < slow_stage.responses.count() < 6
        life.resume(run, by=None, now=NOW)
        run.refresh_from_db()
        assert (run.status, run.cancel_requested_at) == (Job.Status.QUEUED, None)

    def test_fails_with_a_reason_where_the_model_is_missing(self, stage, settings):
        ModelVersion.objects.update(location="package:no-such-model")
        run_generation(pk=stage.generation_runs.get().pk)
        run = stage.generation_runs.get()
        assert run.status == Job.Status.FAILED
        assert "not installed" in run.reason
        assert not stage.responses.exists()

    def test_fails_where_the_weights_are_not_the_ones_it_had(self, stage):
        ModelVersion.objects.update(weights_sha256="0" * 64)
        run_generation(pk=stage.generation_runs.get().pk)
        run = stage.generation_runs.get()
        assert run.status == Job.Status.FAILED
        assert "not the ones it had" in run.reason

    def test_ends_a_job_that_kills_every_worker(self, stage):
        run = stage.generation_runs.get()
        GenerationRun.objects.update(fruitless=3)
        run_generation(pk=run.pk)
        run.refresh_from_db()
        assert run.status == Job.Status.FAILED
        assert "3 attempts" in run.reason

    @pytest.mark.once
    def test_writes_nothing_more_once_the_job_is_another_workers(self, slow_stage):
        run = slow_stage.generation_runs.get()

        def lose_it():
            if slow_stage.responses.exists():
                GenerationRun.objects.filter(pk=run.pk).update(attempt=9)
            return False

        run_generation(pk=run.pk, stopping=lose_it)
        run.refresh_from_db()
        assert (run.status, run.attempt) == (Job.Status.RUNNING, 9)
        assert slow_stage.responses.count() < 6

    @pytest.mark.once
    def test_answers_prompts_that_came_in_meanwhile_too(self, slow_stage):
        run = slow_stage.generation_runs.get()

        def import_more():
            if slow_stage.project.prompts.count() == 6 and slow_stage.responses.exists():
                make_prompts(slow_stage.project, count=2)
            return False

        run_generation(pk=run.pk, stopping=import_more)
        assert slow_stage.responses.count() == 8
        slow_stage.refresh_from_db()
        assert slow_stage.status == Stage.Status.RATING


def run_and_close(pk):
    from django.db import connection

    try:
        run_generation(pk=pk)
    finally:
        connection.close()
