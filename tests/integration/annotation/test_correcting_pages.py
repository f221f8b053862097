"""The pages on which an expert takes back and corrects what they said, and meets a lead's question."""

import pytest

from annotation.correcting import FINAL
from annotation.models import Rating, Response
from arbitration.cases import claim_case
from arbitration.labels import finalize_labels
from arbitration.reopening import return_case
from tests.factories.annotation import rate, rate_all
from tests.factories.arbitration import make_divergent
from tests.factories.core import NOW
from tests.integration.annotation.pages import HTMX, filled, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert(team):
    return team.experts[0]


@pytest.fixture
def response(stage):
    return Response.objects.filter(stage=stage).order_by("position").first()


class TestTakeBack:
    def test_is_offered_after_a_submit_and_brings_the_answers_again(self, as_, team, stage, expert):
        client = as_(expert)
        slot = client.get(url("rate", team)).context["slot"]
        after = client.post(url("submit", team, slot.pk), filled(comment="Too fast."), headers=HTMX)
        assert 'data-key="u"' not in client.get(url("my-ratings", team)).text
        assert 'data-key="u"' in client.get(url("rate", team)).text
        rating = Rating.objects.get()
        assert after.context["slot"].pk != slot.pk
        back = client.post(url("take-back", team, rating.pk), headers=HTMX)
        assert (back.context["slot"].pk, "Too fast." in back.text) == (slot.pk, True)
        assert client.get(url("rate", team)).context["slot"].pk == slot.pk
        assert not Rating.objects.current().exists()

    def test_too_late_says_so_and_leads_on(self, as_, team, stage, expert):
        rate_all(stage, team.experts[:3])
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        rating = Rating.objects.filter(expert=expert).first()
        answer = as_(expert).post(url("take-back", team, rating.pk), follow=True)
        assert FINAL in answer.text


class TestCorrect:
    def test_begins_with_what_was_said_and_replaces_it(self, as_, team, response, expert):
        rating, client = rate(response, expert, comment="Good."), as_(expert)
        assert url("correct", team, rating.pk) in client.get(url("my-rating", team, rating.pk)).text
        page = client.get(url("correct", team, rating.pk))
        assert "Good." in page.text
        answer = client.post(url("correct", team, rating.pk), filled(comment="Bad."), follow=True)
        new = Rating.objects.current().get()
        assert (new.comment, new.supersedes) == ("Bad.", rating)
        assert url("my-rating", team, rating.pk) in answer.text
        assert "superseded" in client.get(url("my-rating", team, rating.pk)).text
        assert client.get(url("my-ratings", team)).context["page_obj"].paginator.count == 1

    def test_comes_back_with_its_faults_and_every_word(self, as_, team, response, expert):
        rating = rate(response, expert)
        form = filled(comment="Half done.") | {"score-safety": "9"}
        answer = as_(expert).post(url("correct", team, rating.pk), form)
        assert (answer.status_code, "Half done." in answer.text) == (422, True)
        assert Rating.objects.current().get() == rating

    def test_of_what_was_corrected_elsewhere_leads_to_what_counts(self, as_, team, response, expert):
        rating, client = rate(response, expert), as_(expert)
        client.post(url("correct", team, rating.pk), filled())
        new = Rating.objects.current().get()
        late = client.post(url("correct", team, rating.pk), filled(comment="From another tab."))
        assert (late.status_code, "From another tab." in late.text) == (409, True)
        assert url("correct", team, new.pk) in late.text
        assert client.get(url("correct", team, rating.pk)).headers["Location"] == url(
            "my-rating", team, rating.pk
        )


class TestAReturnedResponse:
    def test_comes_with_the_question_and_the_former_answers(self, as_, team, response, expert):
        make_divergent(response, team.experts[:3], comment="As I said.")
        case = claim_case(response=response, by=team.lead, now=NOW)
        return_case(case=case, by=team.lead, question="Is <six> minutes safe?", now=NOW)
        page = as_(expert).get(url("rate", team))
        assert "A lead asks" in page.text and "Is &lt;six&gt; minutes safe?" in page.text
        assert "As I said." in page.text and team.lead.username not in page.text
        assert client_count(as_(expert), team) == 1
        left = as_(team.admin).get(url("left", team, response.stage.key)).text
        assert left.count("a lead asked") == 3


def client_count(client, team):
    return client.get(url("my-ratings", team)).context["page_obj"].paginator.count
