"""No decision is a dead end: corrected under the lead, reopened, returned with a question, one rating more, skipped."""

import uuid
from datetime import timedelta

import pytest

from annotation.answers import InvalidAnswers
from annotation.assignment import decline, next_assignment, release_lapsed
from annotation.correcting import correct_rating
from annotation.models import Assignment, Draft, Involvement, Rating, Response, Return
from annotation.rating import submit_rating
from annotation.returning import EVERYBODY
from arbitration.cases import OVERTAKEN, claim_case, claim_next_case, exclude_response, release_case
from arbitration.labels import finalize_labels
from arbitration.models import AcceptedRevision, Case, Decision
from arbitration.panel import survey
from arbitration.reopening import FINAL, NOT_STANDING, ask_one_more, reopen_decision, return_case
from core.errors import Conflict, NotAllowed
from core.models import AuditEvent, Membership
from core.projects import add_member
from tests.factories.annotation import rate
from tests.factories.arbitration import decide, required_labels
from tests.factories.core import NOW, make_user

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(days=8)
Status = Response.Status


def status(case):
    return Response.objects.get(pk=case.response_id).status


def answers(policy, safety=3):
    return {
        "scores": {axis.key: 3 for axis in policy.rubric.axes.all()} | {"safety": safety},
        "labels": required_labels(policy),
        "submission": uuid.uuid4(),
    }


def correct(case, expert, safety=3, **words):
    rating = Rating.objects.current().get(response=case.response, expert=expert)
    return correct_rating(rating=rating, by=expert, now=NOW, **answers(rating.policy, safety), **words)


def rate_next(case, expert, safety=3, now=NOW):
    slot = next_assignment(stage=case.response.stage, expert=expert, now=now)
    assert slot.response_id == case.response_id
    return submit_rating(assignment=slot, by=expert, now=now, **answers(case.response.stage.policy, safety))


class TestACorrectionOfWhatWasDecided:
    def test_reopens_the_decision_and_keeps_it(self, team, case):
        decision = decide(case)
        correct(case, team.experts[1], safety=3)
        assert status(case) == Status.DIVERGENT
        assert not Decision.objects.standing().exists()
        assert Decision.objects.get() == decision
        again = claim_case(response=case.response, by=team.lead, now=NOW)
        kinds = [reason.kind for reason in again.divergence.reasons.all()]
        assert kinds == ["corrected"]
        second = decide(again, score=4)
        assert list(Decision.objects.standing()) == [second]

    def test_goes_before_a_lead_also_where_the_experts_agree_by_now(self, team, case):
        exclude_response(case=case, by=team.lead, rationale="No.", submission=uuid.uuid4(), now=NOW)
        for expert in team.experts:
            correct(case, expert, safety=4)
        assert status(case) == Status.DIVERGENT

    def test_makes_the_next_decision_count_alone(self, team, diverging, case):
        stage, (_, other) = diverging
        decide(case, score=1)
        correct(case, team.experts[0], safety=4)
        decide(claim_case(response=case.response, by=team.lead, now=NOW), score=4)
        decide(claim_case(response=other, by=team.lead, now=NOW))
        assert (survey(stage).decided, survey(stage).claimed) == (2, [])
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        assert {score.value for score in case.response.final_label.scores.all()} == {4}


class TestACorrectionOfWhatALeadHasBeforeThem:
    def test_is_told_before_the_decision_counts(self, team, case):
        correct(case, team.experts[0], safety=1)
        with pytest.raises(Conflict, match=OVERTAKEN[:40]):
            decide(case)
        finding = case.response.divergences.current().get()
        decision = decide(case, finding=finding.pk)
        assert decision.case.divergence == finding
        assert status(case) == Status.RESOLVED
        assert Case.objects.get(pk=case.pk).status == Case.Status.LAPSED

    def test_may_leave_nothing_to_decide(self, team, case):
        for expert in team.experts:
            correct(case, expert, safety=3)
        assert status(case) == Status.AGREED
        with pytest.raises(Conflict, match="no longer waiting"):
            decide(case)
        assert claim_next_case(stages=[case.response.stage], by=team.lead, now=NOW).response != case.response


