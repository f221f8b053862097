import pytest

from evaluation.comparing import compared_versions, figures_of, finished_comparisons
from evaluation.per_prompt import pair
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import finish, make_comparison
from tests.factories.core import make_project
from tests.factories.evaluation import score_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(experts=3)


@pytest.fixture
def versions(team):
    """Base and stage 1 with final labels, 16 prompts, four of them held out."""
    turns = [make_final_stage(team, prompts=16), make_final_stage(team)]
    return [turn.model_version for turn in turns]


def by_version(versions, *scores):
    given = dict(zip([version.pk for version in versions], scores, strict=True))
    return lambda response, expert: given[response.model_version_id]


class TestFinishedComparisons:
    def test_are_those_with_final_labels_the_oldest_first(self, team, versions):
        first = finish(make_comparison(team, versions), team)
        make_comparison(team, versions)
        assert finished_comparisons(team.project) == [first]


class TestFiguresOf:
    def test_are_of_each_model_version_by_prompt(self, team, versions):
        stage = make_comparison(team, versions)
        assert compared_versions(stage) == versions
        finish(stage, team, score=by_version(versions, 2, 5))
        before, after = figures_of(stage)
        assert [before.model_version, after.model_version] == versions
        for key in ("safety", "helpfulness", "relevance"):
            old, new = pair(before.scores[key], after.scores[key])
            assert (list(old), list(new)) == ([2.0] * 4, [5.0] * 4)
        assert list(before.shares["misaligned"].means) == [1.0] * 4
        assert list(after.shares["aligned"].means) == [1.0] * 4
        assert (before.not_judged, before.excluded) == (0, 0)

    def test_have_cosines_once_all_are_there(self, team, versions):
        stage = finish(make_comparison(team, versions), team)
        assert {figures.cosines for figures in figures_of(stage)} == {None}
        score_stage(stage, [0.4, 0.8] * 4)
        for figures in figures_of(stage):
            assert list(figures.cosines.counts) == [1] * 4
            assert set(figures.coherent.means) <= {0.0, 1.0}
