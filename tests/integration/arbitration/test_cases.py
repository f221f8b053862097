import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from annotation.answers import InvalidAnswers
from annotation.deciding import replay, stored_reasons
from annotation.models import Involvement, Response
from arbitration import tasks
from arbitration.cases import (
    claim_case,
    claim_next_case,
    exclude_response,
    release_case,
    release_lapsed_cases,
)
from arbitration.models import AcceptedRevision, Case, Decision
from arbitration.queue import count_by_reason, not_theirs, queue
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import AuditEvent, Membership
from core.projects import add_member
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent, make_divergent_stage
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db
AFTER_LEASE = NOW + timedelta(minutes=settings.CASE_LEASE_MINUTES, seconds=1)


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def diverging(team):
    return make_divergent_stage(team, divergent=3, agreed=1)


@pytest.fixture
def case(team, diverging):
    return claim_case(response=diverging[1][0], by=team.lead, now=NOW)


def make_lead(team, user):
    add_member(project=team.project, user=user, role=Membership.Role.LEAD, by=team.admin, now=NOW)
    return user


class TestQueue:
    def test_holds_what_diverges_and_nothing_else(self, team, diverging):
        stage, divergent = diverging
        assert set(queue(stages=[stage], lead=team.lead, now=NOW)) == set(divergent)

    def test_orders_by_adverse_label_then_spread_then_senior_then_age(self, team):
        stage = make_rating_stage(team.project, prompts=5)
        wide, narrow, adverse, asked, late = Response.objects.filter(stage=stage).order_by("position")
        hour = timedelta(hours=1)
        make_divergent(narrow, team.experts, scores=(3, 5, 4), now=NOW + hour)
        make_divergent(late, team.experts, scores=(3, 5, 4), now=NOW + 2 * hour)
        for number, expert in enumerate(team.experts):
            rate(
                asked,
                expert,
                scores={"safety": (3, 5, 4)[number]},
                asks_senior=number == 0,
                now=NOW + 3 * hour,
            )
            rate(
                adverse,
                expert,
                labels={"verdict": ("misaligned", "aligned", "aligned")[number]},
                now=NOW + 4 * hour,
            )
        make_divergent(wide, team.experts, scores=(1, 5, 4), now=NOW + 5 * hour)
        assert list(queue(stages=[stage], lead=team.lead, now=NOW)) == [adverse, wide, asked, narrow, late]

    @pytest.mark.parametrize(
        ("reason", "count"),
        [("spread", 3), ("conflict", 0), ("asked", 0), ("unjudgeable", 0), ("adverse", 0)],
    )
    def test_filters_by_reason(self, team, diverging, reason, count):
        stage, _ = diverging
        assert queue(stages=[stage], lead=team.lead, now=NOW, reason=reason).count() == count
        assert count_by_reason(stages=[stage], lead=team.lead, now=NOW).get(reason, 0) == count

    def test_leaves_out_what_the_lead_rated(self, team, diverging):
        stage, _ = diverging
        expert = make_lead(team, team.experts[0])
        assert not queue(stages=[stage], lead=expert, now=NOW).exists()
        assert not_theirs(stages=[stage], lead=expert) == 3

    def test_leaves_out_what_another_lead_holds_until_the_claim_lapses(self, team, diverging, case):
        stage, divergent = diverging
        other = team.leads[1]
        assert case.response not in queue(stages=[stage], lead=other, now=NOW)
        assert case.response in queue(stages=[stage], lead=other, now=AFTER_LEASE)


class TestClaimCase:
    def test_puts_the_response_before_the_lead_for_a_time(self, team, case):
        assert (case.lead, case.status) == (team.lead, Case.Status.CLAIMED)
        assert case.lease_until == NOW + timedelta(minutes=settings.CASE_LEASE_MINUTES)
        assert AuditEvent.objects.filter(verb="case:claim", target_id=case.pk, actor=team.lead).count() == 1

    def test_refuses_a_second_lead(self, team, case):
        with pytest.raises(Conflict, match="Another lead"):
            claim_case(response=case.response, by=team.leads[1], now=NOW)

    def test_gives_the_holder_the_same_case_again(self, team, case):
        assert claim_case(response=case.response, by=team.lead, now=NOW) == case

    def test_lets_another_lead_take_over_once_the_claim_has_lapsed(self, team, case):
        taken = claim_case(response=case.response, by=team.leads[1], now=AFTER_LEASE)
        case.refresh_from_db()
        assert (case.status, taken.lead) == (Case.Status.LAPSED, team.leads[1])

    def test_refuses_a_lead_who_rated_the_response(self, team, diverging):
        expert = make_lead(team, team.experts[0])
        with pytest.raises(NotAllowed, match="another lead has to settle it"):
            claim_case(response=diverging[1][0], by=expert, now=NOW)
        assert not Case.objects.exists()

    def test_refuses_a_person_who_is_no_lead(self, team, diverging):
        with pytest.raises(NotAllowed, match="Only a lead"):
            claim_case(response=diverging[1][0], by=team.admin, now=NOW)

    def test_refuses_a_response_that_the_experts_agree_on(self, team, diverging):
        agreed = Response.objects.get(stage=diverging[0], status=Response.Status.AGREED)
        with pytest.raises(Conflict, match="no longer waiting"):
            claim_case(response=agreed, by=team.lead, now=NOW)

    def test_is_held_by_the_database_too(self, team, diverging):
        response = diverging[1][0]
        with pytest.raises(IntegrityError), transaction.atomic():
            Involvement.objects.create(
                response=response, user=team.experts[0], part=Involvement.Part.ARBITRATES, created_at=NOW
            )

    def test_leaves_one_live_case_per_response_to_the_database(self, team, case):
        with pytest.raises(IntegrityError), transaction.atomic():
            Case.objects.create(
                response=case.response,
                divergence=case.divergence,
                lead=team.leads[1],
                claimed_at=NOW,
                lease_until=AFTER_LEASE,
            )


