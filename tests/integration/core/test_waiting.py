"""Changes of a project that meet on PostgreSQL, each order forced: whoever comes second sees what the first did."""

from dataclasses import replace

import pytest

from annotation.models import Response
from annotation.responses import NewResponse, add_responses, open_rating
from core.accounts import create_account
from core.errors import Conflict
from core.models import Membership, Project
from core.projects import add_member, create_project, remove_member, revise
from core.rubrics import DEFAULT_POLICY, DEFAULT_RUBRIC
from tests.browsing import PASSWORD
from tests.factories.annotation import make_prompts, make_responses, make_stage
from tests.factories.core import NOW, make_project, make_user
from tests.interleaving import on_row_locks, outcome_after
from training.generation import launch_generation

pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]


class TestAPolicySavedMeanwhile:
    @pytest.fixture
    def team(self):
        team = make_project()
        make_prompts(team.project, count=2)
        return team

    @pytest.fixture
    def saved(self, team):
        policy = replace(DEFAULT_POLICY, ratings_per_response=2)
        return lambda: revise(
            project=team.project, rubric=DEFAULT_RUBRIC, policy=policy, by=team.admin, now=NOW
        )

    def test_is_the_one_that_rating_opens_under(self, aside, team, saved):
        stage = make_stage(team.project)
        make_responses(stage)
        opened = outcome_after(aside, saved, lambda: open_rating(stage=stage, by=team.admin, now=NOW))
        assert opened.status == "rating"
        assert (opened.policy.version, opened.ratings_per_response) == (2, 2)
        assert [response.assignments.count() for response in Response.objects.all()] == [2, 2]

    def test_is_the_one_of_a_stage_that_opens(self, aside, team, saved):
        assert outcome_after(aside, saved, lambda: make_stage(team.project)).policy.version == 2

    def test_lets_answers_come_in(self, aside, team, saved):
        stage = make_stage(team.project, model_name="v1")
        answers = [
            NewResponse(prompt, "Boil it.", stage.model_version) for prompt in team.project.prompts.all()
        ]
        came = outcome_after(aside, saved, lambda: add_responses(stage=stage, answers=answers, now=NOW))
        assert [response.assignments.count() for response in came] == [2, 2]

    def test_lets_a_generation_be_launched(self, aside, team, saved):
        stage = make_stage(team.project)

        def launch():
            return launch_generation(stage=stage, sampling=None, seed=1, by=team.admin, now=NOW)

        assert outcome_after(aside, saved, launch).stage == stage


class TestTwoAdmins:
    def test_who_remove_each_other_at_once_leave_one(self, aside):
        team = make_project(admins=2)

        def remove(user, by):
            return lambda: remove_member(
                project=team.project, user=user, role=Membership.Role.ADMIN, by=by, now=NOW
            )

        one, two = team.admins
        refused = outcome_after(aside, remove(two, by=one), remove(one, by=two))
        assert isinstance(refused, Conflict)
        assert team.project.memberships.get(role=Membership.Role.ADMIN).user == one


class TestTheSameTwiceAtOnce:
    def test_is_one_project_of_a_name(self, aside):
        admin = make_user()
        refused = outcome_after(
            aside,
            lambda: create_project(name="Twice", by=admin, now=NOW),
            lambda: create_project(name="twice", by=admin, now=NOW),
        )
        assert (type(refused), "choose another name" in str(refused)) == (Conflict, True)
        assert Project.objects.count() == 1

    def test_is_one_account_of_a_name(self, aside):
        def create():
            return create_account(username="ada", password=PASSWORD, by=None, now=NOW)

        refused = outcome_after(aside, create, create)
        assert (type(refused), "already an account" in str(refused)) == (Conflict, True)

    def test_is_one_role_of_a_person(self, aside):
        team, person = make_project(), make_user()

        def add():
            return add_member(
                project=team.project, user=person, role=Membership.Role.LEAD, by=team.admin, now=NOW
            )

        assert outcome_after(aside, add, add) == person.memberships.get()
