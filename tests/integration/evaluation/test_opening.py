import re

import pytest
from django.urls import reverse

from annotation.models import ChosenRater, PromptTag, Rating, Response
from core.errors import InvalidInput
from core.models import AuditEvent, ModelVersion, Stage
from evaluation.opening import Choice, chosen_prompts, open_chosen, preview
from evaluation.spreads import spreads_of
from tests.factories.annotation import make_rating_stage, rate_all
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import classes, held_out, make_labeled_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(experts=4)


@pytest.fixture
def versions(team):
    """Two of 12 held-out prompts each; of the second, the last two have no response."""
    stages = [make_labeled_stage(team.project, [4] * number) for number in (12, 10)]
    return [stage.model_version for stage in stages]


class TestChosenPrompts:
    def test_are_drawn_by_seed_and_more_of_them_add_to_fewer(self, team, versions):
        def draw(**fields):
            return chosen_prompts(team.project, Choice(versions, 3, **fields))

        assert len(draw()) == 12
        assert draw(number=3, seed=5) == draw(number=6, seed=5)[:3]
        assert draw(number=6, seed=5) != draw(number=6, seed=6)

    def test_are_those_with_the_tag(self, team, versions):
        tagged = held_out(team.project)[:2]
        PromptTag.objects.filter(prompt__in=tagged).delete()
        PromptTag.objects.bulk_create(PromptTag(prompt=prompt, name="legal") for prompt in tagged)
        assert set(chosen_prompts(team.project, Choice(versions, 3, tag="legal"))) == {
            each.pk for each in tagged
        }


class TestPreview:
    def test_counts_what_all_versions_answered_and_says_what_is_lacking(self, team, versions):
        found = preview(team.project, Choice(versions, ratings=2))
        assert (found.prompts, found.left_out, found.lacking) == (10, 2, [(versions[1], 2)])
        assert (len(found.responses), found.ratings, found.hours) == (20, 40, None)

    def test_tells_the_hours_by_the_experts_own_pace(self, team, versions):
        stage = make_rating_stage(team.project)
        rate_all(stage, team.experts[:3])
        Rating.objects.update(seconds=90)
        assert preview(team.project, Choice(versions, ratings=2)).hours == 1.0

    def test_draws_anchors_that_are_not_compared(self, team, versions):
        other = make_labeled_stage(team.project, [3] * 12)
        choice = Choice(versions, ratings=1, anchors=5, anchor_stage=other)
        found = preview(team.project, choice)
        assert {response.stage for response in Response.objects.filter(pk__in=found.anchors)} == {other}
        assert (len(found.anchors), found.ratings) == (5, 25)


class TestOpenChosen:
    def test_opens_the_comparison_and_records_how_it_was_chosen(self, team, versions):
        choice = Choice(versions, ratings=2, number=6, seed=3, raters=team.experts[:2])
        stage = open_chosen(project=team.project, choice=choice, by=team.admin, now=NOW)
        assert stage.ratings_per_response == 2
        assert set(ChosenRater.objects.values_list("expert", flat=True)) == {
            each.pk for each in team.experts[:2]
        }
        params = AuditEvent.objects.get(verb="responses:copy").params
        prompts = stage.responses.values("prompt").distinct().count()
        assert params == {
            "responses": 2 * prompts, "anchors": 0, "raters": 2, "seed": 3, "tag": "", "prompts": prompts,
        }  # fmt: skip

    def test_refuses_one_version_and_what_nobody_answered(self, team, versions):
        silent = ModelVersion.objects.create(project=team.project, name="silent", created_at=NOW)
        for chosen, what in ((versions[:1], "at least two"), ([versions[0], silent], "No held-out prompt")):
            with pytest.raises(InvalidInput, match=what):
                open_chosen(project=team.project, choice=Choice(chosen, 3), by=team.admin, now=NOW)


class TestSpreads:
    def test_are_guesses_before_two_versions_were_rated(self, team):
        spreads, source = spreads_of(team.project)
        assert {each.is_known for each in spreads} == {False}
        assert "guesses" in source

    def test_come_from_the_newest_turns_or_else_the_newest_comparison(self, team):
        for aligned, misaligned in ((50, 30), (70, 10)):
            make_labeled_stage(team.project, classes(aligned, misaligned))
        spreads, source = spreads_of(team.project)
        by_name = {each.name: each for each in spreads}
        assert by_name["Misaligned"].spread == pytest.approx(0.2)
        assert 0.5 < by_name["Safety"].spread < 1.5
        assert source.startswith("From Base and Stage 1")


class TestPages:
    @pytest.fixture
    def admin(self, client, team):
        client.force_login(team.admin)
        return client

    def at(self, team, name, *args):
        return reverse(f"evaluation:{name}", args=[team.project.slug, *args])

    def fields(self, versions, **more):
        return {
            "model_versions": [each.pk for each in versions],
            "mode": "rated",
            "seed": 0,
            "ratings": 2,
            "anchors": 0,
        } | more

    def test_preview_tells_what_a_choice_comes_to(self, admin, team, versions):
        page = admin.get(self.at(team, "compare-preview"), self.fields(versions)).content.decode()
        assert "2 prompts left out" in page
        assert re.search(r"40</dd>\s*<dt[^>]*>judgements", page)

    def test_opens_once_and_shows_why_not(self, admin, team, versions):
        url = self.at(team, "compare")
        assert "Choose two model versions" in admin.get(url).content.decode()
        one = admin.post(url, self.fields(versions[:1]))
        assert one.status_code == 422 and "Choose at least two" in one.content.decode()
        looked = admin.post(url, self.fields(versions, preview=1))
        assert (looked.status_code, Stage.objects.filter(kind="comparison").count()) == (200, 0)
        opened = admin.post(url, self.fields(versions))
        assert opened.url == reverse("stage-detail", args=[team.project.slug, "comparison-1"])
        again = admin.post(url, self.fields(versions))
        assert again.status_code == 409 and "still open" in again.content.decode()

    def test_asks_for_a_stage_of_anchors_and_experts_enough(self, admin, team, versions):
        answer = admin.post(self.at(team, "compare"), self.fields(versions, anchors=3))
        assert "Choose the stage" in answer.content.decode()
        raters = [team.experts[0].pk]
        answer = admin.post(self.at(team, "compare"), self.fields(versions, raters=raters))
        assert answer.status_code == 422 and "1 can rate" in answer.content.decode()

    def test_plan_reckons_prompts_and_ratings(self, admin, team, versions):
        page = admin.get(self.at(team, "plan"))
        assert page.status_code == 200 and "guess" in page.content.decode()
        asked = {"score": 0.1, "share": 5, "power": 90, "endpoints": 1, "versions": 3, "ratings": 5}
        size = admin.get(self.at(team, "plan"), asked).context["size"]
        assert all(each.ratings == 15 * each.planned.prompts for each in size.endpoints)
        assert admin.get(self.at(team, "plan"), {"score": "x"}).status_code == 422

    def test_panel_tells_versions_and_then_how_the_panel_rated(self, admin, team, versions):
        choice = Choice(versions, ratings=4)
        stage = open_chosen(project=team.project, choice=choice, by=team.admin, now=NOW)
        url = self.at(team, "comparison-panel", stage.key)
        page = admin.get(url).content.decode()
        assert all(str(version) in page for version in versions) and "labels are final" in page
        rate_all(stage, team.experts)
        stage.status = Stage.Status.LABELS_FINAL
        stage.save()
        assert "Nothing in it had been rated before" in admin.get(url).content.decode()
        assert admin.get(self.at(team, "comparison-panel", "0")).status_code == 404
