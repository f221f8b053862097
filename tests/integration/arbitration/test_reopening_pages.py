"""The pages on which nothing is a dead end: what came before on a case, and every way on from it."""

import uuid

import pytest

from annotation.correcting import correct_rating
from annotation.models import Rating, Response
from arbitration.cases import claim_case
from arbitration.models import Case, Decision
from core.addresses import encipher
from tests.factories.arbitration import decide, required_labels
from tests.factories.core import NOW
from tests.integration.arbitration.pages import filled, url

pytestmark = pytest.mark.django_db


def correct(case, expert, safety):
    rating = Rating.objects.current().get(response=case.response, expert=expert)
    scores = {axis.key: 4 for axis in rating.policy.rubric.axes.all()} | {"safety": safety}
    return correct_rating(
        rating=rating,
        by=expert,
        scores=scores,
        labels=required_labels(rating.policy),
        submission=uuid.uuid4(),
        now=NOW,
    )


class TestACaseThatIsDecidedAgain:
    def test_shows_the_old_answers_the_new_ones_and_the_former_decision(self, as_lead, team, case):
        decide(case, rationale="Six minutes are enough.")
        correct(case, team.experts[1], safety=4)
        old = as_lead.get(url("case", team, case.pk)).text
        assert "reopened or overtaken" in old
        again = as_lead.post(url("claim", team, case.response_id), follow=True).text
        for told in ("A rating has changed since a lead decided", "5 → 4", "Six minutes are enough."):
            assert told in again

    def test_keeps_a_decision_that_was_written_under_other_answers_until_it_is_looked_at_again(
        self, as_lead, team, case
    ):
        correct(case, team.experts[0], safety=1)
        seen = encipher("divergence", case.divergence_id)
        late = as_lead.post(url("resolve", team, case.pk), filled(rationale="Mine.", finding=seen))
        assert (late.status_code, "has changed since" in late.text, "Mine." in late.text) == (409, True, True)
        seen = encipher("divergence", late.context["finding"].pk)
        as_lead.post(url("resolve", team, case.pk), filled(rationale="Mine.", finding=seen))
        assert Decision.objects.standing().get().rationale == "Mine."


class TestReopen:
    def test_asks_for_a_reason_and_puts_the_case_back(self, as_lead, team, case):
        decide(case)
        assert url("reopen", team, case.pk) in as_lead.get(url("case", team, case.pk)).text
        refused = as_lead.post(url("reopen", team, case.pk), {"reason": ""})
        assert (refused.status_code, "Say in a sentence" in refused.text) == (422, True)
        as_lead.post(url("reopen", team, case.pk), {"reason": "Two cases mixed up."})
        assert Response.objects.get(pk=case.response_id).status == Response.Status.DIVERGENT
        assert "overtaken" in as_lead.get(url("decisions", team)).text

    def test_is_open_to_admins_for_any_decision(self, client, team, case):
        decide(case, rationale="By the lead.")
        client.force_login(team.admin)
        assert "By the lead." in client.get(url("decisions", team)).text
        assert "By the lead." in client.get(url("case", team, case.pk)).text
        done = client.post(url("reopen", team, case.pk), {"reason": "No."}, follow=True)
        assert (done.status_code, "waits for a lead again" in done.text) == (200, True)


class TestReturn:
    def test_asks_for_the_question_then_gives_the_case_back(self, as_lead, team, case):
        refused = as_lead.post(url("return", team, case.pk), {"question": " "})
        assert (refused.status_code, "Write what you want to ask" in refused.text) == (422, True)
        as_lead.post(url("return", team, case.pk), {"question": "Sure?"})
        page = as_lead.get(url("case", team, case.pk)).text
        assert "You gave it back to the experts: it comes" in page and "Sure?" in page

    def test_says_where_nobody_is_left_to_ask(self, as_lead, team, case):
        refused = as_lead.post(url("one-more", team, case.pk))
        assert (refused.status_code, "has taken part in it already" in refused.text) == (409, True)
        assert Case.objects.get(pk=case.pk).status == Case.Status.CLAIMED


class TestSkip:
    def test_brings_another_case(self, as_lead, team, diverging, case):
        answer = as_lead.post(url("release", team, case.pk), {"then": "next"}, follow=True)
        assert answer.context["case"].response == diverging[1][1]


class TestWhatComesTooLate:
    def test_has_a_page_with_a_way_on(self, as_lead, team, case):
        Case.objects.update(lead=team.leads[1])
        late = as_lead.post(url("claim", team, case.response_id))
        assert (late.status_code, url("claim-next", team) in late.text) == (409, True)
        claim_case(response=case.response, by=team.leads[1], now=NOW)
