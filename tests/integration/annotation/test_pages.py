"""The other pages of annotation, and who may open which."""

import io
from datetime import timedelta

import pytest

from annotation.models import Rating, Response
from core.models import Stage
from tests.factories.annotation import make_prompts, make_responses, make_stage, rate
from tests.factories.core import NOW, make_user
from tests.integration.annotation.pages import HTMX, url

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # on PostgreSQL the access matrix asks every page


class TestMyRatings:
    def test_lists_ones_own_and_pages(self, as_, team, stage):
        expert = team.experts[0]
        for response in Response.objects.all():
            rate(response, expert, comment="Mine")
            rate(response, team.experts[1], comment="Theirs")
        client = as_(expert)
        page = client.get(url("my-ratings", team))
        assert page.context["page_obj"].paginator.count == 4
        own = Rating.objects.filter(expert=expert).first()
        shown = client.get(url("my-rating", team, own.pk)).content.decode()
        assert "Mine" in shown and "Theirs" not in shown
        assert 'value="4" checked disabled' in shown


class TestPrompts:
    def test_are_searched_and_filtered(self, as_, team):
        make_prompts(team.project, count=8)
        client = as_(team.admin)
        everything = client.get(url("prompts", team)).content.decode()
        assert "q0" in everything and "q7" in everything
        found = client.get(url("prompts", team), {"q": "number 3:", "split": "held-out"})
        assert [prompt.external_id for prompt in found.context["page_obj"]] == ["q3"]
        assert client.get(url("prompts", team), {"split": "nonsense", "page": "x"}).status_code == 200

    def test_open_a_stage_for_imported_responses(self, as_, team):
        make_prompts(team.project, count=1)
        client = as_(team.admin)
        assert "Open a stage for imported responses" in client.get(url("prompts", team)).content.decode()
        assert client.post(url("open-import-stage", team)).status_code == 302
        file = io.BytesIO(b'{"prompt_id": "q0", "text": "Zero", "model": "theirs"}')
        file.name = "r.jsonl"
        shown = client.post(url("import-responses", team, 0), {"file": file})
        assert client.post(f"{shown.url}write/").status_code == 302
        assert Stage.objects.get().status == Stage.Status.RATING


class TestStagePanel:
    def test_counts_and_measures(self, as_, team, stage):
        first, second = stage.responses.all()[:2]
        for expert, score in zip(team.experts, (4, 4, 5), strict=False):
            rate(first, expert, score=score)
        for expert, score in zip(team.experts, (1, 3, 5), strict=False):
            rate(second, expert, score=score)
        client = as_(team.admin)
        answer = client.get(url("stage-panel", team, 0), headers=HTMX)
        page = answer.content.decode()
        assert '<section class="panel" id="annotation-panel"' in page
        assert "<strong>6</strong> of 12" in page
        assert [(each["label"], each["count"]) for each in answer.context["progress"].statuses] == [
            ("Awaiting ratings", 2),
            ("Agreed", 1),
            ("Divergent", 1),
        ]
        agreement = client.get(url("stage-agreement", team, 0), headers=HTMX).context["agreement"]
        assert agreement.responses == 2
        assert agreement.axes[0].apart == 0.5
        assert agreement.label_sets[0].alpha is None
        rows = {row.expert: row for row in answer.context["progress"].experts}
        assert [rows[expert].rated for expert in team.experts] == [2, 2, 2, 0]
        assert rows[team.experts[0]].last_rating_at is not None

    def test_tells_the_time_and_the_pace_of_each(self, as_, team, stage):
        first, second, third = stage.responses.all()[:3]
        for minutes, response in ((0, first), (10, second), (30, third)):
            rate(response, team.experts[0], seconds=90 + minutes, now=NOW + timedelta(minutes=minutes))
        answer = as_(team.admin).get(url("stage-panel", team, 0), headers=HTMX)
        mine, other = (
            next(row for row in answer.context["progress"].experts if row.expert == team.experts[place])
            for place in (0, 1)
        )
        assert (round(mine.seconds_each), mine.an_hour) == (103, 4)
        assert (other.seconds_each, other.an_hour) == (None, None)

    def test_shows_names_to_admins_alone(self, as_, team, stage):
        rate(stage.responses.first(), team.experts[0])
        assert team.experts[0].username in as_(team.admin).get(url("stage-panel", team, 0)).content.decode()
        assert (
            team.experts[0].username not in as_(team.lead).get(url("stage-panel", team, 0)).content.decode()
        )

    def test_says_that_ratings_are_simulated(self, as_, team, stage):
        rate(stage.responses.first(), team.experts[0])
        client = as_(team.lead)
        assert "simulated experts" not in client.get(url("stage-panel", team, 0)).content.decode()
        team.experts[0].is_simulated = True
        team.experts[0].save()
        assert "simulated experts" in client.get(url("stage-panel", team, 0)).content.decode()

    def test_opens_the_rating(self, as_, team):
        make_prompts(team.project, count=1)
        make_responses(make_stage(team.project, model_name="m"))
        client = as_(team.admin)
        assert "Open the rating" in client.get(url("stage-panel", team, 0)).content.decode()
        assert client.post(url("open-rating", team, 0)).status_code == 302
        assert Stage.objects.get().status == Stage.Status.RATING

    def test_knows_no_stage_that_does_not_exist(self, as_, team):
        assert as_(team.admin).get(url("stage-panel", team, 9)).status_code == 404


