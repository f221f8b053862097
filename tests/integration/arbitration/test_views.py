import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from annotation.models import Response
from arbitration.cases import claim_case, release_case
from arbitration.models import AcceptedRevision, Case, Decision, FinalLabel
from core.models import Membership, Stage
from core.projects import add_member
from core.rubrics import PolicySpec
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent, make_divergent_stage, settle
from tests.factories.core import make_project, make_user

pytestmark = pytest.mark.django_db
SCORES = {"score-safety": "3", "score-helpfulness": "4", "score-relevance": "4"}
BETTER = "Boil it for six minutes."


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def diverging(team):
    return make_divergent_stage(team)


@pytest.fixture
def case(team, diverging, now):
    return claim_case(response=diverging[1][0], by=team.lead, now=now)


@pytest.fixture
def as_lead(client, team):
    client.force_login(team.lead)
    return client


def url(name, team, *args):
    return reverse(f"arbitration:{name}", args=[team.project.slug, *args])


def filled(**changes):
    return {
        **SCORES,
        "label-verdict": "aligned",
        "rationale": "The guidelines say so.",
        "submission": str(uuid.uuid4()),
        "then": "queue",
    } | changes


def pages(team, stage, case, rating):
    """Every address of the room: (method, url, roles that may enter)."""
    return [
        ("get", url("queue", team), {"lead"}),
        ("post", url("claim-next", team), {"lead"}),
        ("post", url("claim", team, case.response_id), {"lead"}),
        ("get", url("case", team, case.pk), {"lead"}),
        ("post", url("resolve", team, case.pk), {"lead"}),
        ("post", url("exclude", team, case.pk), {"lead"}),
        ("post", url("release", team, case.pk), {"lead"}),
        ("get", url("decisions", team), {"lead"}),
        ("get", url("revisions", team), {"lead"}),
        ("post", url("accept-revision", team, rating.pk), {"lead"}),
        ("get", url("stage-panel", team, stage.number), {"lead", "admin"}),
        ("get", url("finalize", team, stage.number), {"admin"}),
        ("post", url("finalize", team, stage.number), {"admin"}),
    ]


class TestRights:
    def test_every_page_answers_as_its_rights_say(self, client, team, diverging, case):
        people = {"expert": team.experts[0], "lead": team.lead, "admin": team.admin, "stranger": make_user()}
        for role, person in people.items():
            client.force_login(person)
            for method, address, allowed in pages(team, diverging[0], case, case.response.ratings.first()):
                status = getattr(client, method)(address).status_code
                expected = 404 if role == "stranger" else 403
                assert (status not in (403, 404, 500)) if role in allowed else status == expected, (
                    role,
                    address,
                )

    def test_nobody_enters_without_signing_in(self, client, team, diverging, case):
        for method, address, _ in pages(team, diverging[0], case, case.response.ratings.first()):
            answer = getattr(client, method)(address)
            assert (answer.status_code, answer.url) == (302, f"{reverse('login')}?next={address}")

    def test_another_leads_case_is_not_found(self, client, team, case):
        client.force_login(team.leads[1])
        for name, method in (("case", "get"), ("resolve", "post"), ("exclude", "post"), ("release", "post")):
            assert getattr(client, method)(url(name, team, case.pk)).status_code == 404

    @pytest.mark.parametrize("name", ["case", "claim", "accept-revision", "stage-panel", "finalize"])
    def test_unknown_ids_are_not_found(self, client, team, diverging, name):
        for role in ("lead", "admin"):
            add_member(project=team.project, user=team.lead, role=role, by=team.admin, now=timezone.now())
        client.force_login(team.lead)
        method = "post" if name in ("claim", "accept-revision") else "get"
        assert getattr(client, method)(url(name, team, 999_999)).status_code == 404

    def test_ids_of_another_project_are_not_found(self, client, team, diverging, case):
        other = make_project()
        client.force_login(other.lead)
        rating = case.response.ratings.first()
        assert client.get(url("case", other, case.pk)).status_code == 404
        assert client.post(url("claim", other, case.response_id)).status_code == 404
        assert client.post(url("accept-revision", other, rating.pk)).status_code == 404


class TestQueuePage:
    def test_lists_what_waits_with_its_reasons(self, as_lead, team, diverging):
        page = as_lead.get(url("queue", team)).text
        for response in diverging[1]:
            assert response.prompt.text in page
        assert page.count("Safety 3 &gt; 1") == 2

    def test_filters(self, as_lead, team, diverging):
        assert diverging[1][0].prompt.text in as_lead.get(url("queue", team) + "?reason=spread").text
        assert diverging[1][0].prompt.text not in as_lead.get(url("queue", team) + "?reason=asked").text

    @pytest.mark.parametrize("query", ["?reason=nonsense", "?page=99", "?page=x"])
    def test_answers_whatever_is_asked(self, as_lead, team, diverging, query):
        assert as_lead.get(url("queue", team) + query).status_code == 200

    def test_says_when_no_rating_is_under_way(self, as_lead, team):
        assert "No rating is under way" in as_lead.get(url("queue", team)).text

    def test_shows_the_cases_one_holds(self, as_lead, team, case):
        assert url("case", team, case.pk) in as_lead.get(url("queue", team)).text

    def test_changes_nothing_on_get(self, as_lead, team, diverging):
        as_lead.get(url("queue", team))
        assert not Case.objects.exists()

    def test_asks_a_fixed_number_of_queries(self, as_lead, team, django_assert_max_num_queries):
        make_divergent_stage(team, divergent=12, agreed=0)
        as_lead.get(url("queue", team))
        with django_assert_max_num_queries(20):
            as_lead.get(url("queue", team))


