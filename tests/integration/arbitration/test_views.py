"""The other pages of arbitration, and who may open which."""

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation.models import Response
from arbitration.cases import claim_case
from arbitration.models import AcceptedRevision, Case, FinalLabel, RejectedRevision
from core.access import page_at
from core.addresses import address_of
from core.models import Membership, Stage, User
from core.projects import add_member
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import decide, make_divergent_stage, settle
from tests.factories.core import NOW, make_project, make_user
from tests.integration.arbitration.pages import BETTER, url

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # on PostgreSQL the access matrix asks every page


def pages(team, stage, case, rating):
    """Every address of the room: (method, url, roles that may enter)."""
    return [
        ("get", url("queue", team), {"lead"}),
        ("post", url("claim-next", team), {"lead"}),
        ("post", url("claim", team, case.response_id), {"lead"}),
        ("post", url("resolve", team, case.pk), {"lead"}),
        ("post", url("exclude", team, case.pk), {"lead"}),
        ("post", url("release", team, case.pk), {"lead"}),
        ("get", url("decisions", team), {"lead", "admin"}),
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
            assert (answer.status_code, answer.url) == (302, f"{reverse('login')}?next={page_at(address)}")

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


class TestLook:
    def test_shows_what_waits_before_anybody_takes_it(self, as_lead, team, diverging):
        page = as_lead.get(url("look", team, diverging[1][0].pk)).text
        assert "What the experts said" in page and "Take this case" in page and "Expert A" in page
        assert not Case.objects.exists()

    def test_is_not_for_who_took_part_nor_of_what_another_holds(self, client, as_lead, team, diverging, now):
        response = diverging[1][0]
        claim_case(response=response, by=team.leads[1], now=now)
        assert as_lead.get(url("look", team, response.pk)).status_code == 404


class TestQueuePage:
    def test_lists_what_waits_with_its_reasons(self, as_lead, team, diverging):
        page = as_lead.get(url("queue", team)).text
        for response in diverging[1]:
            assert response.prompt.text in page
        assert page.count("<bdi>Safety</bdi>: spread 3, allowed 1") == 2

    def test_filters(self, as_lead, team, diverging):
        assert diverging[1][0].prompt.text in as_lead.get(url("queue", team) + "?reason=spread").text
        assert diverging[1][0].prompt.text not in as_lead.get(url("queue", team) + "?reason=asked").text

    def test_finds_by_words_and_sorts(self, as_lead, team, diverging):
        one, other = diverging[1][:2]
        page = as_lead.get(url("queue", team) + f"?q={one.prompt.external_id.upper()}&order=newest").text
        assert one.prompt.text in page and other.prompt.text not in page
        assert "Nothing that waits is about this" in as_lead.get(url("queue", team) + "?q=nowhere").text

    @pytest.mark.parametrize("query", ["?reason=nonsense", "?page=99", "?page=x", "?order=x&q=%00"])
    def test_answers_whatever_is_asked(self, as_lead, team, diverging, query):
        assert as_lead.get(url("queue", team) + query).status_code == 200

    def test_says_when_no_rating_is_under_way(self, as_lead, team):
        assert "No rating is under way" in as_lead.get(url("queue", team)).text

    def test_tells_who_waits_when_a_case_has_come_and_takes_none(self, as_lead, team, diverging):
        assert "A case is waiting for you" in as_lead.get(url("arrived", team)).text
        assert not Case.objects.exists()
        Stage.objects.update(status=Stage.Status.LABELS_FINAL)
        assert as_lead.get(url("arrived", team)).status_code == 204
        assert url("arrived", team) in as_lead.get(url("queue", team)).text

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

    def test_accepts_what_the_lead_made_of_one(self, as_lead, team, response):
        rating = response.ratings.exclude(revised_response="").get()
        accept = url("accept-revision", team, rating.pk)
        form = {f"edited-{address_of(rating)}": "Boil it\r\nfor seven minutes."}
        assert as_lead.post(accept, {f"edited-{address_of(rating)}": "  "}).status_code == 422
        assert as_lead.post(accept, form).status_code == 302
        accepted = AcceptedRevision.objects.get()
        assert (accepted.text, accepted.edited) == ("Boil it\nfor seven minutes.", True)
        assert (accepted.rating, accepted.accepted_by) == (rating, team.lead)

    def test_rejects_one_and_lists_it_no_more(self, as_lead, team, response):
        rating = response.ratings.exclude(revised_response="").get()
        for _ in range(2):
            assert as_lead.post(url("reject-revision", team, rating.pk)).status_code == 302
        assert RejectedRevision.objects.get().rejected_by == team.lead
        assert "No revision to accept" in as_lead.get(url("revisions", team)).text
        as_lead.post(url("accept-revision", team, rating.pk))
        assert not RejectedRevision.objects.standing().exists()

    def test_offers_nobody_their_own(self, client, team, response):
        author = team.experts[0]
        add_member(
            project=team.project, user=author, role=Membership.Role.LEAD, by=team.admin, now=timezone.now()
        )
        client.force_login(author)
        assert "You wrote this one" in client.get(url("revisions", team)).text


class TestStagePanel:
    def test_lets_an_admin_call_in_a_case(self, client, team, diverging, case):
        client.force_login(team.admin)
        address = url("call-in", team, case.pk)
        assert address in client.get(url("stage-panel", team, 0)).text
        for _ in range(2):
            assert client.post(address).status_code == 302
        case.refresh_from_db()
        assert case.status == Case.Status.RELEASED
        assert claim_case(response=case.response, by=team.leads[1], now=NOW)
        client.force_login(team.lead)
        assert address not in client.get(url("stage-panel", team, 0)).text

    def test_is_one_fragment_named_after_its_root(self, as_lead, team, diverging, case):
        text = as_lead.get(url("stage-panel", team, 0)).text.strip()
        assert text.startswith('<section class="panel" id="arbitration-panel"')
        assert text.endswith("</section>")
        assert team.lead.username in text

    def test_offers_to_finalize_only_to_admins_and_says_what_is_open(self, client, team, diverging):
        address = url("finalize", team, 0)
        client.force_login(team.admin)
        before = client.get(url("stage-panel", team, 0)).text
        assert "2 responses wait for a lead." in before and "Finalize without what is open…" in before
        settle(diverging[0], team.lead)
        after = client.get(url("stage-panel", team, 0)).text
        assert address in after and "Finalize labels…" in after
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

    def test_sets_aside_what_is_open_with_a_reason(self, client, team, diverging, case):
        client.force_login(team.admin)
        address = url("finalize", team, 0)
        assert "Finalize without it" in client.get(address).text
        answer = client.post(address, {"set_aside_because": "  "})
        assert (answer.status_code, "Say in a sentence" in answer.text) == (422, True)
        answer = client.post(address)
        assert (answer.status_code, "Some work is still open" in answer.text) == (409, True)
        client.post(address, {"set_aside_because": "The deadline is <today>."}, follow=True)
        assert FinalLabel.objects.count() == 2
        panel = client.get(url("stage-panel", team, 0)).text
        assert "<dt>Set aside, without a label</dt><dd>2</dd>" in panel
        aside = client.get(
            reverse("annotation:responses", args=[team.project.slug, 0]), {"status": "set_aside"}
        ).text
        assert aside.count("The deadline is &lt;today&gt;.") == 2

    def test_says_where_it_rests_on_simulation(self, client, team, diverging):
        client.force_login(team.admin)
        assert 'class="simulated"' not in client.get(url("finalize", team, 0)).text
        User.objects.filter(pk=team.experts[0].pk).update(is_simulated=True)
        assert 'class="simulated"' in client.get(url("finalize", team, 0)).text

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
