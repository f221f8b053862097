"""A case before its lead: what it shows, and every way it ends."""

import uuid
from datetime import timedelta

import pytest
from django.conf import settings

from annotation.models import Response
from arbitration.cases import claim_case, release_case
from arbitration.models import AcceptedRevision, Case, Decision, RejectedRevision
from core.addresses import address_of
from core.rubrics import PolicySpec
from tests.factories.annotation import make_rating_stage
from tests.factories.arbitration import decide, make_divergent, make_divergent_stage
from tests.factories.core import make_project
from tests.integration.arbitration.pages import BETTER, filled, url

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # on PostgreSQL the access matrix asks every page


class TestCasePage:
    def test_shows_everything_the_experts_said(self, team, as_lead, now):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(
            Response.objects.get(stage=stage), team.experts, comment="Risky advice.", revised_response=BETTER
        )
        case = claim_case(response=response, by=team.lead, now=now)
        page = as_lead.get(url("case", team, case.pk)).text
        assert "Safety: 2 to 5, spread 3, allowed 1" in page
        assert page.count("Risky advice.") == 3
        assert page.count("Accept this one") == 3
        assert "<ins>" in page

    def test_does_not_preselect_anything(self, as_lead, team, case):
        page = as_lead.get(url("case", team, case.pk)).text
        form = page[page.index('id="consensus"') :]
        checked = [line for line in form.split("<input") if " checked" in line.split(">")[0]]
        assert all('value=""' in line for line in checked if "radio" in line)

    def test_hides_who_rated_and_which_model_wrote_it(self, as_lead, team, case):
        page = as_lead.get(url("case", team, case.pk)).text
        for expert in team.experts:
            assert expert.username not in page
        assert all(f"Expert {letter}" in page for letter in "ABC")
        assert case.response.model_version.name not in page
        assert "Base" not in page

    def test_names_the_experts_where_the_policy_does_not_blind(self, client, now):
        team = make_project(policy=PolicySpec(blind_lead=False))
        _, divergent = make_divergent_stage(team)
        case = claim_case(response=divergent[0], by=team.lead, now=now)
        client.force_login(team.lead)
        page = client.get(url("case", team, case.pk)).text
        assert all(expert.username in page for expert in team.experts)

    def test_shows_text_of_models_and_experts_as_text(self, team, as_lead, now):
        stage = make_rating_stage(team.project, prompts=1)
        response = Response.objects.get(stage=stage)
        Response.objects.filter(pk=response.pk).update(
            text="<script>alert(1)</script> [x](javascript:alert(2))"
        )
        make_divergent(
            response, team.experts, comment="<img src=x onerror=alert(3)>", revised_response="<b>alert(4)</b>"
        )
        case = claim_case(response=response, by=team.lead, now=now)
        page = as_lead.get(url("case", team, case.pk)).text
        for live in ("<script>alert", 'href="javascript', "<img src=x", "<b>alert"):
            assert live not in page

    def test_says_when_the_claim_has_lapsed_and_offers_it_again(self, as_lead, team, case, now):
        release_case(case=case, by=team.lead, now=now)
        page = as_lead.get(url("case", team, case.pk)).text
        assert "Take it again" in page
        assert 'id="consensus"' not in page

    def test_shows_the_decision_afterwards(self, as_lead, team, case):
        decide(case, rationale="Because of the caveat.")
        page = as_lead.get(url("case", team, case.pk)).text
        assert "Because of the caveat." in page
        assert 'id="consensus"' not in page

    def test_says_when_ratings_are_simulated(self, as_lead, team, case):
        banner = 'class="simulated"'
        assert banner not in as_lead.get(url("case", team, case.pk)).text
        type(team.lead).objects.filter(pk=team.experts[0].pk).update(is_simulated=True)
        assert banner in as_lead.get(url("case", team, case.pk)).text


