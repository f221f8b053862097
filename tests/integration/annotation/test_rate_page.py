"""The Rate workplace: what it shows, and what becomes of the form."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation.assignment import next_assignment, release_lapsed
from annotation.models import Assignment, Draft, Involvement, Rating, Response
from core.models import Stage
from tests.factories.annotation import rate
from tests.integration.annotation.pages import HTMX, filled, held, url

pytestmark = pytest.mark.django_db


class TestRate:
    def test_shows_prompt_and_response_as_sanitized_markdown_and_the_whole_rubric(self, as_, team, stage):
        Response.objects.update(text="**Bold** <img src=x onerror=alert(1)> [x](javascript:alert(1))")
        page = as_(team.experts[0]).get(url("rate", team)).content.decode()
        assert "<strong>Bold</strong>" in page
        assert "<img src=x" not in page and 'href="javascript' not in page
        for axis in stage.policy.rubric.axes.all():
            assert axis.question in page
            for score, anchor in axis.anchors:
                assert anchor in page
                assert f'name="score-{axis.key}" value="{score}"' in page
        assert 'name="label-harm" value="privacy"' in page

    def test_says_that_a_response_was_cut_off(self, as_, team, stage):
        page = as_(team.experts[0]).get(url("rate", team)).content.decode()
        assert "cut off at the length limit" not in page
        stage.responses.update(finish_reason=Response.CUT_OFF)
        page = as_(team.experts[0]).get(url("rate", team)).content.decode()
        assert "cut off at the length limit" in page

    def test_shows_the_same_response_until_it_is_rated(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.get(url("rate", team))
        assert held(team, team.experts[0]) == slot

    def test_brings_the_draft_back(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.post(
            url("draft", team, slot.pk), {"comment": "half a th", "score-safety": "2", "seconds": "14"}
        )
        page = client.get(url("rate", team)).content.decode()
        assert "half a th" in page
        assert 'name="score-safety" value="2" checked' in page
        assert 'name="seconds" value="14"' in page

    def test_says_when_nothing_is_left_or_nothing_is_open(self, as_, team, stage):
        expert = team.experts[0]
        for response in Response.objects.all():
            rate(response, expert)
        assert "Nothing is left for you" in as_(expert).get(url("rate", team)).content.decode()
        Stage.objects.update(status=Stage.Status.LABELS_FINAL)
        assert "Nothing to rate at the moment" in as_(expert).get(url("rate", team)).content.decode()

    def test_tells_who_waits_when_something_has_come_and_leases_nothing(self, as_, team, stage):
        client = as_(team.experts[0])
        assert "A response is waiting for you" in client.get(url("waiting", team)).content.decode()
        assert not Assignment.objects.filter(status=Assignment.Status.LEASED).exists()
        while slot := next_assignment(stage=stage, expert=team.experts[0], now=timezone.now()):
            rate(slot.response, team.experts[0])
        assert client.get(url("waiting", team)).status_code == 204

    def test_is_a_fragment_for_htmx(self, as_, team, stage):
        page = as_(team.experts[0]).get(url("rate", team), headers=HTMX).content.decode()
        assert "<html" not in page
        assert page.strip().startswith('<div id="rate"')


class TestSubmit:
    def test_saves_and_brings_the_next_in_one_round_trip(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        first = held(team, team.experts[0])
        answer = client.post(url("submit", team, first.pk), filled(seconds="33"), headers=HTMX)
        assert answer.status_code == 200
        assert Rating.objects.get().seconds == 33
        second = held(team, team.experts[0])
        assert second.response_id != first.response_id
        assert reverse("annotation:submit", args=[team.project.slug, second.pk]) in answer.content.decode()
        assert "<strong>1</strong> rated today" in client.get(url("rate", team)).content.decode()

    def test_counts_on_from_the_progress_that_the_form_brings(self, as_, team, stage):
        client, today = as_(team.experts[0]), timezone.now().date()
        page = client.get(url("rate", team)).content.decode()
        assert f'name="progress" value="{today}/0/0/' in page
        slot = held(team, team.experts[0])
        brought = filled(progress=f"{today}/3/5/7")
        answer = client.post(url("submit", team, slot.pk), brought, headers=HTMX).content.decode()
        assert "<strong>4</strong> rated today" in answer
        assert f'name="progress" value="{today}/4/6/6"' in answer

    @pytest.mark.parametrize("brought", ["", "2020-01-01/3/5/7", "<b>", "9" * 40])
    def test_leaves_the_progress_out_where_the_form_brings_none_of_today(self, as_, team, stage, brought):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        answer = client.post(url("submit", team, slot.pk), filled(progress=brought), headers=HTMX)
        assert answer.status_code == 200 and "rated today" not in answer.content.decode()

    def test_redirects_a_plain_form(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        answer = client.post(url("submit", team, held(team, team.experts[0]).pk), filled())
        assert (answer.status_code, answer.headers["Location"]) == (302, url("rate", team))

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
    def test_keeps_everything_typed_when_something_is_missing(self, as_, team, stage, headers):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        form = filled(
            **{"score-relevance": None, "label-verdict": None, "comment": "My words", "asks_senior": "on"},
            revised_response="Say <this>",
        )
        answer = client.post(url("submit", team, slot.pk), form, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "Choose a score for Relevance." in page and "Choose an answer for Verdict." in page
        assert "My words" in page and "Say &lt;this&gt;" in page
        assert 'name="score-safety" value="4" checked' in page
        assert form["submission"] in page
        assert not Rating.objects.exists()

    @pytest.mark.parametrize("submission", ["", "no-uuid"])
    def test_gives_a_form_without_its_key_a_new_one(self, as_, team, stage, submission):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        answer = client.post(
            url("submit", team, held(team, team.experts[0]).pk), filled(submission=submission, comment="Kept")
        )
        assert answer.status_code == 422
        assert "Kept" in answer.content.decode()

    @pytest.mark.parametrize("value", ["9", "-1", "4.5", "x" * 500, "٣"])
    def test_refuses_scores_off_the_scale(self, as_, team, stage, value):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        answer = client.post(
            url("submit", team, held(team, team.experts[0]).pk), filled(**{"score-safety": value})
        )
        assert answer.status_code == 422

    def test_counts_the_same_form_sent_twice_once(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot, form = held(team, team.experts[0]), filled()
        for _ in range(2):
            assert client.post(url("submit", team, slot.pk), form, headers=HTMX).status_code == 200
        assert Rating.objects.count() == 1

    def test_goes_on_and_says_so_when_the_response_was_rated_in_another_tab(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.post(url("submit", team, slot.pk), filled())
        answer = client.post(url("submit", team, slot.pk), filled(), headers=HTMX)
        assert answer.status_code == 200
        assert "already rated" in answer.content.decode()
        assert Rating.objects.count() == 1

    @pytest.mark.parametrize("again", ["the same form", "another form"])
    def test_shows_what_is_saved_beside_what_was_not_taken_and_leads_on(self, as_, team, stage, again):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot, form = held(team, team.experts[0]), filled(comment="At first.")
        client.post(url("submit", team, slot.pk), form, headers=HTMX)
        changed = filled(comment="On <second> thought.", **{"score-safety": "1"})
        if again == "the same form":
            changed["submission"] = form["submission"]
        for headers, status in ((HTMX, 422), ({}, 409)):
            answer = client.post(url("submit", team, slot.pk), changed, headers=headers)
            page = answer.content.decode()
            assert answer.status_code == status
            assert "On &lt;second&gt; thought." in page and "At first." in page
            assert "Go on with the next response" in page and "Saved. " not in page
        assert Rating.objects.get().comment == "At first."

    def test_says_what_was_saved(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot, form = held(team, team.experts[0]), filled()
        for _ in range(2):
            answer = client.post(url("submit", team, slot.pk), form, headers=HTMX)
            assert "Saved. Safety 4, Helpfulness 5, Relevance 4, Verdict Aligned." in answer.content.decode()

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
    def test_asks_which_to_keep_where_another_tab_went_on(self, as_, team, stage, headers):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        client.post(url("draft", team, slot.pk), filled(comment="From the other tab."))
        form = filled(comment="From this tab.")
        answer = client.post(url("submit", team, slot.pk), form, headers=headers)
        page = answer.content.decode()
        assert answer.status_code == (422 if headers else 409)
        assert (
            "From the other tab." in page
            and "From this tab." in page
            and "go on with what you wrote there" in page
        )
        assert not Rating.objects.exists()
        chosen = form | {"seen": Draft.objects.get().version}
        assert f'name="seen" value="{chosen["seen"]}"' in page
        client.post(url("submit", team, slot.pk), chosen, headers=headers)
        assert Rating.objects.get().comment == "From this tab."

    def test_keeps_late_work_that_nobody_needs_any_more(self, as_, team, stage, now):
        expert, *others = team.experts
        slot = next_assignment(stage=stage, expert=expert, now=now - timedelta(hours=9))
        release_lapsed(now=now)
        for other in others:
            rate(slot.response, other)
        client = as_(expert)
        answer = client.post(url("submit", team, slot.pk), filled(comment="Long thought"), headers=HTMX)
        assert answer.status_code == 200
        assert "no longer open" in answer.content.decode()
        assert Draft.objects.get(expert=expert).fields["comment"] == "Long thought"
        assert "Long thought" in client.get(url("my-ratings", team)).content.decode()


class TestDraft:
    def test_answers_scripts_with_nothing_and_forms_with_the_page(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        path = url("draft", team, held(team, team.experts[0]).pk)
        answer = client.post(path, {"comment": "x"}, headers={"X-Requested-With": "fetch"})
        assert (answer.status_code, answer["Draft-Version"]) == (204, Draft.objects.get().version)
        assert client.post(path, {"comment": "y"}).status_code == 302
        assert Draft.objects.get().fields == {"comment": "y"}

    def test_keeps_known_fields_alone(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        client.post(
            url("draft", team, held(team, team.experts[0]).pk),
            {"comment": "x\x00", "evil": "1", "score-safety": "3", "submission": "s"},
        )
        assert Draft.objects.get().fields == {"comment": "x", "score-safety": "3"}

    def test_tells_scripts_and_plain_forms_of_a_later_one(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        path = url("draft", team, held(team, team.experts[0]).pk)
        client.post(path, filled(comment="There"))
        late = filled(comment="Here")
        answer = client.post(path, late, headers={"X-Requested-With": "fetch"})
        assert (answer.status_code, answer["Draft-Version"]) == (409, Draft.objects.get().version)
        page = client.post(path, late).content.decode()
        assert "There" in page and "Here" in page
        assert Draft.objects.get().fields["comment"] == "There"


class TestDecline:
    def test_asks_on_a_page_of_its_own_without_script(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        path = url("decline", team, slot.pk)
        assert "Why can you not judge it?" in client.get(path).content.decode()
        assert client.post(path, {"reason": " "}).status_code == 422
        assert client.post(path, {"reason": "Not my field."}).status_code == 302
        assert Involvement.objects.get().reason == "Not my field."

    def test_brings_the_next_response_to_htmx_and_asks_again_in_the_dialog(self, as_, team, stage):
        client = as_(team.experts[0])
        client.get(url("rate", team))
        slot = held(team, team.experts[0])
        again = client.post(url("decline", team, slot.pk), {"reason": ""}, headers=HTMX)
        assert (again.status_code, again.headers["HX-Retarget"]) == (422, "#decline")
        answer = client.post(url("decline", team, slot.pk), {"reason": "No."}, headers=HTMX)
        assert held(team, team.experts[0]).response_id != slot.response_id
        assert answer.content.decode().strip().startswith('<div id="rate"')
