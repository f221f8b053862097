"""Conversations on the pages that show prompts: who says what, in order, the question last and open."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from arbitration.cases import claim_case
from tests.factories.annotation import make_conversation, make_rating_stage, rate
from tests.factories.core import NOW, make_project
from tests.factories.training import make_trainable_stage
from training.dataset import freeze_training_set

pytestmark = pytest.mark.django_db

LONG = [
    ("user", "How?"),
    ("assistant", "So."),
    ("user", "And then?"),
    ("assistant", "So too."),
    ("user", "Why?"),
]


@pytest.fixture
def team():
    return make_project(experts=4)


@pytest.fixture
def talk(team):
    return make_conversation(team.project)


def page(client, user, name, *args):
    client.force_login(user)
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def turns(html):
    """Who says what, as a reader meets it."""
    found = re.findall(
        r'<p class="turn__who">(\w+).*?</p><div class="prose[^"]*"[^>]*>(.*?)</div>', html, re.S
    )
    return [(who, re.sub(r"<[^>]+>", "", text).strip()) for who, text in found]


TURNS = [
    ("System", "Answer in one sentence."),
    ("User", "How do I boil an egg?"),
    ("Assistant", "For six minutes, in boiling water."),
    ("User", "And a goose egg?"),
]


class TestRatePage:
    def test_shows_the_turns_in_order_and_marks_the_system_message(self, client, team, talk):
        make_rating_stage(team.project)
        html = page(client, team.experts[0], "annotation:rate", team.project.slug)
        assert turns(html) == TURNS
        assert "told to the model beforehand" in html
        assert '<details class="turns" open>' in html and 'data-key="h"' in html

    def test_begins_with_a_long_history_folded(self, client, team):
        make_conversation(team.project, LONG + [("assistant", "x"), *LONG])
        make_rating_stage(team.project)
        html = page(client, team.experts[0], "annotation:rate", team.project.slug)
        assert '<details class="turns">' in html and "10 earlier messages" in html

    def test_shows_a_single_question_as_before_and_asks_nothing_more_for_it(self, client):
        plain, spoken = make_project(), make_project()
        make_conversation(spoken.project)
        counts = []
        for team in (plain, spoken):
            make_rating_stage(team.project, prompts=1)
            client.force_login(team.experts[0])
            address = reverse("annotation:rate", args=[team.project.slug])
            client.get(address)
            with CaptureQueriesContext(connection) as asked:
                html = client.get(address).content.decode()
            counts.append(len(asked))
            assert ("turn__who" in html) == (team is spoken)
        assert counts[1] == counts[0] + 1

    def test_shows_what_a_stranger_wrote_as_text(self, client, team):
        make_conversation(
            team.project, [("user", "<img src=x>"), ("assistant", "[x](javascript:a)"), ("user", "?")]
        )
        make_rating_stage(team.project)
        html = page(client, team.experts[0], "annotation:rate", team.project.slug)
        assert "<img src=x" not in html and 'href="javascript' not in html and "&lt;img src=x&gt;" in html


class TestOtherPages:
    def test_an_own_rating_shows_the_turns(self, client, team, talk):
        stage = make_rating_stage(team.project)
        rating = rate(stage.responses.get(), team.experts[0])
        assert (
            turns(page(client, team.experts[0], "annotation:my-rating", team.project.slug, rating.pk))
            == TURNS
        )

    def test_a_case_shows_the_turns(self, client, team, talk):
        stage = make_rating_stage(team.project)
        for number, expert in enumerate(team.experts[:3]):
            rate(stage.responses.get(), expert, scores={"safety": (1, 5, 1)[number]})
        case = claim_case(response=stage.responses.get(), by=team.lead, now=NOW)
        html = page(client, team.lead, "arbitration:case", team.project.slug, case.pk)
        assert turns(html) == TURNS and 'data-key="h"' in html

    def test_revisions_show_the_turns_without_a_statement_for_each(self, client):
        counts = []
        for size in (1, 3):
            team = make_project()
            for number in range(size):
                make_conversation(
                    team.project,
                    [("user", f"Hi {number}"), ("assistant", "So."), ("user", "?")],
                    name=f"t{number}",
                )
            stage = make_rating_stage(team.project)
            for response in stage.responses.all():
                for expert in team.experts:
                    rate(response, expert, score=2, revised_response=f"Better, says {expert}.")
            html = page(client, team.lead, "arbitration:revisions", team.project.slug)
            with CaptureQueriesContext(connection) as asked:
                page(client, team.lead, "arbitration:revisions", team.project.slug)
            assert len(turns(html)) == 3 * size
            counts.append(sum("annotation_promptmessage" in each["sql"] for each in asked))
        assert counts == [1, 1]

    def test_the_list_of_prompts_shows_the_turns_and_finds_words_of_them(self, client, team, talk):
        make_conversation(team.project, LONG, name="other")
        html = page(client, team.admin, "annotation:prompts", team.project.slug)
        assert turns(html)[: len(TURNS) - 1] == TURNS[:-1] and "after 3 messages" in html
        client.force_login(team.admin)
        found = client.get(reverse("annotation:prompts", args=[team.project.slug]), {"q": "boiling water"})
        assert [prompt.external_id for prompt in found.context["page_obj"]] == ["talk"]

    def test_a_training_set_shows_the_turns(self, client):
        team = make_project(leads=2)
        make_conversation(team.project)
        stage = make_trainable_stage(team, revised=0)
        frozen = freeze_training_set(stage=stage, by=team.admin, now=NOW)
        assert turns(page(client, team.admin, "training:training-set", team.project.slug, frozen.pk)) == TURNS