class TestPseudonyms:
    def test_stay_for_one_case_and_are_shuffled_between_cases(self, now):
        from arbitration.casefile import open_file

        team = make_project(experts=3)
        _, divergent = make_divergent_stage(team, divergent=12, agreed=0)
        orders = []
        for response in divergent:
            first, again = open_file(response), open_file(response)
            order = [opinion.rating.expert_id for opinion in first.opinions]
            assert order == [opinion.rating.expert_id for opinion in again.opinions]
            assert [opinion.who for opinion in first.opinions] == ["Expert A", "Expert B", "Expert C"]
            orders.append(tuple(order))
        assert len(set(orders)) > 1


class TestResolve:
    def test_sets_the_consensus_and_returns_to_the_queue(self, as_lead, team, case):
        answer = as_lead.post(url("resolve", team, case.pk), filled())
        assert answer.url == url("queue", team)
        decision = Decision.objects.get()
        assert {score.axis.key: score.value for score in decision.scores.all()}["safety"] == 3

    def test_goes_on_with_the_next_case(self, as_lead, team, case):
        answer = as_lead.post(url("resolve", team, case.pk), filled(then="next"))
        following = Case.objects.get(status=Case.Status.CLAIMED)
        assert answer.url == url("case", team, following.pk)

    def test_counts_once_when_sent_twice(self, as_lead, team, case):
        form = filled()
        for _ in range(2):
            answer = as_lead.post(url("resolve", team, case.pk), form, follow=True)
            assert "The consensus is set: Safety 3, Helpfulness 4, Relevance 4, Verdict" in answer.text
        assert Decision.objects.count() == 1

    def test_shows_what_was_decided_beside_what_was_sent_with_a_used_form(self, as_lead, team, case):
        form = filled(rationale="Two are right.")
        as_lead.post(url("resolve", team, case.pk), form, follow=True)
        changed = form | {"score-safety": "1", "rationale": "One is <right>."}
        answer = as_lead.post(url("resolve", team, case.pk), changed)
        assert answer.status_code == 409
        assert "sent before" in answer.text and "The consensus is set" not in answer.text
        assert "Two are right." in answer.text and "One is &lt;right&gt;." in answer.text
        assert "Take the next case" in answer.text

    def test_shows_what_was_sent_from_another_tab_after_the_decision(self, as_lead, team, case):
        as_lead.post(url("resolve", team, case.pk), filled(rationale="In one tab."))
        answer = as_lead.post(url("resolve", team, case.pk), filled(rationale="In another."))
        assert answer.status_code == 409
        assert "already settled" in answer.text and "In another." in answer.text

    def test_keeps_the_input_of_a_form_with_faults(self, as_lead, team, case):
        form = filled(rationale="Half a thought", **{"score-safety": ""})
        answer = as_lead.post(url("resolve", team, case.pk), form)
        assert answer.status_code == 422
        assert "Choose a score for Safety." in answer.text
        assert "Half a thought" in answer.text
        row = answer.text[answer.text.index('name="score-helpfulness"') :]
        assert 'value="4" checked' in row[: row.index("</fieldset>")]
        assert not Decision.objects.exists()

    @pytest.mark.parametrize(
        "changes",
        [
            {"score-safety": "6"},
            {"score-safety": "²"},
            {"score-safety": "3.5"},
            {"score-charm": "3"},
            {"label-verdict": "splendid"},
            {"label-verdict": ""},
            {"rationale": "   "},
            {"rationale": "a\x00b"},
            {"submission": "not-a-key"},
            {"submission": ""},
            {"revision": "999999"},
            {"revision": "x"},
        ],
    )
    def test_refuses_bad_input_in_words(self, as_lead, team, case, changes):
        answer = as_lead.post(url("resolve", team, case.pk), filled(**changes))
        assert answer.status_code == 422
        assert 'id="case-error"' in answer.text
        assert not Decision.objects.exists()

    def test_keeps_the_input_where_another_lead_took_over(self, as_lead, team, case, now):
        Case.objects.filter(pk=case.pk).update(lease_until=now - timedelta(minutes=1))
        claim_case(response=case.response, by=team.leads[1], now=now)
        answer = as_lead.post(url("resolve", team, case.pk), filled(rationale="My long reasoning"))
        assert answer.status_code == 409
        assert "Another lead has just taken this case" in answer.text
        assert "My long reasoning" in answer.text

    def test_still_counts_after_the_time_is_up_if_nobody_took_over(self, as_lead, team, case, now):
        Case.objects.filter(pk=case.pk).update(
            lease_until=now - timedelta(minutes=settings.CASE_LEASE_MINUTES)
        )
        assert as_lead.post(url("resolve", team, case.pk), filled()).status_code == 302
        assert Decision.objects.count() == 1

    def test_accepts_a_revised_response(self, as_lead, team, now):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(Response.objects.get(stage=stage), team.experts, revised_response=BETTER)
        case = claim_case(response=response, by=team.lead, now=now)
        rating = response.ratings.last()
        as_lead.post(url("resolve", team, case.pk), filled(revision=address_of(rating)))
        assert AcceptedRevision.objects.get().rating == rating
        assert "accepted" in as_lead.get(url("case", team, case.pk)).text

    def test_accepts_one_as_edited_and_rejects_another(self, as_lead, team, now):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(Response.objects.get(stage=stage), team.experts, revised_response=BETTER)
        case = claim_case(response=response, by=team.lead, now=now)
        one, other, _ = map(address_of, response.ratings.all())
        form = filled(revision=one, reject=[one], **{f"edited-{one}": "Seven minutes."})
        refused = as_lead.post(url("resolve", team, case.pk), form)
        assert "choose one of both" in refused.text
        assert "Seven minutes." in refused.text  # kept in the form
        form["reject"] = [other]
        for _ in range(2):
            assert as_lead.post(url("resolve", team, case.pk), form).status_code == 302
        accepted = AcceptedRevision.objects.get()
        assert (address_of(accepted.rating), accepted.text, accepted.edited) == (one, "Seven minutes.", True)
        assert [address_of(each.rating) for each in RejectedRevision.objects.all()] == [other]
        form[f"edited-{one}"] = "Eight minutes."
        assert as_lead.post(url("resolve", team, case.pk), form).status_code == 409
        page = as_lead.get(url("case", team, case.pk)).text
        assert "accepted, edited" in page and "rejected" in page


