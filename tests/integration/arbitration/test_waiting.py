"""Leads who meet at one response on PostgreSQL, each order forced: whoever comes second sees what the first did."""

import uuid

import pytest

from annotation.models import Response
from arbitration.cases import claim_case, exclude_response, release_case, release_lapsed_cases
from arbitration.models import AcceptedRevision, Case, Decision
from arbitration.revisions import accept_revision
from core.errors import Conflict
from tests.factories.arbitration import decide, make_divergent_stage
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


def test_a_revised_response_is_not_accepted_while_its_response_is_excluded(aside, team, case):
    rating = case.response.ratings.first()
    type(rating).objects.update(revised_response="Boil it for six minutes.")
    refused = outcome_after(
        aside, lambda: excludes(case), lambda: accept_revision(rating=rating, by=team.leads[1], now=NOW)
    )
    assert (type(refused), "unless it is excluded" in str(refused)) == (Conflict, True)
    assert not AcceptedRevision.objects.exists()