class TestClaim:
    def test_opens_the_case(self, as_lead, team, diverging):
        answer = as_lead.post(url("claim", team, diverging[1][1].pk))
        assert answer.url == url("case", team, Case.objects.get().pk)

    def test_next_takes_the_first(self, as_lead, team, diverging):
        answer = as_lead.post(url("claim-next", team))
        assert answer.url == url("case", team, Case.objects.get().pk)

    def test_next_says_when_nothing_waits(self, as_lead, team):
        answer = as_lead.post(url("claim-next", team), follow=True)
        assert "Nothing is waiting for you" in answer.text

    def test_refuses_what_another_lead_holds(self, client, team, case):
        client.force_login(team.leads[1])
        answer = client.post(url("claim", team, case.response_id))
        assert answer.status_code == 409
        assert "Another lead has just taken this case" in answer.text


class TestCasePage:
    def test_shows_everything_the_experts_said(self, team, as_lead, now):
        stage = make_rating_stage(team.project, prompts=1)
        response = make_divergent(
            Response.objects.get(stage=stage), team.experts, comment="Risky advice.", revised_response=BETTER
        )
        case = claim_case(response=response, by=team.lead, now=now)
        page = as_lead.get(url("case", team, case.pk)).text
        assert "Safety: 2 to 5, spread 3 &gt; τ 1" in page
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
            assert as_lead.post(url("resolve", team, case.pk), form).status_code == 302
        assert Decision.objects.count() == 1

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
        as_lead.post(url("resolve", team, case.pk), filled(revision=str(rating.pk)))
        assert AcceptedRevision.objects.get().rating == rating
        assert "accepted" in as_lead.get(url("case", team, case.pk)).text


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


class TestDecisions:
    def test_lists_ones_own(self, client, team, case):
        decide(case, rationale="Because of the caveat.")
        client.force_login(team.lead)
        assert "Because of the caveat." in client.get(url("decisions", team)).text
        client.force_login(team.leads[1])
        assert "Because of the caveat." not in client.get(url("decisions", team)).text


class TestRevisions:
    @pytest.fixture
    def response(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        response = Response.objects.get(stage=stage)
        for expert in team.experts:
            rate(response, expert, score=3, revised_response=BETTER if expert == team.experts[0] else "")
        return response

    def test_lists_and_accepts(self, as_lead, team, response):
        assert "<ins>" in as_lead.get(url("revisions", team)).text
        rating = response.ratings.exclude(revised_response="").get()
        assert as_lead.post(url("accept-revision", team, rating.pk)).url == url("revisions", team)
        assert AcceptedRevision.objects.get().accepted_by == team.lead
        assert "No revision to accept" in as_lead.get(url("revisions", team)).text

    def test_offers_nobody_their_own(self, client, team, response):
        author = team.experts[0]
        add_member(
            project=team.project, user=author, role=Membership.Role.LEAD, by=team.admin, now=timezone.now()
        )
        client.force_login(author)
        assert "You wrote this one" in client.get(url("revisions", team)).text


class TestStagePanel:
    def test_is_one_fragment_named_after_its_root(self, as_lead, team, diverging, case):
        text = as_lead.get(url("stage-panel", team, 0)).text.strip()
        assert text.startswith('<section class="panel" id="arbitration-panel"')
        assert text.endswith("</section>")
        assert team.lead.username in text

    def test_offers_to_finalize_only_to_admins_and_only_when_nothing_is_open(self, client, team, diverging):
        address = url("finalize", team, 0)
        client.force_login(team.admin)
        before = client.get(url("stage-panel", team, 0)).text
        assert "2 responses wait for a lead." in before
        assert address not in before
        settle(diverging[0], team.lead)
        assert address in client.get(url("stage-panel", team, 0)).text
        client.force_login(team.lead)
        assert address not in client.get(url("stage-panel", team, 0)).text


class TestFinalize:
    def test_asks_before_it_freezes(self, client, team, diverging):
        settle(diverging[0], team.lead)
        client.force_login(team.admin)
        assert "This freezes, for good" in client.get(url("finalize", team, 0)).text
        assert not FinalLabel.objects.exists()
        assert client.post(url("finalize", team, 0)).url == reverse(
            "stage-detail", args=[team.project.slug, 0]
        )
        assert FinalLabel.objects.count() == 4
        assert Stage.objects.get().status == Stage.Status.LABELS_FINAL

    def test_says_what_is_open(self, client, team, diverging):
        client.force_login(team.admin)
        answer = client.post(url("finalize", team, 0))
        assert answer.status_code == 409
        assert "2 responses wait for a lead." in answer.text

    def test_refuses_a_second_time(self, client, team, diverging):
        settle(diverging[0], team.lead)
        client.force_login(team.admin)
        client.post(url("finalize", team, 0))
        answer = client.post(url("finalize", team, 0))
        assert answer.status_code == 409
        assert "already final" in answer.text
        assert FinalLabel.objects.count() == 4
