import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from annotation.models import Sampling, Unanswered
from annotation.responses import NewResponse, add_responses
from annotation.setting_aside import set_aside_prompt
from arbitration.models import AcceptedRevision
from core.models import ModelVersion, User
from jobs import life
from jobs.models import Job, JobAttempt
from jobs.reasons import reason
from jobs.run_dir import run_dir_of
from tests.factories.annotation import make_prompts, make_rating_stage
from tests.factories.core import NOW, make_project
from tests.factories.jobs import claimed, end_badly
from tests.factories.training import make_base_stage, make_run, make_trainable_stage
from training import progress
from training.models import GenerationRun, RunMeasure, TrainingRun
from training.progress import Progress
from training.sampling import MAY_CHANGE

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # on PostgreSQL the access matrix asks every page
HTMX = {"HX-Request": "true"}


def url(name, project, *args):
    return reverse(f"training:{name}", args=[project.slug, *args])


TAIL = "the last line of its output"


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def admin(client, team):
    client.force_login(team.admin)
    return client


def page_of(response):
    return response.content.decode()


class TestStart:
    def test_offers_the_sampling_parameters_with_their_defaults(self, admin, team):
        make_prompts(team.project)
        page = page_of(admin.get(url("generate", team.project)))
        assert "Generate base responses" in page
        assert f'value="{Sampling().temperature}"' in page

    def test_opens_the_base_stage_under_the_given_sampling_and_seed(self, admin, team):
        make_prompts(team.project)
        data = dict(temperature=0, top_p=1, repetition_penalty=1, max_new_tokens=20, batch_size=4, seed=3)
        answer = admin.post(url("generate", team.project), data)
        stage = team.project.stages.get()
        assert answer.url == reverse("stage-detail", args=[team.project.slug, 0])
        run = stage.generation_runs.get()
        assert (run.seed, run.sampling.temperature, run.sampling.max_new_tokens) == (3, 0, 20)
        assert run.created_by == team.admin

    @pytest.mark.parametrize(("sent", "candidates"), [({"candidates": 3}, 3), ({}, 1)])
    def test_asks_for_as_many_responses_as_are_wanted(self, admin, team, sent, candidates):
        make_prompts(team.project)
        data = dict(temperature=0, top_p=1, repetition_penalty=1, max_new_tokens=20, batch_size=4, seed=3)
        admin.post(url("generate", team.project), data | sent)
        assert team.project.stages.get().generation_runs.get().candidates == candidates

    def test_says_what_is_wrong_and_keeps_what_was_written(self, admin, team):
        make_prompts(team.project)
        data = dict(temperature=9, top_p=1, repetition_penalty=1, max_new_tokens=20, batch_size=4, seed=77)
        answer = admin.post(url("generate", team.project), data)
        assert answer.status_code == 422
        assert "less than or equal to 2" in page_of(answer)
        assert 'value="77"' in page_of(answer)
        assert not team.project.stages.exists()

    def test_asks_for_prompts_first(self, admin, team):
        assert "Import the prompts first" in page_of(admin.get(url("generate", team.project)))

    def test_leads_on_to_the_project_once_the_loop_has_begun(self, admin, team):
        make_base_stage(team)
        answer = admin.get(url("generate", team.project))
        assert answer.url == reverse("project-detail", args=[team.project.slug])


