"""Leads who meet at one response on PostgreSQL, each order forced: whoever comes second sees what the first did."""

import uuid

import pytest

from annotation.correcting import correct_rating, withdraw_rating
from annotation.models import Rating, Response, Return
from arbitration.cases import (
    OVERTAKEN,
    TAKEN,
    claim_case,
    exclude_response,
    release_case,
    release_lapsed_cases,
)
from arbitration.labels import finalize_labels
from arbitration.models import AcceptedRevision, Case, Decision
from arbitration.reopening import return_case
from arbitration.revisions import accept_revision
from core.errors import Conflict
from tests.factories.arbitration import decide, make_divergent_stage, required_labels
from tests.factories.core import NOW, make_project
from tests.interleaving import on_row_locks, outcome_after

pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def case(team):
    _, (response,) = make_divergent_stage(team, divergent=1, agreed=0)
    return claim_case(response=response, by=team.lead, now=NOW)


def excludes(case):
    return exclude_response(
        case=case, by=case.lead, rationale="Out of scope.", submission=uuid.uuid4(), now=NOW
    )


def test_a_case_is_not_claimed_while_it_is_decided(aside, team, case):
    refused = outcome_after(
        aside,
        lambda: excludes(case),
        lambda: claim_case(response=case.response, by=team.leads[1], now=NOW),
    )
    assert (type(refused), "no longer waiting" in str(refused)) == (Conflict, True)
    assert not case.response.involvements.filter(user=team.leads[1]).exists()


def test_a_case_is_decided_once_by_two_forms(aside, case):
    refused = outcome_after(aside, lambda: excludes(case), lambda: decide(case))
    assert (type(refused), "already settled" in str(refused)) == (Conflict, True)
    assert Decision.objects.get().outcome == Decision.Outcome.EXCLUDED


def test_a_case_is_not_released_while_it_is_decided(aside, case):
    refused = outcome_after(
        aside, lambda: excludes(case), lambda: release_case(case=case, by=case.lead, now=NOW)
    )
    assert (type(refused), "already settled" in str(refused)) == (Conflict, True)
    assert Case.objects.get().status == Case.Status.RESOLVED


def test_a_claim_that_lapses_at_this_moment_is_taken_again_by_its_decision(aside, case):
    Case.objects.update(lease_until=NOW)
    decision = outcome_after(aside, lambda: release_lapsed_cases(now=NOW), lambda: decide(case))
    assert list(Case.objects.values_list("status", flat=True)) == [Case.Status.LAPSED, Case.Status.RESOLVED]
    assert decision.case.response.status == Response.Status.RESOLVED


class TestACorrectionUnderALead:
    """`case` diverges by 2, 5 and 3 on one axis."""

    def corrects(self, case, expert, safety=1):
        rating = case.response.ratings.get(expert=expert)
        everywhere = {axis.key: 4 for axis in rating.policy.rubric.axes.all()}
        return correct_rating(
            rating=rating,
            by=expert,
            scores=everywhere | {"safety": safety},
            labels=required_labels(rating.policy),
            submission=uuid.uuid4(),
            now=NOW,
        )

    def test_that_comes_first_is_shown_before_anything_is_decided(self, aside, team, case):
        refused = outcome_after(aside, lambda: self.corrects(case, team.experts[0]), lambda: decide(case))
        assert str(refused) == OVERTAKEN
        assert not Decision.objects.exists()

    def test_that_comes_second_reopens_the_decision(self, aside, team, case):
        outcome_after(aside, lambda: decide(case), lambda: self.corrects(case, team.experts[0]))
        assert Response.objects.get(pk=case.response_id).status == Response.Status.DIVERGENT
        assert Decision.objects.exists() and not Decision.objects.standing().exists()

    def test_meets_a_return_to_the_experts(self, aside, team, case):
        outcome_after(
            aside,
            lambda: return_case(case=case, by=team.lead, question="Sure?", now=NOW),
            lambda: self.corrects(case, team.experts[0]),
        )
        slots = case.response.assignments.order_by("status")
        assert [slot.status for slot in slots] == ["leased", "leased", "submitted"]
        assert Rating.objects.current().filter(response=case.response).count() == 3


class TestWhatTakesAResponseBack:
    def test_waits_for_a_finalization_and_is_refused(self, aside, team):
        stage, _ = make_divergent_stage(team, divergent=0, agreed=1)
        rating = Rating.objects.first()
        refused = outcome_after(
            aside,
            lambda: finalize_labels(stage=stage, by=team.admin, now=NOW),
            lambda: withdraw_rating(rating=rating, by=rating.expert, now=NOW),
        )
        assert str(refused) == "The labels of this stage are final, so its ratings stay as they are."

    def test_keeps_a_finalization_waiting_that_then_finds_it_open(self, aside, team):
        stage, _ = make_divergent_stage(team, divergent=0, agreed=1)
        rating = Rating.objects.first()
        refused = outcome_after(
            aside,
            lambda: withdraw_rating(rating=rating, by=rating.expert, now=NOW),
            lambda: finalize_labels(stage=stage, by=team.admin, now=NOW),
        )
        assert refused.errors == ["1 response awaits ratings."]

    def test_is_not_claimed_while_it_is_returned(self, aside, team, case):
        Case.objects.update(lease_until=NOW)
        refused = outcome_after(
            aside,
            lambda: return_case(case=case, by=team.lead, question="Sure?", now=NOW),
            lambda: claim_case(response=case.response, by=team.leads[1], now=NOW),
        )
        assert "no longer waiting" in str(refused)

    def test_is_not_returned_while_another_claims_it(self, aside, team, case):
        Case.objects.update(lease_until=NOW)
        refused = outcome_after(
            aside,
            lambda: claim_case(response=case.response, by=team.leads[1], now=NOW),
            lambda: return_case(case=case, by=team.lead, question="Sure?", now=NOW),
        )
        assert str(refused) == TAKEN
        assert not Return.objects.exists()


def test_a_revised_response_is_not_accepted_while_its_response_is_excluded(aside, team, case):
    rating = case.response.ratings.first()
    type(rating).objects.update(revised_response="Boil it for six minutes.")
    refused = outcome_after(
        aside, lambda: excludes(case), lambda: accept_revision(rating=rating, by=team.leads[1], now=NOW)
    )
    assert (type(refused), "unless it is excluded" in str(refused)) == (Conflict, True)
    assert not AcceptedRevision.objects.exists()