class TestReopenDecision:
    def test_by_its_lead_puts_it_into_the_queue_with_the_reason(self, team, case):
        decision = decide(case)
        reopen_decision(decision=decision, by=team.lead, reason="I mixed two cases up.", now=NOW)
        assert status(case) == Status.DIVERGENT
        again = claim_case(response=case.response, by=team.leads[1], now=NOW)
        reasons = {reason.kind: reason for reason in again.divergence.reasons.all()}
        assert reasons["reopened"].note == "I mixed two cases up."
        assert "spread" in reasons
        decide(again, score=5)
        assert [each.lead for each in Decision.objects.standing()] == [team.leads[1]]
        event = AuditEvent.objects.get(verb="decision:reopen")
        assert (event.target_id, event.detail) == (decision.pk, "I mixed two cases up.")

    def test_is_for_its_lead_and_for_admins(self, team, case):
        decision = decide(case)
        for person in (team.leads[1], team.experts[0]):
            with pytest.raises(NotAllowed):
                reopen_decision(decision=decision, by=person, reason="Why not.", now=NOW)
        reopen_decision(decision=decision, by=team.admin, reason="Against the guidelines.", now=NOW)
        with pytest.raises(Conflict, match=NOT_STANDING[:30]):
            reopen_decision(decision=decision, by=team.lead, reason="Me too.", now=NOW)

    def test_needs_a_reason_and_labels_that_are_not_final(self, team, diverging, case):
        decision = decide(case)
        with pytest.raises(InvalidAnswers):
            reopen_decision(decision=decision, by=team.lead, reason="  ", now=NOW)
        decide(claim_case(response=diverging[1][1], by=team.lead, now=NOW))
        finalize_labels(stage=diverging[0], by=team.admin, now=NOW)
        with pytest.raises(Conflict, match=FINAL):
            reopen_decision(decision=decision, by=team.lead, reason="Too late.", now=NOW)

    def test_lets_the_next_decision_accept_another_revised_response_or_none(self, team, diverging):
        response = diverging[1][1]
        Rating.objects.filter(response=response).update(revised_response="Six minutes.")
        one, other, _ = response.ratings.all()
        case = claim_case(response=response, by=team.lead, now=NOW)
        decision = decide(case, accept_rating=one)
        for accepted, standing in ((other, [other.pk]), (other, [other.pk]), (None, [])):
            reopen_decision(decision=decision, by=team.lead, reason="Again.", now=NOW)
            case = claim_case(response=response, by=team.lead, now=NOW)
            decision = decide(case, accept_rating=accepted)
            assert list(AcceptedRevision.objects.standing().values_list("rating", flat=True)) == standing
        assert AcceptedRevision.objects.count() == 3