class TestStagePanel:
    def test_polls_while_the_generation_lives(self, admin, team):
        make_base_stage(team)
        page = page_of(admin.get(url("stage-panel", team.project, 0), headers=HTMX))
        assert page.startswith('<section class="panel" id="training-panel"')
        assert 'hx-trigger="every 2s"' in page
        assert "Cancel generation" in page

    def test_reloads_the_page_that_polled_when_the_job_has_ended(self, admin, team):
        end_badly(make_base_stage(team).generation_runs.get(), tail=TAIL)
        answer = admin.get(url("stage-panel", team.project, 0) + "?polling=1", headers=HTMX)
        assert answer.headers["HX-Refresh"] == "true"

    def test_says_why_the_generation_stopped_and_offers_another_try(self, admin, team):
        end_badly(make_base_stage(team).generation_runs.get(), tail=TAIL)
        page = page_of(admin.get(url("stage-panel", team.project, 0)))
        assert "Memory ran out. Use a smaller batch." in page
        assert "the last line of its output" in page
        assert "every 2s" not in page
        assert "Try again" in page

    def test_shows_what_can_be_learned_once_the_labels_are_final(self, admin, team):
        make_trainable_stage(team)
        page = page_of(admin.get(url("stage-panel", team.project, 0)))
        assert "4 examples to learn from: 3 fully aligned responses, 1 accepted revision" in page
        assert url("launch", team.project, 0) in page

    def test_shows_a_running_run_and_its_curve(self, admin, team):
        run = make_run(make_trainable_stage(team))
        life.claim(TrainingRun, run.pk, now=timezone.now())
        for step, loss in enumerate((3.0, 2.0), start=1):
            run.measures.create(kind="train", step=step, epoch=1, loss=loss, created_at=timezone.now())
        page = page_of(admin.get(url("stage-panel", team.project, 0)))
        assert "<polyline" in page and "Running" in page

    def test_names_the_prompts_that_could_not_be_answered_and_why(self, admin, team):
        stage = make_base_stage(team)
        for prompt in team.project.prompts.all()[:2]:
            why = {"reason_code": "prompt_refused", "reason_params": {"words": "No <system>"}}
            Unanswered.objects.create(stage=stage, prompt=prompt, created_at=NOW, **why)
        answer = admin.get(url("stage-panel", team.project, 0))
        page = page_of(answer)
        assert "2 prompts could not be answered" in page and page.count("No &lt;system&gt;") == 2
        assert reverse("annotation:prompt", args=[team.project.slug, prompt.pk]) in page
        assert answer.context["responses"] == Progress(0, 6)
        set_aside_prompt(prompt=prompt, reason="It is too long.", by=team.admin, now=NOW)
        answer = admin.get(url("stage-panel", team.project, 0))
        assert "1 prompt could not be answered" in page_of(answer)
        assert answer.context["responses"] == Progress(0, 5)

    def test_leads_on_from_a_generation_that_stopped_because_nothing_could_be_answered(self, admin, team):
        stage = make_base_stage(team)
        for prompt in team.project.prompts.all():
            Unanswered.objects.create(stage=stage, prompt=prompt, created_at=NOW)
        end_badly(stage.generation_runs.get(), tail=TAIL)
        assert "The generation stopped before every prompt" in page_of(admin.get(url("loop", team.project)))

    def test_lets_a_lead_look_but_not_act(self, client, team):
        make_base_stage(team)
        client.force_login(team.lead)
        page = page_of(client.get(url("stage-panel", team.project, 0)))
        assert "Responses" in page and "Cancel generation" not in page

    def test_answers_for_a_stage_in_rating(self, admin, team):
        make_rating_stage(team.project)
        assert "when the labels are final" in page_of(admin.get(url("stage-panel", team.project, 0)))


class TestGenerateStage:
    def test_resumes_what_was_canceled(self, admin, team):
        run = make_base_stage(team).generation_runs.get()
        admin.post(url("cancel-generation", team.project, 0))
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED
        admin.post(url("generate-stage", team.project, 0))
        run.refresh_from_db()
        assert run.status == Job.Status.QUEUED

    def test_launches_what_failed_again_with_other_settings(self, admin, team):
        run = end_badly(make_base_stage(team).generation_runs.get(), tail=TAIL)
        address = url("generate-stage", team.project, 0)
        assert address in page_of(admin.get(url("stage-panel", team.project, 0)))
        page = page_of(admin.get(address))
        assert "Memory ran out. Use a smaller batch." in page and 'name="seed"' not in page
        data = dict(temperature=0.7, top_p=0.95, repetition_penalty=1.1, max_new_tokens=8, batch_size=1)
        assert admin.post(address, data | {"precision": "fp64"}).status_code == 422
        admin.post(address, data | {"precision": "bf16"})
        run.refresh_from_db()
        assert (run.status, run.sampling.batch_size, run.precision) == (Job.Status.QUEUED, 1, "bf16")
        assert admin.get(address).status_code == 302

    def test_keeps_how_responses_are_drawn_where_some_are_there(self, admin, team):
        stage = make_base_stage(team)
        end_badly(stage.generation_runs.get(), tail=TAIL)
        answer = NewResponse(team.project.prompts.first(), "Yes.", stage.model_version)
        add_responses(stage=stage, answers=[answer], now=NOW)
        address = url("generate-stage", team.project, 0)
        fields = admin.get(address).context["form"].fields
        assert {name for name in fields if not fields[name].disabled} == MAY_CHANGE
        admin.post(address, dict(max_new_tokens=8, batch_size=1, temperature=2))
        sampling = stage.generation_runs.get().sampling
        assert (sampling.max_new_tokens, sampling.batch_size, sampling.temperature) == (8, 1, 0.7)

    def test_refuses_once_rating_is_open_and_says_so(self, admin, team):
        make_rating_stage(team.project)
        data = dict(temperature=1, top_p=1, repetition_penalty=1, max_new_tokens=20, batch_size=4, seed=1)
        answer = admin.post(url("generate-stage", team.project, 0), data)
        assert answer.status_code == 422
        assert "rating has begun" in page_of(answer)


