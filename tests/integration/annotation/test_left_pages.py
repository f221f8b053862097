"""What is left of a stage, in the browser's words: who holds what, fewer ratings, set aside, found again."""

import pytest
from django.urls import reverse

from annotation.assignment import next_assignment
from annotation.drafts import save_draft
from annotation.models import Prompt, Response
from tests.factories.annotation import make_conversation, make_prompts, rate
from tests.factories.core import NOW

pytestmark = pytest.mark.django_db


def url(name, team, *args):
    return reverse(f"annotation:{name}", args=[team.project.slug, *args])


class TestLeft:
    def test_shows_who_holds_what_and_calls_it_in(self, as_, team, stage):
        expert = team.experts[0]
        slot = next_assignment(stage=stage, expert=expert, now=NOW)
        save_draft(response=slot.response, by=expert, fields={"comment": "half a"}, now=NOW)
        answer = as_(team.admin).get(url("left", team, 0))
        assert answer.context["workplace"] == "stages"
        assert expert.username in answer.text and url("call-in", team, slot.pk) in answer.text
        answer = as_(team.admin).post(url("call-in", team, slot.pk), follow=True)
        assert "What " + expert.username + " had written is kept" in answer.text
        assert "Nobody holds a response" in answer.text
        # Told on their desk until they say that they have read it.
        told = "An admin took back 1 response that you had open"
        page = as_(expert).get(url("rate", team)).text
        assert told in page
        assert "An admin took back what you had open" in as_(expert).get(url("my-ratings", team)).text
        as_(expert).post(url("called-in", team))
        assert told not in as_(expert).get(url("rate", team)).text

    def test_decides_and_tells_what_was_decided(self, as_, team, stage):
        for expert in team.experts[:2]:
            rate(stage.responses.first(), expert)
        client, address = as_(team.admin), url("left", team, 0)
        sent = {"way": "fewer", "ratings": "2", "at_least": "1", "reason": "Cleo is <ill>."}
        answer = client.post(address, sent | {"reason": ""})
        assert answer.status_code == 422 and "This field is required" in answer.text
        answer = client.post(address, sent | {"ratings": "3"})
        assert answer.status_code == 422 and "Choose from 1 to 2 ratings" in answer.text
        assert "Cleo is &lt;ill&gt;." in answer.text
        answer = client.post(address, sent, follow=True)
        assert "2 instead of 3 ratings count" in answer.text and "Cleo is &lt;ill&gt;." in answer.text
        assert stage.responses.filter(status=Response.Status.AGREED).count() == 1
        client.post(address, sent | {"way": "to_lead"})
        page = client.get(address).text
        assert "The lead decides what has 1 rating or more" in page


class TestResponses:
    def test_set_one_aside_and_find_it_again(self, as_, team, stage):
        response = stage.responses.first()
        client, page = as_(team.admin), url("response", team, response.pk)
        assert "Where it stands" in client.get(page).text
        assert client.post(url("set-aside", team, response.pk), {"reason": ""}).status_code == 422
        client.post(url("set-aside", team, response.pk), {"reason": "A phone number."})
        found = client.get(url("responses", team, 0), {"status": "set_aside"}).text
        assert "A phone number." in found and page in found
        assert "A phone number." in client.get(page).text
        client.post(url("bring-back", team, response.pk))
        response.refresh_from_db()
        assert response.status == Response.Status.AWAITING_RATINGS

    def test_count_fewer_ratings_of_one(self, as_, team, stage):
        response = stage.responses.first()
        for expert in team.experts[:2]:
            rate(response, expert)
        address = url("fewer-ratings", team, response.pk)
        answer = as_(team.admin).post(address, {"ratings": "3", "reason": "Why not."})
        assert answer.status_code == 422 and "Choose fewer ratings than 3" in answer.text
        as_(team.admin).post(address, {"ratings": "2", "reason": "Nobody else reads Thai."})
        response.refresh_from_db()
        assert response.status == Response.Status.AGREED

    def test_are_searched_by_the_id_of_their_prompt(self, as_, team, stage):
        page = as_(team.admin).get(url("responses", team, 0), {"q": "q1"}).text
        assert ">q1<" in page and ">q2<" not in page


class TestPrompts:
    def test_can_be_corrected_until_a_model_has_answered(self, as_, team):
        prompt = make_conversation(team.project)
        client, address = as_(team.admin), url("edit-prompt", team, prompt.pk)
        page = client.get(address).text
        assert "And a goose egg?" in page and "Answer in one sentence." in page
        sent = {
            "message_0": "Answer in two sentences.",
            "message_1": "How do I boil an egg?",
            "message_2": "For six minutes.\r\nIn boiling water.",
            "text": "And an ostrich egg?",
            "reference": "",
        }
        answer = client.post(address, sent | {"text": "   "})
        assert answer.status_code == 422
        client.post(address, sent)
        prompt = Prompt.objects.get(pk=prompt.pk)
        assert [each.text for each in prompt.conversation] == [
            "Answer in two sentences.",
            "How do I boil an egg?",
            "For six minutes.\nIn boiling water.",
            "And an ostrich egg?",
        ]
        event = prompt.project.audit_events.get(verb="prompt:correct")
        assert event.params["before"]["messages"][-1]["content"] == "And a goose egg?"

    def test_cannot_say_what_another_says(self, as_, team):
        one, other = make_prompts(team.project, count=2)
        sent = {"text": other.text, "reference": ""}
        answer = as_(team.admin).post(url("edit-prompt", team, one.pk), sent)
        assert answer.status_code == 409 and f"The prompt “{other.external_id}” says the same" in answer.text

    def test_stay_as_they_were_asked_once_answered(self, as_, team, stage):
        prompt = stage.responses.first().prompt
        assert (
            url("edit-prompt", team, prompt.pk)
            not in as_(team.admin).get(url("prompt", team, prompt.pk)).text
        )
        answer = as_(team.admin).post(
            url("edit-prompt", team, prompt.pk), {"text": "Other.", "reference": ""}
        )
        assert answer.status_code == 409 and "set it aside" in answer.text

    def test_are_set_aside_and_found_again(self, as_, team, stage):
        prompt, client = stage.responses.first().prompt, as_(team.admin)
        client.post(url("set-aside-prompt", team, prompt.pk), {"reason": "Nonsense."})
        assert stage.responses.get(prompt=prompt).status == Response.Status.SET_ASIDE
        page = client.get(url("prompts", team), {"aside": "on"}).text
        assert "Set aside (1)" in page and url("prompt", team, prompt.pk) in page
        assert page.count("/prompts/") < client.get(url("prompts", team)).text.count("/prompts/")
        assert "Nonsense." in client.get(url("prompt", team, prompt.pk)).text
        client.post(url("bring-back-prompt", team, prompt.pk))
        assert stage.responses.get(prompt=prompt).status == Response.Status.AWAITING_RATINGS
