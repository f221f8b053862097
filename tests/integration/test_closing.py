"""A project is renamed, copied, archived and brought back, deleted; what is left of a deleted one goes away."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.urls import reverse

from annotation.assignment import call_in, decline, next_assignment
from annotation.drafts import save_draft
from annotation.models import Rating, Response
from annotation.references import set_reference
from arbitration.cases import claim_case, release_case
from core import closing
from core.errors import Archived, Conflict, InvalidInput
from core.guidelines import current, write_guidelines
from core.models import AuditEvent, Project, Stage
from core.projects import specs_of
from core.removal import path_to_project, remove_deleted, tables_of_projects
from core.stages import open_stage
from core.transitions import transition
from evaluation.coherence import open_runs
from evaluation.models import ScoringRun
from jobs.models import Job, JobAttempt
from jobs.queries import jobs_of
from jobs.run_dir import run_dir_of
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent
from tests.factories.core import NOW, make_project
from tests.factories.training import make_run, make_trainable_stage
from tests.interleaving import on_row_locks, outcome_after
from training.dataset import file_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(name="Garden advice")


def act(what, team, **more):
    return getattr(closing, f"{what}_project")(project=team.project, by=team.admin, now=NOW, **more)


class TestRename:
    def test_keeps_the_address(self, team):
        slug = team.project.slug
        act("rename", team, name="Kitchen help")
        project = Project.objects.get(pk=team.project.pk)
        assert (project.name, project.slug) == ("Kitchen help", slug)

    def test_takes_no_name_that_another_has_and_none_that_nobody_sees(self, team):
        make_project(name="Kitchen help")
        with pytest.raises(Conflict, match="choose another"):
            act("rename", team, name="kitchen HELP")
        with pytest.raises(InvalidInput):
            act("rename", team, name="\u200b")
        act("rename", team, name="Garden Advice")


class TestCopy:
    def test_has_the_setup_and_nothing_else(self, team):
        write_guidelines(project=team.project, text="Be kind.", by=team.admin, now=NOW)
        make_rating_stage(team.project)
        bare = act("copy", team, name="Bare")
        whole = act("copy", team, name="With people", with_people=True)
        for copy in (bare, whole):
            assert specs_of(copy.policy) == specs_of(team.project.policy)
            assert current(copy).text == "Be kind."
            assert not copy.prompts.exists() and not copy.stages.exists()
        assert list(bare.memberships.values_list("user", "role")) == [(team.admin.pk, "admin")]
        assert whole.memberships.count() == team.project.memberships.count()


class TestArchive:
    def test_leaves_only_reading_until_it_is_brought_back(self, team, client):
        stage = make_rating_stage(team.project)
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        others = Response.objects.filter(stage=stage).exclude(pk=slot.response_id)
        held, waiting = (make_divergent(each, team.experts) for each in others[:2])
        case = claim_case(response=held, by=team.lead, now=NOW)
        act("archive", team)
        for refused in (
            lambda: write_guidelines(project=team.project, text="x", by=team.admin, now=NOW),
            lambda: open_stage(project=team.project, model_version=None, by=team.admin, now=NOW),
            lambda: rate(slot.response, team.experts[0]),
            lambda: next_assignment(stage=stage, expert=team.experts[1], now=NOW),
            lambda: save_draft(response=slot.response, by=team.experts[0], fields={"comment": "x"}, now=NOW),
            lambda: decline(assignment=slot, by=team.experts[0], reason="Not my field.", now=NOW),
            lambda: call_in(assignment=slot, by=team.admin, now=NOW),
            lambda: claim_case(response=waiting, by=team.lead, now=NOW),
            lambda: decide(case),
            lambda: release_case(case=case, by=team.lead, now=NOW),
            lambda: set_reference(response=waiting, scores={}, by=team.lead, now=NOW),
            lambda: act("rename", team, name="Other"),
        ):
            with pytest.raises(Archived, match="bring it back"):
                refused()
        client.force_login(team.experts[0])
        room = {
            name: reverse(name, args=[team.project.slug]) for name in ("project-detail", "annotation:rate")
        }
        assert "is archived" in client.get(room["annotation:rate"]).content.decode()
        assert client.get(reverse("home"))["Location"] == reverse("project-list")
        assert room["project-detail"] not in client.get(reverse("project-list")).content.decode()
        assert room["project-detail"] in client.get(reverse("project-list") + "?archived").content.decode()
        act("bring_back", team)
        team.project.refresh_from_db()
        assert rate(slot.response, team.experts[0]) and decide(case)

    @on_row_locks
    @pytest.mark.django_db(transaction=True)
    def test_lets_nothing_land_after_it_that_began_before(self, team, aside):
        stage = make_rating_stage(team.project)
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        other = Response.objects.filter(stage=stage).exclude(pk=slot.response_id).first()
        waiting = make_divergent(other, team.experts)
        for act_of_a_person in (
            lambda: rate(slot.response, team.experts[0]),
            lambda: next_assignment(stage=stage, expert=team.experts[1], now=NOW),
            lambda: claim_case(response=waiting, by=team.lead, now=NOW),
        ):
            given = AuditEvent.objects.count()
            met = outcome_after(aside, lambda: act("archive", team), act_of_a_person)
            assert isinstance(met, Archived) and AuditEvent.objects.count() == given + 1
            act("bring_back", team)
        outcome_after(aside, lambda: rate(slot.response, team.experts[0]), lambda: act("archive", team))
        team.project.refresh_from_db()
        assert team.project.archived_at and Rating.objects.filter(expert=team.experts[0]).count() == 2

    def test_refuses_whatever_is_sent_to_it(self, team, client):
        act("archive", team)
        client.force_login(team.admin)
        answer = client.post(reverse("setup-member-add", args=[team.project.slug]), {"member-username": "x"})
        assert answer.status_code == 409 and "bring it back" in answer.content.decode()
        assert client.get(reverse("project-setup", args=[team.project.slug])).status_code == 200
        client.post(reverse("project-bring-back", args=[team.project.slug]))
        team.project.refresh_from_db()
        assert team.project.archived_at is None

    def test_waits_for_jobs(self, team):
        make_run(make_trainable_stage(team))
        with pytest.raises(Conflict, match="is queued: wait for its end, or cancel it"):
            act("archive", team)


class TestDelete:
    def test_wants_the_name_and_no_job_at_work(self, team):
        with pytest.raises(InvalidInput, match="Garden advice"):
            act("delete", team, name="Garden")
        make_run(make_trainable_stage(team))
        with pytest.raises(Conflict, match="queued"):
            act("delete", team, name="Garden advice")

    def test_is_at_once_gone_for_everybody_and_frees_the_name(self, team, client):
        client.force_login(team.admin)
        slug = team.project.slug
        answer = client.post(
            reverse("project-delete", args=[slug]), {"delete-name": "garden advice "}, follow=True
        )
        assert "is deleted" in answer.content.decode()
        assert client.get(reverse("project-detail", args=[slug])).status_code == 404
        assert make_project(name="Garden advice").project.slug == slug

    def test_leaves_a_trace_with_the_site_and_nothing_else(self, team):
        stage = make_trainable_stage(team, revised=2)
        run = make_run(stage)
        other = make_project()
        kept = make_trainable_stage(other)
        other_run = make_run(kept)
        write_guidelines(project=team.project, text="Be kind.", by=team.admin, now=NOW)
        open_runs(now=NOW)
        end_jobs(team.project)
        files = [run_dir_of(run), Path(settings.MEDIA_ROOT) / "models" / "tuned"]
        for folder in files:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "weights").write_text("w")
        run.base.location = "artifact:models/tuned"
        run.base.save()
        JobAttempt.objects.create(job_type="trainingrun", job_id=run.pk, number=1, began_at=NOW)
        JobAttempt.objects.create(job_type="trainingrun", job_id=other_run.pk, number=7, began_at=NOW)
        elsewhere = counts(other.project)

        act("delete", team, name="Garden advice")
        assert remove_deleted() == 1

        assert not Project.objects.filter(pk=team.project.pk).exists()
        assert counts(team.project) == {}
        assert counts(other.project) == elsewhere
        assert [folder.exists() for folder in files] == [False, False]
        assert list(JobAttempt.objects.values_list("number", flat=True)) == [7]
        # Equal content has one file, which the other project still needs.
        assert default_storage.exists(file_of(other_run.training_set))
        trace = AuditEvent.objects.get(verb="project:delete")
        assert (trace.project, trace.actor, trace.params["name"]) == (None, team.admin, "Garden advice")
        assert f"{team.admin.username} (admin)" in trace.params["people"]

    def test_is_finished_after_the_last_job(self, team):
        make_rating_stage(team.project)
        act("delete", team, name="Garden advice")
        # One that came in between the question and the end.
        ScoringRun.objects.create(stage=Stage.objects.get(), created_at=NOW)
        assert remove_deleted() == 0 and Response.objects.exists()
        end_jobs(team.project)
        assert remove_deleted() == 1 and not Response.objects.exists() and not Rating.objects.exists()


def end_jobs(project):
    for job in jobs_of(project):
        if job.is_active:
            transition(job, Job.Status.CANCELED, by=None, now=NOW)


def counts(project):
    """{table: rows of the project}, of those that have any."""
    found = {
        model: model._base_manager.filter(**{path: project.pk}).count()
        for model, path in tables_of_projects()
    }
    return {model._meta.label: count for model, count in found.items() if count}


class TestTablesOfProjects:
    def test_come_before_what_they_point_at(self):
        order = [model for model, _ in tables_of_projects()]
        for model in order:
            for field in model._meta.concrete_fields:
                if field.related_model in order and field.related_model is not model:
                    assert order.index(model) < order.index(field.related_model), field

    def test_are_all_but_those_of_the_site(self):
        from django.apps import apps

        from tests.architecture.source import APPS

        ours = [model for model in apps.get_models() if model._meta.app_label in APPS]
        bare = {model.__name__ for model in ours if not path_to_project(model)}
        assert bare == {"Project", "User", "Session", "Guess", "JobAttempt", "Sampling", "Encoder"}