class TestLaunch:
    def data(self, **fields):
        submission = {"submission": uuid.uuid4()}
        return submission | dict(learning_rate="5e-5", epochs=3, batch_size=8, seed=0, base="") | fields

    def test_shows_the_preview_and_the_defaults(self, admin, team):
        make_trainable_stage(team)
        page = page_of(admin.get(url("launch", team.project, 0)))
        assert 'value="5e-05"' in page
        assert "tokens an epoch" in page and "to held-out prompts" in page

    def test_freezes_and_queues_once_however_often_it_is_sent(self, admin, team):
        make_trainable_stage(team)
        data = self.data()
        first = admin.post(url("launch", team.project, 0), data)
        again = admin.post(url("launch", team.project, 0), data)
        run = TrainingRun.objects.get()
        assert first.url == again.url == url("run", team.project, run.pk)
        assert (run.learning_rate, run.created_by) == (5e-5, team.admin)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("learning_rate", "0"),
            ("learning_rate", "fast"),
            ("epochs", "0"),
            ("batch_size", "-1"),
            ("base", "7777"),
        ],
    )
    def test_refuses_bad_values_and_keeps_the_others(self, admin, team, field, value):
        make_trainable_stage(team)
        answer = admin.post(url("launch", team.project, 0), self.data(**{"seed": 4321} | {field: value}))
        assert answer.status_code == 422
        assert "field__errors" in page_of(answer) and 'value="4321"' in page_of(answer)
        assert not TrainingRun.objects.exists()

    def test_tells_before_the_labels_are_final_what_comes_first(self, admin, team):
        make_rating_stage(team.project)
        assert "not final yet" in page_of(admin.get(url("launch", team.project, 0)))
        answer = admin.post(url("launch", team.project, 0), self.data())
        assert answer.status_code == 422
        assert not TrainingRun.objects.exists()