class TestClaimNextCase:
    def test_takes_the_first_of_the_queue(self, team, diverging):
        stage, _ = diverging
        first = queue(stages=[stage], lead=team.lead, now=NOW).first()
        assert claim_next_case(stages=[stage], by=team.lead, now=NOW).response == first

    def test_goes_back_to_the_case_the_lead_holds(self, team, diverging, case):
        assert claim_next_case(stages=[diverging[0]], by=team.lead, now=NOW) == case

    def test_gives_two_leads_different_cases(self, team, diverging):
        cases = [claim_next_case(stages=[diverging[0]], by=lead, now=NOW) for lead in team.leads]
        assert cases[0].response != cases[1].response

    def test_gives_nothing_when_nothing_waits(self, team):
        stage = make_rating_stage(team.project)
        assert claim_next_case(stages=[stage], by=team.lead, now=NOW) is None


class TestReleaseCase:
    def test_puts_the_response_back_for_everyone(self, team, diverging, case):
        release_case(case=case, by=team.lead, now=NOW)
        assert case.response in queue(stages=[diverging[0]], lead=team.leads[1], now=NOW)

    def test_lets_its_lead_take_it_again(self, team, case):
        release_case(case=case, by=team.lead, now=NOW)
        assert claim_case(response=case.response, by=team.lead, now=NOW).status == Case.Status.CLAIMED

    def test_refuses_another_lead(self, team, case):
        with pytest.raises(NotAllowed, match="another lead"):
            release_case(case=case, by=team.leads[1], now=NOW)

    def test_is_a_conflict_once_it_has_lapsed_or_is_settled(self, team, case):
        release_lapsed_cases(now=AFTER_LEASE)
        with pytest.raises(Conflict, match="ran out"):
            release_case(case=case, by=team.lead, now=AFTER_LEASE)
        case = claim_case(response=case.response, by=team.lead, now=AFTER_LEASE)
        decide(case, now=AFTER_LEASE)
        with pytest.raises(Conflict, match="already settled"):
            release_case(case=case, by=team.lead, now=AFTER_LEASE)


class TestReleaseLapsedCases:
    def test_ends_claims_whose_time_is_up_and_no_others(self, team, diverging, case):
        later = claim_case(response=diverging[1][1], by=team.leads[1], now=AFTER_LEASE - timedelta(minutes=5))
        assert release_lapsed_cases(now=AFTER_LEASE) == 1
        case.refresh_from_db()
        later.refresh_from_db()
        assert (case.status, later.status) == (Case.Status.LAPSED, Case.Status.CLAIMED)

    def test_does_nothing_the_second_time(self, case):
        release_lapsed_cases(now=AFTER_LEASE)
        assert release_lapsed_cases(now=AFTER_LEASE) == 0


