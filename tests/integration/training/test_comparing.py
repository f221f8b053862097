"""A comparison that waits for answers: generated for it, interrupted, refused, done without."""

import pytest

from annotation.models import Response, WantedAnswer
from core.errors import Conflict
from core.models import ModelVersion, Stage
from evaluation.comparing import compared_versions
from evaluation.opening import Choice, open_chosen, preview
from jobs import life
from jobs.models import Job
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_labeled_stage
from training.comparing import generations_of, go_without, launch_wanted
from training.generation import run_generation
from training.models import GenerationRun


@pytest.fixture
def team(transactional_db):
    return make_project(experts=3)


@pytest.fixture
def versions(team, tiny_model):
    """The base, with answers to all four held-out prompts, and two tuned models that nobody has asked."""
    base = make_labeled_stage(team.project, [4] * 4).model_version
    tuned = [
        ModelVersion.objects.create(
            project=team.project, name=name, location=str(tiny_model), parent=base, created_at=NOW
        )
        for name in ("seed-1", "seed-2")
    ]
    return [base, *tuned]


def open_it(team, versions, **fields):
    choice = Choice(versions, ratings=3, generate=True, **fields)
    return open_chosen(project=team.project, choice=choice, by=team.admin, now=NOW)


class TestLaunchWanted:
    def test_queues_a_generation_for_each_model_version_that_lacks_answers(self, team, versions):
        found = preview(team.project, Choice(versions, ratings=3, generate=True))
        assert (found.prompts, len(found.responses), len(found.wanted), found.ratings) == (4, 4, 8, 36)
        assert preview(team.project, Choice(versions, ratings=3)).prompts == 0
        stage = open_it(team, versions)
        assert (stage.status, compared_versions(stage)) == (Stage.Status.RESPONDING, versions)
        assert [(run.model_version, left) for run, left in generations_of(stage)] == [
            (version, 4) for version in versions[1:]
        ]
        launch_wanted(stage=stage, by=team.admin, now=NOW)
        assert GenerationRun.objects.count() == 2

    def test_refuses_a_model_known_by_name_only_and_a_stage_in_rating(self, team, versions):
        stage = open_it(team, versions)
        ModelVersion.objects.filter(pk=versions[1].pk).update(location="")
        with pytest.raises(Conflict, match="known by name only"):
            launch_wanted(stage=stage, by=team.admin, now=NOW)
        Stage.objects.filter(pk=stage.pk).update(status=Stage.Status.RATING)
        with pytest.raises(Conflict, match="rating has begun"):
            launch_wanted(stage=stage, by=team.admin, now=NOW)


class TestRunGeneration:
    def test_gives_every_wanted_answer_once_and_opens_rating_with_the_last(self, team, versions):
        stage = open_it(team, versions)
        first, second = (run.pk for run, _ in generations_of(stage))
        run_generation(pk=first)
        stage.refresh_from_db()
        assert (stage.status, stage.responses.count()) == (Stage.Status.RESPONDING, 8)
        life.request_cancel(GenerationRun.objects.get(pk=second), by=team.admin, now=NOW)
        launch_wanted(stage=stage, by=team.admin, now=NOW)
        run_generation(pk=second)
        run_generation(pk=second)
        stage.refresh_from_db()
        assert stage.status == Stage.Status.RATING
        assert {run.status for run, _ in generations_of(stage)} == {Job.Status.SUCCEEDED}
        responses = Response.objects.filter(stage=stage)
        assert {(each.prompt_id, each.candidate) for each in responses} == {
            (prompt, candidate)
            for prompt in responses.values_list("prompt", flat=True)
            for candidate in range(3)
        }
        assert responses.filter(copy_of=None).count() == 8
        assert {each.assignments.count() for each in responses} == {3}
        assert not WantedAnswer.objects.exists()

    def test_goes_on_where_an_attempt_was_interrupted(self, team, versions):
        stage = open_it(team, versions[:2])
        ((run, _),) = generations_of(stage)
        run_generation(pk=run.pk, stopping=lambda: True)
        assert GenerationRun.objects.get(pk=run.pk).status == Job.Status.QUEUED
        run_generation(pk=run.pk)
        stage.refresh_from_db()
        assert (stage.status, stage.responses.count()) == (Stage.Status.RATING, 8)


class TestGoWithout:
    def test_opens_rating_once_no_generation_is_at_it(self, team, versions):
        stage = open_it(team, versions)
        one, other = (run for run, _ in generations_of(stage))
        run_generation(pk=one.pk)
        with pytest.raises(Conflict, match="still at it"):
            go_without(stage=stage, by=team.admin, now=NOW)
        life.request_cancel(other, by=team.admin, now=NOW)
        stage = go_without(stage=stage, by=team.admin, now=NOW)
        assert (stage.status, compared_versions(stage)) == (Stage.Status.RATING, versions[:2])

    def test_needs_responses_of_two_model_versions(self, team, versions):
        stage = open_it(team, versions[:2])
        ((run, _),) = generations_of(stage)
        life.request_cancel(run, by=team.admin, now=NOW)
        with pytest.raises(Conflict, match="fewer than two"):
            go_without(stage=stage, by=team.admin, now=NOW)
