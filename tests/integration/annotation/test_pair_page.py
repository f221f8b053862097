"""The Rate workplace with two responses side by side."""

import re
import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.models import PairDraft, PairSlot, Preference, Response
from annotation.pairs import sides_of
from core.addresses import address_of
from core.models import Stage
from tests.factories.annotation import make_prompts
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import make_comparison, pairs_of, prefer
from tests.factories.core import make_project
from tests.integration.annotation.pages import HTMX, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(experts=3)


@pytest.fixture
def models(team):
    make_prompts(team.project, count=4, splits=["held-out"])
    return [make_final_stage(team).model_version for _ in range(2)]


@pytest.fixture
def stage(team, models):
    return make_comparison(team, models, mode=Stage.Mode.PREFERRED)


@pytest.fixture
def expert(client, team, stage):
    client.force_login(team.experts[0])
    return team.experts[0]


def held(expert):
    return PairSlot.objects.get(expert=expert, status="leased", again=False)


def chosen(**changes):
    form = {f"choice-{axis}": "left" for axis in ("safety", "helpfulness", "relevance")}
    form |= {"submission": str(uuid.uuid4())} | changes
    return {name: value for name, value in form.items() if value is not None}


class TestThePage:
    def test_shows_both_answers_where_the_expert_is_to_see_them_and_nothing_of_their_models(
        self, client, team, stage, expert, models
    ):
        page = client.get(url("rate", team)).content.decode()
        slot = held(expert)
        left, right = (Response.objects.get(pk=pk) for pk in sides_of(slot.pair, stage, expert))
        assert page.index("Left answer") < page.index("Right answer")
        assert left.prompt.text in page
        text = re.sub(r"<[^>]+>", " ", page)
        assert not any(model.name in page for model in models) and str(stage) not in text
        # The address tells neither the pair nor its order.
        assert address_of(slot) in page and f"/{slot.pk}/" not in page
        assert page.count('data-arrow="ArrowDown"') == 3

    def test_saves_and_brings_the_next_pair_and_can_take_back_the_last(self, client, team, expert):
        client.get(url("rate", team))
        first = held(expert)
        answer = client.post(
            url("submit-preference", team, first.pk), chosen(comment="Shorter."), headers=HTMX
        )
        given = Preference.objects.get()
        assert (given.pair, given.comment) == (first.pair, "Shorter.")
        page = answer.content.decode()
        assert "Saved. Safety Left, Helpfulness Left, Relevance Left." in page
        assert address_of(held(expert)) in page and held(expert) != first
        back = client.post(url("take-back-preference", team, given.pk), headers=HTMX).content.decode()
        assert address_of(first) in back and "Shorter." in back and back.count(" checked") == 3
        again = chosen(seen=PairDraft.objects.get().version, **{"choice-safety": "equal"})
        client.post(url("submit-preference", team, first.pk), again)
        assert Preference.objects.current().get(pair=first.pair).supersedes == given

    def test_marks_what_is_missing_and_keeps_the_rest(self, client, team, expert):
        client.get(url("rate", team))
        slot = held(expert)
        answer = client.post(
            url("submit-preference", team, slot.pk), chosen(**{"choice-safety": None}), headers=HTMX
        )
        page = answer.content.decode()
        assert answer.status_code == 422 and "1 answer</span> to mend" in page
        assert page.count(" checked") == 2 and not Preference.objects.exists()

    def test_keeps_a_draft_and_tells_a_form_that_is_behind(self, client, team, expert):
        client.get(url("rate", team))
        slot, fetch = held(expert), {"X-Requested-With": "fetch"}
        kept = client.post(url("draft-preference", team, slot.pk), chosen(comment="Hm"), headers=fetch)
        assert kept.status_code == 204 and PairDraft.objects.get().fields["comment"] == "Hm"
        assert "Hm" in client.get(url("rate", team)).content.decode()
        behind = client.post(url("draft-preference", team, slot.pk), chosen(comment="Other"), headers=fetch)
        assert behind.status_code == 409
        told = client.post(url("submit-preference", team, slot.pk), chosen(comment="Other"), headers=HTMX)
        assert told.status_code == 422 and "Hm" in told.content.decode()

    def test_shows_what_was_saved_where_the_same_form_says_something_else(self, client, team, expert):
        client.get(url("rate", team))
        slot, form = held(expert), chosen()
        client.post(url("submit-preference", team, slot.pk), form, headers=HTMX)
        changed = form | {"choice-safety": "right"}
        told = client.post(url("submit-preference", team, slot.pk), changed, headers=HTMX).content.decode()
        assert "Not saved again" in told and "Right" in told and Preference.objects.count() == 1

    def test_passes_on_what_cannot_be_judged(self, client, team, expert):
        client.get(url("rate", team))
        slot = held(expert)
        address = url("decline-pair", team, slot.pk)
        assert client.get(address).status_code == 200
        assert client.post(address, {"reason": ""}, headers=HTMX).status_code == 422
        assert "Passed on" in client.post(address, {"reason": "Not mine."}, headers=HTMX).content.decode()
        assert held(expert).pair != slot.pair

    def test_says_when_nothing_is_left_and_when_something_comes_again(self, client, team, stage, expert):
        for pair in pairs_of(stage):
            prefer(pair, expert)
        assert "Nothing is left for you here" in client.get(url("rate", team)).content.decode()
        assert client.get(url("waiting", team)).status_code == 204

    def test_is_only_for_whom_the_pair_lies_before(self, client, team, expert):
        client.get(url("rate", team))
        slot = held(expert)
        client.force_login(team.experts[1])
        for name in ("submit-preference", "draft-preference", "decline-pair"):
            assert client.post(url(name, team, slot.pk), chosen()).status_code == 404, name


class TestWithRatings:
    def test_brings_both_kinds_until_nothing_is_left(self, client, team, models):
        stage = make_comparison(team, models, mode=Stage.Mode.BOTH, overall=True)
        expert = team.experts[0]
        client.force_login(expert)
        rating = {"score-safety": 4, "score-helpfulness": 4, "score-relevance": 4, "label-verdict": "aligned"}
        for done in range(12):
            page = client.get(url("rate", team)).content.decode()
            assert ("12" in page) and (f"<strong>{done}</strong> rated today" in page)
            assert client.get(url("rate", team)).content.decode().count('id="rating-form"') == 1
            mine = stage.assignments.filter(expert=expert, status="leased").first()
            if mine is not None:
                client.post(url("submit", team, mine.pk), rating | {"submission": str(uuid.uuid4())})
            else:
                form = {"choice-": "right", "submission": str(uuid.uuid4())}
                client.post(url("submit-preference", team, held(expert).pk), form)
        assert "Nothing is left for you here" in client.get(url("rate", team)).content.decode()
        assert (expert.ratings.filter(response__stage=stage).count(), expert.preferences.count()) == (8, 4)


class TestStatements:
    def test_are_as_many_whatever_is_open(self, client, team, expert):
        client.get(url("rate", team))
        with CaptureQueriesContext(connection) as looked:
            client.get(url("rate", team))
        slot = held(expert)
        with CaptureQueriesContext(connection) as submitted:
            client.post(url("submit-preference", team, slot.pk), chosen(), headers=HTMX)
        assert (len(looked), len(submitted)) == (8, 25)
