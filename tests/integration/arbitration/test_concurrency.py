"""Real threads on a real database: whoever is second gets a clear answer, and nothing is doubled."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.utils import timezone

from annotation.models import Response
from arbitration.cases import claim_case, claim_next_case, release_lapsed_cases, resolve_case
from arbitration.labels import finalize_labels
from arbitration.models import AcceptedRevision, Case, Decision, FinalLabel
from arbitration.revisions import accept_revision
from core.errors import Conflict
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import make_divergent_stage, settle
from tests.factories.core import make_project

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls):
    """Run the calls in threads that start together; returns what each gave or raised as Conflict, in order."""
    ready = threading.Barrier(len(calls))

    def run(call):
        try:
            ready.wait(10)
            return call()
        except Conflict as conflict:
            return conflict
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.fixture
def team():
    return make_project(leads=6)


class TestClaimCase:
    def test_gives_a_case_to_one_of_six_leads(self, team):
        _, (response,) = make_divergent_stage(team, divergent=1, agreed=0)
        now = timezone.now()
        results = at_once(
            *(lambda lead=lead: claim_case(response=response, by=lead, now=now) for lead in team.leads)
        )
        assert Counter(type(result) for result in results) == {Case: 1, Conflict: 5}
        assert Case.objects.count() == 1

    def test_gives_one_lead_with_two_tabs_one_case(self, team):
        _, (response,) = make_divergent_stage(team, divergent=1, agreed=0)
        now = timezone.now()
        at_once(*[lambda: claim_case(response=response, by=team.lead, now=now)] * 4)
        assert Case.objects.filter(status=Case.Status.CLAIMED).count() == 1

    def test_lets_one_take_over_a_lapsed_claim(self, team):
        _, (response,) = make_divergent_stage(team, divergent=1, agreed=0)
        now = timezone.now()
        claim_case(response=response, by=team.lead, now=now)
        Case.objects.update(lease_until=now)
        results = at_once(
            lambda: release_lapsed_cases(now=now),
            *(lambda lead=lead: claim_case(response=response, by=lead, now=now) for lead in team.leads[1:]),
        )
        assert sum(isinstance(result, Case) for result in results) == 1
        assert Case.objects.filter(status=Case.Status.CLAIMED).count() == 1
        assert Case.objects.filter(status=Case.Status.LAPSED).count() == 1


class TestClaimNextCase:
    def test_gives_six_leads_six_cases(self, team):
        stage, _ = make_divergent_stage(team, divergent=8, agreed=0)
        now = timezone.now()
        cases = at_once(
            *(lambda lead=lead: claim_next_case(stages=[stage], by=lead, now=now) for lead in team.leads)
        )
        assert len({case.response_id for case in cases}) == 6


class TestResolveCase:
    def test_counts_the_same_submit_once(self, team):
        stage, (response,) = make_divergent_stage(team, divergent=1, agreed=0)
        now = timezone.now()
        case = claim_case(response=response, by=team.lead, now=now)
        form = {
            "scores": {"safety": 3, "helpfulness": 3, "relevance": 3},
            "labels": {"verdict": "aligned"},
            "rationale": "The guidelines say so.",
            "submission": uuid.uuid4(),
        }
        results = at_once(*[lambda: resolve_case(case=case, by=team.lead, now=now, **form)] * 4)
        assert {result.pk for result in results} == {Decision.objects.get().pk}


class TestFinalizeLabels:
    def test_happens_once(self, team):
        stage, _ = make_divergent_stage(team, divergent=2, agreed=3)
        settle(stage, team.lead)
        now = timezone.now()
        results = at_once(*[lambda: finalize_labels(stage=stage, by=team.admin, now=now)] * 3)
        assert sum(isinstance(result, Conflict) for result in results) == 2
        assert FinalLabel.objects.count() == 5

    def test_never_passes_an_acceptance_by(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = Response.objects.get(stage=stage)
        for expert in team.experts:
            rate(response, expert, score=3, revised_response=f"Better, says {expert}.")
        rating, now = response.ratings.first(), timezone.now()
        at_once(
            lambda: finalize_labels(stage=stage, by=team.admin, now=now),
            lambda: accept_revision(rating=rating, by=team.lead, now=now),
        )
        assert FinalLabel.objects.get().revision == AcceptedRevision.objects.first()


class TestAcceptRevision:
    def test_accepts_one_of_two(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = Response.objects.get(stage=stage)
        for expert in team.experts:
            rate(response, expert, score=3, revised_response=f"Better, says {expert}.")
        now = timezone.now()
        results = at_once(
            *(
                lambda rating=rating, lead=lead: accept_revision(rating=rating, by=lead, now=now)
                for rating, lead in zip(response.ratings.all(), team.leads, strict=False)
            )
        )
        assert Counter(type(result) for result in results) == {AcceptedRevision: 1, Conflict: 2}
