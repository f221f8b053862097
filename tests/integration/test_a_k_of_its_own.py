"""A response that says itself how many ratings it gets: slots, agreement and what is told follow it."""

import dataclasses

import pytest
from django.db import IntegrityError, transaction

from annotation.assignment import decline, take_slot
from annotation.deciding import replay, stored_reasons
from annotation.importing import import_responses
from annotation.models import Response
from annotation.responses import largest_k, open_rating
from annotation.stage_agreement import measure_agreement
from arbitration.casefile import open_file
from arbitration.labels import finalize_labels
from core.errors import InvalidInput
from core.projects import add_member, revise
from core.rubrics import DEFAULT_POLICY, DEFAULT_RUBRIC
from tests.factories.annotation import make_prompts, make_stage, rate
from tests.factories.arbitration import settle
from tests.factories.core import NOW, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(experts=3, leads=2)


class TestAKOfItsOwn:
    @pytest.fixture
    def stage(self, team):
        stage = make_stage(team.project)
        make_prompts(team.project, count=3)
        rows = [
            {"prompt_id": f"q{number}", "text": "Six minutes.", "model": "m"} | ratings
            for number, ratings in enumerate(({}, {"ratings": 2}, {"ratings": "4"}))
        ]
        import_responses(stage=stage, rows=rows, by=None, now=NOW)
        return stage

    def test_gives_as_many_slots_also_where_the_policy_changes_before_rating_opens(self, team, stage):
        def slots():
            return [each.assignments.count() for each in stage.responses.order_by("prompt__position")]

        assert slots() == [3, 2, 4]
        for k in (5, 1):
            policy = dataclasses.replace(DEFAULT_POLICY, ratings_per_response=k)
            revise(project=team.project, rubric=DEFAULT_RUBRIC, policy=policy, by=team.admin, now=NOW)
        opened = open_rating(stage=stage, by=None, now=NOW)
        assert (opened.ratings_per_response, slots()) == (1, [1, 2, 4])
        assert largest_k(opened) == 4

    def test_decides_agreement_majority_and_what_is_told(self, team, stage):
        stage = open_rating(stage=stage, by=None, now=NOW)
        _, two, four = stage.responses.order_by("prompt__position")
        for expert in team.experts[:2]:
            rate(two, expert, score=2, revised_response="Eight minutes.")
        two.refresh_from_db()
        assert two.status == Response.Status.AGREED
        for expert in team.experts:
            rate(four, expert)
        four.refresh_from_db()
        assert four.status == Response.Status.AWAITING_RATINGS
        # There is no fourth expert: once somebody cannot judge it, a lead hears how many were wanted.
        newcomer = make_user()
        add_member(project=team.project, user=newcomer, role="expert", by=None, now=NOW)
        slot = take_slot(response=four, expert=newcomer, now=NOW)
        decline(assignment=slot, by=newcomer, reason="No idea.", now=NOW)
        four = Response.objects.get(pk=four.pk)
        assert open_file(four).reasons == ["Too few ratings: 3 of 4"]
        assert replay(four.divergences.get()) == stored_reasons(four.divergences.get())
        assert measure_agreement(stage, 2).responses == 2
        for expert in team.experts:
            rate(stage.responses.get(prompt__external_id="q0"), expert)
        settle(stage, team.lead)
        done = finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert done.revisions == 1  # both of its two experts wrote it

    def test_is_a_whole_number_from_1_on(self, team, stage):
        row = {"prompt_id": "q0", "text": "x", "model": "m", "candidate": 1, "ratings": 0}
        with pytest.raises(InvalidInput) as refused:
            import_responses(stage=stage, rows=[row], by=None, now=NOW)
        assert "from 1 to" in refused.value.errors[0]
        with pytest.raises(IntegrityError), transaction.atomic():
            stage.responses.update(ratings_needed=0)
