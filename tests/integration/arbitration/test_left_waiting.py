"""What an admin decides of what is left, and whoever is still at it, on PostgreSQL, each order forced."""

import uuid

import pytest

from annotation.assignment import next_assignment
from annotation.models import Assignment, Draft, Response, SettingAside, Shortfall
from annotation.rating import NOT_OPEN, submit_rating
from annotation.setting_aside import set_aside_response
from annotation.shortfall import count_fewer, let_the_lead_decide
from arbitration.cases import SET_ASIDE, claim_case
from arbitration.labels import WorkIsOpen, finalize_labels
from arbitration.models import Decision, FinalLabel
from core.errors import Conflict
from core.models import Stage
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent_stage
from tests.factories.core import NOW, make_project
from tests.interleaving import on_row_locks, outcome_after

pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]
Status = Response.Status
REASON = "Two have left."


@pytest.fixture
def team():
    return make_project(experts=4)


@pytest.fixture
def stage(team):
    return make_rating_stage(team.project, prompts=1)


@pytest.fixture
def response(stage):
    return Response.objects.get()


def submits(slot):
    """The expert who holds a slot submits what is on their screen."""
    return lambda: submit_rating(
        assignment=slot,
        by=slot.expert,
        scores=dict.fromkeys(("safety", "helpfulness", "relevance"), 4),
        labels={"verdict": "aligned"},
        submission=uuid.uuid4(),
        now=NOW,
    )


def finalizes(stage, team, because=REASON):
    return lambda: finalize_labels(stage=stage, by=team.admin, now=NOW, set_aside_because=because)


def status_of(response):
    return Response.objects.get(pk=response.pk).status


class TestFinalizingWithLeftovers:
    def test_takes_no_rating_of_what_is_being_set_aside(self, aside, team, stage, response):
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        refused = outcome_after(aside, finalizes(stage, team), submits(slot))
        assert (type(refused), str(refused)) == (Conflict, NOT_OPEN)
        assert (status_of(response), response.ratings.count()) == (Status.SET_ASIDE, 0)
        assert Draft.objects.get().called_in_at == NOW
        assert Stage.objects.get().status == Stage.Status.LABELS_FINAL

    @pytest.mark.parametrize(("before", "status"), [(1, Status.SET_ASIDE), (2, Status.LABELED)])
    def test_waits_for_a_rating_and_labels_what_it_decides(
        self, aside, team, stage, response, before, status
    ):
        for expert in team.experts[:before]:
            rate(response, expert)
        slot = next_assignment(stage=stage, expert=team.experts[3], now=NOW)
        done = outcome_after(aside, submits(slot), finalizes(stage, team))
        assert (done.set_aside, done.agreed) == ((1, 0) if status == Status.SET_ASIDE else (0, 1))
        assert (status_of(response), response.ratings.count()) == (status, before + 1)
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()
        assert FinalLabel.objects.count() == done.agreed

    def test_gives_no_slot_of_what_is_being_set_aside(self, aside, team, stage):
        given = outcome_after(
            aside,
            finalizes(stage, team),
            lambda: next_assignment(stage=stage, expert=team.experts[0], now=NOW),
        )
        assert given is None
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()

    def test_calls_in_a_slot_that_is_being_taken(self, aside, team, stage, response):
        done = outcome_after(
            aside,
            lambda: next_assignment(stage=stage, expert=team.experts[0], now=NOW),
            finalizes(stage, team),
        )
        assert (done.set_aside, status_of(response)) == (1, Status.SET_ASIDE)
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()
        assert Draft.objects.get().called_in_at == NOW


class TestSettingAside:
    @pytest.fixture
    def case(self):
        team = make_project()
        _, (response,) = make_divergent_stage(team, divergent=1, agreed=0)
        return claim_case(response=response, by=team.lead, now=NOW)

    def sets_aside(self, case):
        return lambda: set_aside_response(response=case.response, reason=REASON, by=None, now=NOW)

    def test_leaves_nothing_to_decide(self, aside, case):
        refused = outcome_after(aside, self.sets_aside(case), lambda: decide(case))
        assert (type(refused), str(refused)) == (Conflict, SET_ASIDE)
        assert status_of(case.response) == Status.SET_ASIDE and not Decision.objects.exists()

    def test_is_refused_for_what_is_being_decided(self, aside, case):
        refused = outcome_after(aside, lambda: decide(case), self.sets_aside(case))
        assert (type(refused), "have the decision reopened" in str(refused)) == (Conflict, True)
        assert status_of(case.response) == Status.RESOLVED

    def test_of_what_is_open_leaves_a_decision_alone(self, aside, case):
        stage = case.response.stage
        done = outcome_after(
            aside,
            lambda: decide(case),
            lambda: finalize_labels(stage=stage, by=None, now=NOW, set_aside_because=REASON),
        )
        assert (done.arbitrated, done.set_aside, status_of(case.response)) == (1, 0, Status.LABELED)
        assert not SettingAside.objects.exists()


class TestFewerRatings:
    def fewer(self, stage, ratings=2):
        return lambda: count_fewer(stage=stage, ratings_per_response=ratings, reason=REASON, by=None, now=NOW)

    def test_let_the_rating_decide_that_waited_for_them(self, aside, team, stage, response):
        rate(response, team.experts[0])
        slot = next_assignment(stage=stage, expert=team.experts[1], now=NOW)
        outcome_after(aside, self.fewer(stage), submits(slot))
        assert (status_of(response), response.ratings.count()) == (Status.AGREED, 2)
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()

    def test_decide_with_the_rating_that_they_waited_for(self, aside, team, stage, response):
        rate(response, team.experts[0])
        slot = next_assignment(stage=stage, expert=team.experts[1], now=NOW)
        outcome_after(aside, submits(slot), self.fewer(stage))
        assert (status_of(response), Shortfall.objects.get().moved) == (Status.AGREED, 1)
        assert not Assignment.objects.filter(status__in=Assignment.ACTIVE).exists()

    def test_take_no_rating_beyond_them(self, aside, team, stage, response):
        for expert in team.experts[:2]:
            rate(response, expert)
        slot = next_assignment(stage=stage, expert=team.experts[3], now=NOW)
        refused = outcome_after(aside, self.fewer(stage), submits(slot))
        assert (type(refused), str(refused)) == (Conflict, NOT_OPEN)
        assert (status_of(response), response.ratings.count()) == (Status.AGREED, 2)

    def test_leave_what_goes_to_the_lead_meanwhile_to_them(self, aside, team, stage, response):
        rate(response, team.experts[0])
        slot = next_assignment(stage=stage, expert=team.experts[1], now=NOW)
        refused = outcome_after(
            aside,
            lambda: let_the_lead_decide(stage=stage, at_least=1, reason=REASON, by=None, now=NOW),
            submits(slot),
        )
        assert (type(refused), str(refused)) == (Conflict, NOT_OPEN)
        assert status_of(response) == Status.DIVERGENT

    def test_keep_a_finalization_waiting(self, aside, team, stage, response):
        refused = outcome_after(aside, self.fewer(stage), finalizes(stage, team, because=""))
        assert (type(refused), refused.errors) == (WorkIsOpen, ["1 response awaits ratings."])