class TestRunPage:
    def test_shows_the_reason_and_the_log_of_a_failed_run(self, admin, team):
        run = end_badly(make_run(make_trainable_stage(team)), tail=TAIL)
        page = page_of(admin.get(url("run", team.project, run.pk)))
        assert "Memory ran out. Use a smaller batch." in page
        assert "the last line of its output" in page
        assert "Resume" in page and "every 2s" not in page

    def test_offers_a_failed_run_again_with_other_settings(self, admin, team):
        run = end_badly(make_run(make_trainable_stage(team), batch_size=2, max_length=300, seed=5), tail=TAIL)
        address = f"{url('launch', team.project, 0)}?like={run.pk}"
        assert address in page_of(admin.get(url("run", team.project, run.pk)))
        answer = admin.get(address)
        assert "It ended so:" in page_of(answer)
        form = answer.context["form"]
        assert [form[name].value() for name in ("batch_size", "max_length", "seed", "base")] == [
            2,
            300,
            5,
            run.base_id,
        ]
        assert admin.get(f"{url('launch', team.project, 0)}?like=99999999999999999999999").status_code == 200

    @pytest.mark.parametrize(
        ("losses", "kept", "words"),
        [
            (
                [3.0, 2.0, 2.5],
                2,
                "Epoch 1 of 2 is kept: its validation loss is the lowest, 2.000 (3.000 before training, 2.500 after",
            ),
            ([3.0, 2.5, 2.0], 4, "the lowest, 2.000 (3.000 before training)."),
            ([1.0, 2.0, 2.5], 2, "Before training it was lower: on the"),
            ([], 4, "Epoch 2 of 2 is kept, the last: without a validation loss nothing tells which is best."),
        ],
    )
    def test_says_which_epoch_is_kept_and_why(self, admin, team, losses, kept, words):
        run = make_run(make_trainable_stage(team), epochs=2)
        model = ModelVersion.objects.create(project=team.project, name="v1", created_at=NOW)
        fields = {"status": Job.Status.SUCCEEDED, "total_steps": 4, "kept_step": kept, "model_version": model}
        TrainingRun.objects.filter(pk=run.pk).update(**fields)
        for step, loss in zip((0, 2, 4), losses, strict=False):
            run.measures.create(kind="validation", step=step, epoch=step / 2, loss=loss, created_at=NOW)
        assert words in page_of(admin.get(url("run", team.project, run.pk)))
        TrainingRun.objects.update(kept_step=None)  # as runs of an earlier version are
        assert "is kept" not in page_of(admin.get(url("run", team.project, run.pk)))

    def test_polls_and_draws_while_it_runs(self, admin, team):
        run = make_run(make_trainable_stage(team))
        life.claim(TrainingRun, run.pk, now=timezone.now())
        TrainingRun.objects.update(total_steps=4)
        for step, loss in enumerate((3.0, 2.5), start=1):
            run.measures.create(kind="train", step=step, epoch=1, loss=loss, created_at=timezone.now())
        run.measures.create(kind=RunMeasure.Kind.VALIDATION, step=0, epoch=0, loss=3.2, created_at=NOW)
        fragment = page_of(admin.get(url("run", team.project, run.pk) + "?polling=1", headers=HTMX))
        assert fragment.startswith('<section class="panel" id="run-live"')
        assert "every 2s" in fragment and "<polyline" in fragment and "style=" not in fragment
        assert "<strong>2</strong> of 4" in fragment

    def test_a_poll_reads_only_what_is_new(self, admin, team):
        run = make_run(make_trainable_stage(team))
        life.claim(TrainingRun, run.pk, now=timezone.now())
        TrainingRun.objects.update(total_steps=2000)
        steps = [
            RunMeasure(run=run, kind="train", step=step, epoch=1, loss=1 / step, created_at=NOW)
            for step in range(1, 1001)
        ]
        RunMeasure.objects.bulk_create(steps)
        fragment = page_of(admin.get(url("run", team.project, run.pk) + "?polling=1", headers=HTMX))
        again = re.search(r'hx-get="([^"]*)"', fragment)[1].replace("&amp;", "&")
        with CaptureQueriesContext(connection) as nothing_new:
            assert admin.get(again, headers=HTMX).status_code == 204
        assert not any("RunMeasure" in query["sql"] or '"loss"' in query["sql"] for query in nothing_new)
        run.measures.create(kind="train", step=1001, epoch=1, loss=0.5, created_at=NOW)
        with CaptureQueriesContext(connection) as one_new:
            assert "<strong>1001</strong> of 2000" in page_of(admin.get(again, headers=HTMX))
        assert len(nothing_new) < len(one_new)
        points = dict(progress.curves(run).losses)[RunMeasure.Kind.TRAIN.label]
        assert len(points) <= progress.MOST_POINTS
        assert (points[0][0], points[-1][0]) == (1, 1001)

    def test_shows_who_worked_on_it_and_why_each_attempt_ended(self, admin, team):
        run = make_run(make_trainable_stage(team))
        claimed(run).give_back(reason("killed", signal="SIGKILL"))
        run.refresh_from_db()
        end_badly(run)
        page = page_of(admin.get(url("run", team.project, run.pk)))
        table = page[page.index("Attempts") :]
        assert "Given back. The process was ended by SIGKILL." in table
        assert "Failed. Memory ran out. Use a smaller batch." in table
        assert JobAttempt.objects.first().worker in table

    def test_cancels_and_resumes(self, admin, team):
        run = make_run(make_trainable_stage(team))
        admin.post(url("cancel", team.project, run.pk))
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED
        admin.post(url("resume", team.project, run.pk))
        run.refresh_from_db()
        assert run.status == Job.Status.QUEUED

    def test_tells_a_lead_the_reason_without_the_log(self, client, team):
        run = end_badly(make_run(make_trainable_stage(team)), tail=TAIL)
        client.force_login(team.lead)
        page = page_of(client.get(url("run", team.project, run.pk)))
        assert "Memory ran out" in page
        assert "the last line of its output" not in page and "Resume" not in page

    def test_draws_what_else_was_measured_and_tells_what_each_epoch_gained(self, admin, team):
        run = make_run(make_trainable_stage(team), epochs=2)
        TrainingRun.objects.filter(pk=run.pk).update(total_steps=2, kept_step=2)
        more = {"learning_rate": 5e-5, "grad_norm": 1.25, "tokens_per_second": 110.5, "created_at": NOW}
        run.measures.create(kind="train", step=1, epoch=1, loss=3.0, **more)
        for step, loss in enumerate((3.0, 2.5, 2.25)):
            run.measures.create(kind="validation", step=step, epoch=step, loss=loss, created_at=NOW)
        page = page_of(admin.get(url("run", team.project, run.pk)))
        for name, value in (
            ("Learning rate", "5e-05"),
            ("Gradient norm", "1.250"),
            ("Tokens a second", "110.500"),
        ):
            assert f'<span>{name}</span> <strong class="num">{value}</strong>' in page
        gained = re.findall(r'<td class="num">([\d.]*)</td><td>(.*?)</td>', page)
        assert gained == [("", ""), ("0.500", ""), ("0.250", "kept: the lowest")]

    def test_has_no_pace_from_before_the_attempt_at_work(self, team):
        run = make_run(make_trainable_stage(team))
        began = timezone.now()
        life.claim(TrainingRun, run.pk, now=began)
        TrainingRun.objects.update(total_steps=10)
        run.refresh_from_db()
        for step, seconds in enumerate((-3600, -3500, 10, 20, 30), start=1):
            at = began + timedelta(seconds=seconds)
            run.measures.create(kind="train", step=step, epoch=1, loss=1.0, created_at=at)
        assert progress.training_progress(run) == Progress(5, 10, seconds_left=50)

    def test_shows_the_output_while_it_runs_and_gives_all_of_it(self, admin, team, settings, tmp_path):
        settings.RUNS_DIR = tmp_path
        run = make_run(make_trainable_stage(team))
        at = url("run-log", team.project, run.pk)
        assert admin.get(at).status_code == 404
        folder = run_dir_of(run)
        folder.mkdir(parents=True)
        (folder / "stdout.log").write_text("".join(f"line {number}\n" for number in range(100)))
        life.claim(TrainingRun, run.pk, now=timezone.now())
        page = page_of(admin.get(url("run", team.project, run.pk)))
        assert "line 99" in page and "line 50" not in page and f'hx-get="{at}?tail=1"' in page
        assert "line 99" in page_of(admin.get(f"{at}?tail=1"))
        answer = admin.get(at)
        assert b"".join(answer.streaming_content).startswith(b"line 0\n")
        assert f"{team.project.slug}-run-{run.pk}.log" in answer.headers["Content-Disposition"]

    def test_is_not_found_from_another_project(self, admin, team):
        run = make_run(make_trainable_stage())
        assert admin.get(url("run", team.project, run.pk)).status_code == 404


