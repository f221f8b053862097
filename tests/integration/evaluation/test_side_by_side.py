"""The figures of preferences, from the rows."""

import pytest
from django.urls import reverse

from annotation.setting_aside import set_aside_response
from arbitration.labels import finalize_labels
from core.models import Stage
from evaluation.judge import Sight, Temper
from evaluation.side_by_side import side_by_side
from evaluation.simulated_preferences import prefer
from tests.factories.annotation import make_prompts
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import make_comparison, pairs_of, prefer_all
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    team = make_project(experts=3)
    make_prompts(team.project, count=4, splits=["held-out"])
    return team


def judged(team, versions, better, **fields):
    """A final comparison of so many versions; `better(pair, expert)` gives the response that is preferred."""
    models = [make_final_stage(team).model_version for _ in range(versions)]
    stage = make_comparison(team, models, mode=Stage.Mode.PREFERRED, **fields)
    prefer_all(stage, team.experts, better)
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    stage.refresh_from_db()
    return stage, models


def newer(pair):
    return max((pair.one, pair.other), key=lambda response: response.model_version_id)


class TestSideBySide:
    def test_gives_the_newer_version_s_wins_whatever_stood_left(self, team):
        first = team.experts[0]
        stage, models = judged(team, 2, lambda pair, expert: None if expert == first else newer(pair))
        found = side_by_side(stage)
        assert (found.prompts, found.preferences) == (4, 12)
        assert [each.axis for each in found.axes] == ["Safety", "Helpfulness", "Relevance"]
        duel = found.axes[0].duels[0]
        assert (duel.one, duel.other) == (models[1].name, models[0].name)
        assert (duel.won, duel.tied, duel.lost) == (8, 4, 0)
        assert duel.rate.value == pytest.approx(10 / 12)
        assert [tag for tag, _ in duel.tags] == ["eggs"]
        assert found.axes[0].strengths is None
        assert found.bias.share.n == 24

    def test_gives_strengths_of_three_versions_over_all(self, team):
        def better(pair, expert):
            # The oldest of the three wins once in three.
            return (
                newer(pair) if expert != team.experts[0] else min((pair.one, pair.other), key=lambda r: r.pk)
            )

        stage, models = judged(team, 3, better, overall=True)
        (found,) = side_by_side(stage).axes
        assert (found.axis, len(found.duels)) == (None, 3)
        values = [found.strengths[model.name].value for model in models]
        assert values == sorted(values)

    def test_leaves_out_what_is_set_aside_and_waits_for_the_end(self, team):
        models = [make_final_stage(team).model_version for _ in range(2)]
        stage = make_comparison(team, models, mode=Stage.Mode.PREFERRED)
        prefer_all(stage, team.experts)
        assert side_by_side(stage) is None
        set_aside_response(response=pairs_of(stage)[0].one, reason="No.", by=team.admin, now=NOW)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        stage.refresh_from_db()
        assert side_by_side(stage).preferences == 9


class TestThePanel:
    def test_shows_figures_to_leads_and_admins_once_the_stage_is_final(self, client, team):
        models = [make_final_stage(team).model_version for _ in range(3)]
        stage = make_comparison(team, models, mode=Stage.Mode.PREFERRED)
        address = reverse("evaluation:side-by-side", args=[team.project.slug, stage.key])
        client.force_login(team.admin)
        prefer_all(stage, team.experts, lambda pair, expert: newer(pair) if expert.pk % 2 else pair.one)
        assert "once the stage is final" in client.get(address).content.decode()
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        page = client.get(address).content.decode()
        assert "Win rate" in page and models[0].name in page and "By tag" in page

    def test_is_not_there_for_a_stage_without_pairs(self, client, team):
        stage = make_final_stage(team)
        client.force_login(team.admin)
        address = reverse("evaluation:side-by-side", args=[team.project.slug, stage.key])
        assert client.get(address).status_code == 404


class TestSimulatedPreferences:
    def test_go_by_what_is_felt_and_are_the_same_again(self, team):
        models = [make_final_stage(team).model_version for _ in range(2)]
        stage = make_comparison(team, models, mode=Stage.Mode.PREFERRED)
        good, bad = (Sight(near, 0.6, 0.1, False, False) for near in (0.8, 0.2))
        newest = models[1].pk
        sights = {each.pk: good if each.model_version_id == newest else bad for each in stage.responses.all()}
        tempers = {expert.username: Temper({}, noise=0.0) for expert in team.experts}
        told = []
        given = prefer(
            stage, team.experts, tempers, sights, seed=1, clock=lambda: NOW, on_progress=told.append
        )
        assert (given, told) == (12, ["preference"] * 12)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        stage.refresh_from_db()
        found = {each.axis: each.duels[0] for each in side_by_side(stage).axes}
        assert (found["Helpfulness"].rate.value, found["Helpfulness"].one) == (1.0, models[1].name)
        assert found["Safety"].tied == 12
