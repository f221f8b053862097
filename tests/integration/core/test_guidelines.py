import pytest
from django.urls import reverse

from annotation.assignment import next_assignment
from annotation.models import Rating
from core.errors import InvalidInput
from core.guidelines import Overtaken, current, write_guidelines
from core.models import AuditEvent
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import NOW, make_project
from tests.interleaving import on_row_locks, outcome_after

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project()


def write(team, text, **more):
    return write_guidelines(project=team.project, text=text, by=team.admin, now=NOW, **more)


class TestWriteGuidelines:
    def test_adds_a_version_and_keeps_the_former(self, team):
        write(team, "Be kind.")
        write(team, "Be kind, and brief.")
        assert current(team.project).text == "Be kind, and brief."
        texts = [version.text for version in team.project.guideline_versions.all()]
        assert texts == ["", "Be kind.", "Be kind, and brief."]
        event = AuditEvent.objects.filter(verb="project:guidelines").last()
        assert (event.actor, event.params) == (team.admin, {"version": 3})

    def test_makes_no_version_of_what_has_not_changed(self, team):
        assert write(team, "Be kind.").version == write(team, "Be kind.").version == 2

    def test_shows_both_texts_to_who_comes_second(self, team):
        write(team, "Be kind.", expected_version=1)
        with pytest.raises(Overtaken, match="version 2") as refused:
            write(team, "Be brief.", expected_version=1)
        assert refused.value.newest.text == "Be kind."
        # Whoever has seen it may go on, and what both wrote alike is no conflict.
        assert write(team, "Be kind.", expected_version=1).version == 2
        assert write(team, "Be kind and brief.", expected_version=2).version == 3

    def test_refuses_what_is_too_long_for_a_page_and_keeps_the_former(self, team):
        with pytest.raises(InvalidInput, match="Keep this under 50,000 characters"):
            write(team, "x" * 50_001)
        assert current(team.project).version == 1


class TestTwoEditorsAtOnce:
    pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]

    def test_write_one_version_and_one_is_told(self, aside):
        team = make_project()
        refused = outcome_after(
            aside,
            lambda: write(team, "Be kind.", expected_version=1),
            lambda: write(team, "Be brief.", expected_version=1),
        )
        assert isinstance(refused, Overtaken)
        assert team.project.guideline_versions.count() == 2


class TestARating:
    def test_points_at_the_version_that_its_expert_had_before_them(self, team, client):
        make_rating_stage(team.project)
        expert = team.experts[0]
        client.force_login(expert)
        rate_url = reverse("annotation:rate", args=[team.project.slug])
        page = client.get(rate_url)
        write(team, "Be kind.")
        form = dict.fromkeys(("score-safety", "score-helpfulness", "score-relevance"), "4")
        form |= {"label-verdict": "aligned", "submission": page.context["form"].submission, "guidelines": "1"}
        url = reverse("annotation:submit", args=[team.project.slug, page.context["slot"].pk])
        answer = client.post(url, form, headers={"HX-Request": "true"})
        assert Rating.objects.get().guidelines.version == 1
        # The next one comes with the new text, and says so.
        said = answer.content.decode()
        assert "The guidelines have changed" in said and "Be kind." in said
        assert 'name="guidelines" value="2"' in said

    @pytest.mark.parametrize("said", [None, 0, 99])
    def test_points_at_the_newest_where_nothing_true_is_said(self, team, said):
        stage = make_rating_stage(team.project)
        write(team, "Be kind.")
        slot = next_assignment(stage=stage, expert=team.experts[0], now=NOW)
        assert rate(slot.response, team.experts[0], guidelines=said).guidelines.version == 2


class TestPages:
    def test_show_each_version(self, team, client):
        write(team, "Be kind.")
        write(team, "Be brief.")
        client.force_login(team.experts[0])
        newest = client.get(reverse("annotation:guidelines", args=[team.project.slug])).content.decode()
        former = client.get(
            reverse("annotation:guidelines-version", args=[team.project.slug, 2])
        ).content.decode()
        assert "Be brief." in newest and "A former version" not in newest
        assert "Be kind." in former and "A former version" in former

    def test_lose_neither_text_of_two_editors(self, team, client):
        client.force_login(team.admin)
        url = reverse("setup-guidelines", args=[team.project.slug])
        client.post(url, {"guidelines": "Be kind.", "version": "1"})
        answer = client.post(url, {"guidelines": "Be brief.", "version": "1"})
        page = answer.content.decode()
        assert answer.status_code == 409
        assert "Be kind." in page and "Be brief." in page and 'name="version" value="2"' in page
        assert current(team.project).version == 1
        team.project.refresh_from_db()
        assert current(team.project).text == "Be kind."
        client.post(url, {"guidelines": "Be kind and brief.", "version": "2"})
        team.project.refresh_from_db()
        assert current(team.project).text == "Be kind and brief."