class TestModelsPage:
    def test_shows_each_model_under_its_parent(self, admin, team):
        run = make_run(make_trainable_stage(team))
        child = team.project.model_versions.create(
            name="v1", parent=run.base, location="artifact:x", weights_sha256="ab" * 32, created_at=NOW
        )
        TrainingRun.objects.update(model_version=child)
        page = page_of(admin.get(url("models", team.project)))
        assert page.index(">base<") < page.index(">v1<")
        assert "abababababababab" in page and run.training_set.sha256[:16] in page


class TestTrainingSetPage:
    def test_traces_every_example_to_its_ratings_and_on_to_its_runs(self, admin, team):
        run = make_run(make_trainable_stage(team))
        page = page_of(admin.get(url("training-set", team.project, run.training_set_id)))
        for example in run.training_set.examples.all():
            assert example.final_label.response.prompt.external_id in page
            for rating in example.final_label.ratings.all():
                assert f"{rating.pk} by {rating.expert}" in page
        assert url("run", team.project, run.pk) in page
        assert "Accepted" in page or "accepted by" in page
        assert run.training_set.sha256 in page

    def test_says_that_a_lead_edited_the_revised_response(self, admin, team):
        run = make_run(make_trainable_stage(team))
        page = url("training-set", team.project, run.training_set_id)
        assert "edited and accepted by" not in page_of(admin.get(page))
        AcceptedRevision.objects.update(edited=True)
        assert f"edited and accepted by {team.lead}" in page_of(admin.get(page))

    def test_says_so_where_a_simulated_expert_rated(self, admin, team):
        run = make_run(make_trainable_stage(team))
        page = url("training-set", team.project, run.training_set_id)
        assert "Simulated" not in page_of(admin.get(page))
        User.objects.filter(pk=team.experts[0].pk).update(is_simulated=True)
        for each in (page, url("run", team.project, run.pk), url("launch", team.project, 0)):
            assert "Simulated" in page_of(admin.get(each))

    def test_reads_in_a_few_queries(self, admin, team, django_assert_max_num_queries):
        run = make_run(make_trainable_stage(team, prompts=24, revised=4))
        with django_assert_max_num_queries(20):
            admin.get(url("training-set", team.project, run.training_set_id))

    def test_gives_the_frozen_bytes_as_a_file(self, admin, team):
        import hashlib

        run = make_run(make_trainable_stage(team))
        answer = admin.get(url("training-set-file", team.project, run.training_set_id))
        assert hashlib.sha256(answer.content).hexdigest() == run.training_set.sha256
        assert "attachment" in answer.headers["Content-Disposition"]