class TestReturnCase:
    def test_lays_question_and_former_answers_before_each_expert(self, team, case):
        returned = return_case(case=case, by=team.lead, question="Is six minutes safe?", now=NOW)
        assert status(case) == Status.AWAITING_RATINGS
        assert Case.objects.get(pk=case.pk).status == Case.Status.RETURNED
        for expert in team.experts:
            draft = Draft.objects.get(expert=expert)
            assert draft.returned == returned and draft.fields["score-helpfulness"] == "4"
        first, second, third = [rate_next(case, expert) for expert in team.experts]
        assert first.supersedes.expert == first.expert
        assert status(case) == Status.AGREED
        assert Rating.objects.current().filter(response=case.response).count() == 3
        assert AuditEvent.objects.get(verb="response:return").detail == "Is six minutes safe?"

    def test_keeps_what_was_said_where_an_expert_does_not_answer(self, team, case):
        return_case(case=case, by=team.lead, question="Sure?", now=NOW)
        rate_next(case, team.experts[1], safety=5)
        assert release_lapsed(now=LATER) == 2
        assert status(case) == Status.DIVERGENT
        assert set(case.response.assignments.values_list("status", flat=True)) == {"submitted"}
        assert Rating.objects.current().filter(response=case.response).count() == 3
        again = claim_case(response=case.response, by=team.lead, now=LATER)
        assert again.divergence != case.divergence

    def test_may_end_in_an_expert_who_cannot_judge_it_after_all(self, team, case):
        return_case(case=case, by=team.lead, question="Sure?", now=NOW)
        slot = next_assignment(stage=case.response.stage, expert=team.experts[0], now=NOW)
        decline(assignment=slot, by=team.experts[0], reason="No longer.", now=NOW)
        part = Involvement.objects.get(response=case.response, user=team.experts[0])
        assert (part.part, part.reason) == (Involvement.Part.DECLINED, "No longer.")
        assert Rating.objects.current().filter(response=case.response).count() == 2
        for expert in team.experts[1:]:
            rate_next(case, expert, safety=4)
        assert status(case) == Status.DIVERGENT

    def test_needs_a_question_and_the_case(self, team, case):
        with pytest.raises(InvalidAnswers):
            return_case(case=case, by=team.lead, question=" ", now=NOW)
        with pytest.raises(NotAllowed):
            return_case(case=case, by=team.leads[1], question="Why?", now=NOW)
        decide(case)
        with pytest.raises(Conflict, match="already settled"):
            return_case(case=case, by=team.lead, question="Why?", now=NOW)
        assert not Return.objects.exists()

    def test_leaves_out_who_is_an_expert_no_more(self, team, case):
        Membership.objects.filter(user=team.experts[0], role=Membership.Role.EXPERT).delete()
        return_case(case=case, by=team.lead, question="Why?", now=NOW)
        assert Draft.objects.filter(response=case.response).count() == 2
        for expert in team.experts[1:]:
            rate_next(case, expert, safety=2)
        assert status(case) == Status.AGREED


class TestAskOneMore:
    def test_opens_one_slot_more_to_somebody_without_a_part_in_it(self, team, case):
        with pytest.raises(Conflict, match=EVERYBODY[:30]):
            ask_one_more(case=case, by=team.lead, now=NOW)
        fourth = make_user()
        add_member(project=team.project, user=fourth, role=Membership.Role.EXPERT, by=None, now=NOW)
        ask_one_more(case=case, by=team.lead, now=NOW)
        assert status(case) == Status.AWAITING_RATINGS
        rate_next(case, fourth)
        response = Response.objects.get(pk=case.response_id)
        assert (response.status, response.k) == (Status.DIVERGENT, 4)
        assert response.divergences.current().get().ratings.count() == 4

    def test_opens_a_slot_that_was_closed_because_too_few_could_judge(self, team):
        from tests.factories.annotation import make_rating_stage

        stage = make_rating_stage(team.project, prompts=1)
        response = Response.objects.get(stage=stage)
        for expert in team.experts[:2]:
            rate(response, expert)
        slot = next_assignment(stage=stage, expert=team.experts[2], now=NOW)
        decline(assignment=slot, by=team.experts[2], reason="No idea.", now=NOW)
        case = claim_case(response=response, by=team.lead, now=NOW)
        fourth = make_user()
        add_member(project=team.project, user=fourth, role=Membership.Role.EXPERT, by=None, now=NOW)
        ask_one_more(case=case, by=team.lead, now=NOW)
        assert Assignment.objects.filter(response=response).count() == 3
        rate_next(case, fourth)
        assert status(case) in (Status.AGREED, Status.DIVERGENT)
        assert Rating.objects.current().filter(response=response).count() == 3


class TestTakeTheNext:
    def test_gives_another_case_than_the_one_given_back(self, team, diverging, case):
        stage, (first, second) = diverging
        release_case(case=case, by=team.lead, now=NOW)
        nxt = claim_next_case(stages=[stage], by=team.lead, now=NOW)
        assert nxt.response == second
        release_case(case=nxt, by=team.lead, now=NOW + timedelta(minutes=1))
        # Nothing else is left: the one given back first.
        assert claim_next_case(stages=[stage], by=team.lead, now=NOW).response == first

    def test_gives_others_what_one_has_given_back(self, team, diverging, case):
        release_case(case=case, by=team.lead, now=NOW)
        assert claim_next_case(stages=[diverging[0]], by=team.leads[1], now=NOW).response == case.response