class TestExclude:
    def test_keeps_the_response_out(self, as_lead, team, case):
        form = {"rationale": "Spam.", "submission": str(uuid.uuid4()), "then": "queue"}
        assert as_lead.post(url("exclude", team, case.pk), form).status_code == 302
        case.response.refresh_from_db()
        assert case.response.status == Response.Status.EXCLUDED

    def test_wants_a_rationale_and_keeps_the_scores(self, as_lead, team, case):
        answer = as_lead.post(url("exclude", team, case.pk), filled(rationale=""))
        assert answer.status_code == 422
        assert 'value="4" checked' in answer.text


class TestRelease:
    def test_gives_the_case_back(self, as_lead, team, case):
        assert as_lead.post(url("release", team, case.pk)).url == url("queue", team)
        case.refresh_from_db()
        assert case.status == Case.Status.RELEASED

    def test_leads_on_where_the_case_lapsed_or_another_lead_settled_it(self, as_lead, team, case, now):
        Case.objects.filter(pk=case.pk).update(lease_until=now - timedelta(minutes=1))
        other = claim_case(response=case.response, by=team.leads[1], now=now)
        for settle in (lambda: None, lambda: decide(other)):
            settle()
            answer = as_lead.post(url("release", team, case.pk), filled(rationale="My long reasoning"))
            assert answer.status_code == 409
            assert "ran out" in answer.text
            assert "Take the next case" in answer.text
            assert "My long reasoning" in answer.text

    def test_leads_on_where_one_settled_it_oneself_in_another_tab(self, as_lead, team, case):
        decide(case)
        answer = as_lead.post(url("release", team, case.pk), filled())
        assert answer.status_code == 409
        assert "already settled" in answer.text
        assert "Take the next case" in answer.text
