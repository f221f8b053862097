"""What an expert never learns from any page, fragment or error."""

import pytest

from annotation.models import Assignment, Prompt, Rating, Response
from core.models import Stage
from tests.factories.annotation import make_prompts, make_responses, make_stage, rate
from tests.factories.core import make_project, make_user
from tests.integration.annotation.pages import HTMX, filled, held, url

pytestmark = pytest.mark.django_db


class TestBlindness:
    """What an expert may not know: who else judged, how, how often, and what wrote the response."""

    SECRETS = (
        "SECRET-COMMENT",
        "SECRET-REVISION",
        "other.expert",
        "secret-model",
        "secret-tag",
        "SECRET-REFERENCE",
    )

    @pytest.fixture
    def secretive(self):
        team = make_project(experts=2)
        make_prompts(team.project, count=1)
        Prompt.objects.update(reference="SECRET-REFERENCE")
        Prompt.objects.get().tags.update(name="secret-tag")
        stage = make_stage(team.project, model_name="secret-model")
        make_responses(stage)
        from annotation.responses import open_rating

        open_rating(stage=stage, by=None, now=stage.created_at)
        other = make_user("other.expert")
        team.project.memberships.create(user=other, role="expert", created_at=stage.created_at)
        rate(
            Response.objects.get(),
            other,
            score=1,
            labels={"verdict": "misaligned"},
            comment="SECRET-COMMENT",
            revised_response="SECRET-REVISION",
        )
        return team

    def test_holds_on_every_page_fragment_and_error(self, client, secretive):
        expert = secretive.experts[0]
        client.force_login(expert)
        bodies = [client.get(url("rate", secretive)), client.get(url("rate", secretive), headers=HTMX)]
        slot = held(secretive, expert)
        others = Assignment.objects.get(expert__username="other.expert")
        bodies += [
            client.post(url("submit", secretive, slot.pk), {"submission": "x"}),
            client.post(url("submit", secretive, slot.pk), filled(**{"score-safety": "9"}), headers=HTMX),
            client.post(url("submit", secretive, others.pk), filled()),
            client.post(url("draft", secretive, others.pk), {"comment": "x"}),
            client.get(url("decline", secretive, others.pk)),
            client.get(url("decline", secretive, slot.pk)),
            client.get(url("my-ratings", secretive)),
            client.get(url("my-rating", secretive, Rating.objects.get().pk)),
            client.get(url("guidelines", secretive)),
            client.get(url("stage-panel", secretive, 0)),
            client.get(url("stage-agreement", secretive, 0)),
            client.get(url("prompts", secretive)),
            client.get(url("import-responses", secretive, 0)),
            client.post(url("submit", secretive, slot.pk), filled(), headers=HTMX),
            client.get(url("rate", secretive)),
        ]
        for answer in bodies:
            text = answer.content.decode() + str(answer.headers)
            leaked = [secret for secret in self.SECRETS if secret in text]
            assert leaked == [], answer.request["PATH_INFO"]
            assert "Base" not in text and "Stage 1" not in text

    def test_looks_the_same_whether_or_not_others_have_rated(self, client, secretive):
        one, two = secretive.experts
        stage = Stage.objects.get()
        client.force_login(one)
        with_other = client.get(url("rate", secretive)).content.decode()
        slot = held(secretive, one)
        from annotation.assignment import decline

        decline(assignment=slot, by=one, reason="x", now=stage.created_at)
        assert "of 3" not in with_other and "1 rating" not in with_other

    def test_others_slots_ratings_and_drafts_are_not_found(self, client, secretive):
        client.force_login(secretive.experts[0])
        other = Assignment.objects.get(expert__username="other.expert")
        free = Assignment.objects.filter(expert=None).first()
        for slot in (other, free):
            assert client.post(url("submit", secretive, slot.pk), filled()).status_code == 404
            assert client.post(url("draft", secretive, slot.pk), {}).status_code == 404
            assert client.get(url("decline", secretive, slot.pk)).status_code == 404
        assert client.get(url("my-rating", secretive, Rating.objects.get().pk)).status_code == 404

    def test_a_slot_is_not_found_through_another_project(self, client, secretive):
        expert = secretive.experts[0]
        elsewhere = make_project(experts=0)
        elsewhere.project.memberships.create(
            user=expert, role="expert", created_at=elsewhere.project.created_at
        )
        client.force_login(expert)
        client.get(url("rate", secretive))
        slot = held(secretive, expert)
        assert client.post(url("submit", elsewhere, slot.pk), filled()).status_code == 404