class TestRights:
    ADMIN_PAGES = ("generate", "launch", "training-set", "training-set-file")

    def pages(self, project, run):
        return {
            "generate": url("generate", project),
            "stage-panel": url("stage-panel", project, 0),
            "launch": url("launch", project, 0),
            "run": url("run", project, run.pk),
            "models": url("models", project),
            "training-set": url("training-set", project, run.training_set_id),
            "training-set-file": url("training-set-file", project, run.training_set_id),
        }

    def test_experts_see_none_of_it_leads_look_and_admins_act(self, client, team):
        run = make_run(make_trainable_stage(team))
        pages = self.pages(team.project, run)
        for user, forbidden in (
            (team.experts[0], set(pages)),
            (team.lead, set(self.ADMIN_PAGES)),
            (team.admin, set()),
        ):
            client.force_login(user)
            answers = {name: client.get(page).status_code for name, page in pages.items()}
            assert {name for name, code in answers.items() if code == 403} == forbidden
            assert all(code in (200, 302, 403) for code in answers.values())

    def test_only_admins_change_anything(self, client, team):
        run = make_run(make_trainable_stage(team))
        changing = [
            url("launch", team.project, 0),
            url("generate", team.project),
            url("generate-stage", team.project, 0),
            url("cancel-generation", team.project, 0),
            url("cancel", team.project, run.pk),
            url("resume", team.project, run.pk),
        ]
        for user in (team.experts[0], team.lead):
            client.force_login(user)
            assert [client.post(page).status_code for page in changing] == [403] * len(changing)
        run.refresh_from_db()
        assert run.status == Job.Status.QUEUED

    def test_unknown_ids_are_not_found(self, admin, team):
        for name, args in (("run", [99]), ("training-set", [99]), ("stage-panel", [99]), ("launch", [99])):
            assert admin.get(url(name, team.project, *args)).status_code == 404

    def test_reading_changes_nothing(self, admin, team):
        run = make_run(make_trainable_stage(team))
        life.request_cancel(run, by=None, now=NOW)
        for page in self.pages(team.project, run).values():
            admin.get(page)
        assert GenerationRun.objects.count() == 0
        assert TrainingRun.objects.count() == 1