class TestRights:
    PAGES = {
        "rate": ("get", (), {"expert"}),
        "waiting": ("get", (), {"expert"}),
        "submit": ("post", (1,), {"expert"}),
        "draft": ("post", (1,), {"expert"}),
        "decline": ("get", (1,), {"expert"}),
        "guidelines": ("get", (), {"expert", "lead", "admin"}),
        "guidelines-version": ("get", (1,), {"expert", "lead", "admin"}),
        "my-ratings": ("get", (), {"expert"}),
        "my-rating": ("get", (1,), {"expert"}),
        "take-back": ("post", (1,), {"expert"}),
        "correct": ("get", (1,), {"expert"}),
        "prompts": ("get", (), {"admin"}),
        "open-import-stage": ("post", (), {"admin"}),
        "called-in": ("post", (), {"expert"}),
        "prompt": ("get", (1,), {"admin"}),
        "edit-prompt": ("get", (1,), {"admin"}),
        "set-aside-prompt": ("post", (1,), {"admin"}),
        "bring-back-prompt": ("post", (1,), {"admin"}),
        "left": ("get", (0,), {"admin"}),
        "responses": ("get", (0,), {"admin"}),
        "response": ("get", (1,), {"admin"}),
        "set-aside": ("post", (1,), {"admin"}),
        "bring-back": ("post", (1,), {"admin"}),
        "fewer-ratings": ("post", (1,), {"admin"}),
        "call-in": ("post", (1,), {"admin"}),
        "stage-panel": ("get", (0,), {"lead", "admin"}),
        "stage-agreement": ("get", (0,), {"lead", "admin"}),
        "open-rating": ("post", (0,), {"admin"}),
        "submit-preference": ("post", (1,), {"expert"}),
        "draft-preference": ("post", (1,), {"expert"}),
        "decline-pair": ("get", (1,), {"expert"}),
        "take-back-preference": ("post", (1,), {"expert"}),
        "rubric-preview": ("post", (), {"admin"}),
    }

    def test_are_listed_for_every_address(self):
        from annotation.urls import urlpatterns

        assert {pattern.name for pattern in urlpatterns} == set(self.PAGES)

    @pytest.mark.parametrize("name", PAGES)
    @pytest.mark.parametrize("role", ["expert", "lead", "admin", "stranger", "nobody"])
    def test_hold_for_every_role(self, client, team, stage, name, role):
        method, args, allowed = self.PAGES[name]
        people = {"expert": team.experts[0], "lead": team.lead, "admin": team.admin, "stranger": make_user()}
        if role != "nobody":
            client.force_login(people[role])
        answer = getattr(client, method)(url(name, team, *args))
        if role == "nobody":
            assert answer.status_code == 302 and "/login/" in answer.headers["Location"]
        elif role == "stranger":
            assert answer.status_code == 404
        elif role not in allowed:
            assert answer.status_code == 403
        else:
            assert answer.status_code in {200, 302, 404, 409, 422}

    @pytest.mark.parametrize("name", [name for name, (method, _, _) in PAGES.items() if method == "post"])
    def test_writing_addresses_take_no_get(self, as_, team, stage, name):
        _, args, allowed = self.PAGES[name]
        user = team.experts[0] if "expert" in allowed else team.admin
        assert as_(user).get(url(name, team, *args)).status_code == 405