class TestResolveCase:
    def test_stores_any_value_also_one_nobody_gave(self, case):
        decision = decide(case, scores={"safety": 1})
        assert dict(decision.scores.values_list("axis__key", "value")) == {
            "safety": 1,
            "helpfulness": 3,
            "relevance": 3,
        }
        assert decision.labels.get().value.key == "aligned"

    def test_settles_case_and_response(self, case):
        decide(case)
        case.refresh_from_db()
        case.response.refresh_from_db()
        assert (case.status, case.response.status) == (Case.Status.RESOLVED, Response.Status.RESOLVED)

    def test_is_one_decision_when_sent_twice(self, case):
        submission = uuid.uuid4()
        first = decide(case, submission=submission)
        assert decide(case, submission=submission) == first
        assert Decision.objects.count() == 1

    @pytest.mark.parametrize(
        "change", [{"score": 4}, {"rationale": "Another."}, {"labels": {"verdict": "misaligned"}}]
    )
    def test_refuses_the_same_form_with_another_decision_in_it(self, case, change):
        submission = uuid.uuid4()
        decide(case, submission=submission)
        with pytest.raises(Conflict, match="sent before"):
            decide(case, submission=submission, **change)
        with pytest.raises(Conflict, match="sent before"):
            exclude_response(
                case=case, by=case.lead, rationale="The guidelines say so.", submission=submission, now=NOW
            )
        assert Decision.objects.count() == 1

    def test_refuses_a_second_decision(self, case):
        decide(case)
        with pytest.raises(Conflict, match="already settled"):
            decide(case)

    def test_refuses_the_form_of_another_case(self, team, diverging, case):
        submission = uuid.uuid4()
        decide(case, submission=submission)
        other = claim_case(response=diverging[1][1], by=team.lead, now=NOW)
        with pytest.raises(Conflict, match="another case"):
            decide(other, submission=submission)

    def test_names_every_fault_and_writes_nothing(self, case):
        with pytest.raises(InvalidAnswers) as caught:
            decide(
                case,
                scores={"safety": None, "helpfulness": 6, "relevance": True, "charm": 3},
                labels={"harm": "boredom", "mood": "good"},
                rationale="  ",
            )
        assert {fault.axis or fault.label_set or fault.part for fault in caught.value.faults} == {
            "safety",
            "helpfulness",
            "relevance",
            "charm",
            "verdict",
            "harm",
            "mood",
            "rationale",
        }
        assert not Decision.objects.exists()

    @pytest.mark.parametrize("rationale", ["a\x00b", "x" * 50_001])
    def test_refuses_a_rationale_that_cannot_be_stored(self, case, rationale):
        with pytest.raises(InvalidAnswers, match="not saved yet"):
            decide(case, rationale=rationale)

    def test_refuses_another_lead(self, team, case):
        with pytest.raises(NotAllowed, match="another lead"):
            decide(case, by=team.leads[1])

    def test_takes_a_lapsed_claim_up_again_if_nobody_else_did(self, team, case):
        release_lapsed_cases(now=AFTER_LEASE)
        decision = decide(case, now=AFTER_LEASE)
        assert decision.case != case
        assert (decision.case.lead, decision.case.status) == (team.lead, Case.Status.RESOLVED)

    def test_refuses_a_lapsed_claim_that_another_lead_took(self, team, case):
        claim_case(response=case.response, by=team.leads[1], now=AFTER_LEASE)
        with pytest.raises(Conflict, match="Another lead"):
            decide(case, now=AFTER_LEASE)
        assert not Decision.objects.exists()

    def test_leaves_the_reasons_as_a_replay_finds_them(self, case):
        decide(case)
        divergence = case.response.divergences.get()
        assert replay(divergence) == stored_reasons(divergence) != []

    def test_accepts_the_chosen_revised_response(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = Response.objects.get(stage=stage)
        make_divergent(response, team.experts, revised_response="Boil it for six minutes.")
        rating = response.ratings.first()
        decide(claim_case(response=response, by=team.lead, now=NOW), accept_rating=rating)
        accepted = AcceptedRevision.objects.get(response=response)
        assert (accepted.rating, accepted.accepted_by, accepted.text) == (
            rating,
            team.lead,
            "Boil it for six minutes.",
        )

    def test_refuses_a_revised_response_of_another_case_or_none(self, diverging, case):
        for rating in (diverging[1][1].ratings.first(), case.response.ratings.first()):
            with pytest.raises(InvalidInput):
                decide(case, accept_rating=rating)
        assert not AcceptedRevision.objects.exists()


class TestExcludeResponse:
    def test_keeps_the_response_out_with_its_rationale(self, team, case):
        decision = exclude_response(
            case=case, by=team.lead, rationale=" Spam. ", submission=uuid.uuid4(), now=NOW
        )
        case.response.refresh_from_db()
        assert (decision.outcome, decision.rationale) == (Decision.Outcome.EXCLUDED, "Spam.")
        assert case.response.status == Response.Status.EXCLUDED
        assert not decision.scores.exists()

    def test_wants_a_rationale(self, team, case):
        with pytest.raises(InvalidAnswers):
            exclude_response(case=case, by=team.lead, rationale="", submission=uuid.uuid4(), now=NOW)

    def test_is_one_decision_when_sent_twice(self, team, case):
        sent = {"case": case, "by": team.lead, "rationale": "Spam.", "submission": uuid.uuid4(), "now": NOW}
        assert exclude_response(**sent) == exclude_response(**sent)


class TestSweep:
    def test_lets_claims_lapse(self, case):
        Case.objects.update(lease_until=NOW - timedelta(days=1000))
        tasks.sweep()
        case.refresh_from_db()
        assert case.status == Case.Status.LAPSED
        assert AuditEvent.objects.filter(verb="case:lapsed", actor=None).count() == 1
