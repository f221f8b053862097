from dataclasses import replace
from datetime import timedelta

import pytest

from annotation.models import Rating
from evaluation.repeats import drifts_of, own_repeats, panel_of, told
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import finish, make_comparison
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_labeled_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(experts=3)


def rated_again(team, score, prompts=32):
    """A comparison of base and stage 1, all of whose prompts were rated 4, rated again."""
    turns = [make_final_stage(team, prompts=prompts, score=4), make_final_stage(team, score=4)]
    Rating.objects.update(submitted_at=NOW - timedelta(days=30))
    return finish(make_comparison(team, [turn.model_version for turn in turns]), team, score=score)


class TestOwnRepeats:
    def test_are_the_pairs_of_one_expert_and_one_text(self, team):
        one, two, _ = team.experts
        again = {one.pk: 4, two.pk: 5}
        stage = rated_again(team, lambda response, expert: again.get(expert.pk, 4), prompts=8)
        safety = own_repeats(stage)[0]
        assert (safety.axis, safety.pairs) == ("Safety", 12)
        assert (safety.exact.value, safety.within_one.value) == (pytest.approx(2 / 3), 1.0)
        assert safety.difference.value == pytest.approx(1 / 3)

    def test_are_nothing_of_experts_who_did_not_rate_the_originals(self, team):
        turns = [make_labeled_stage(team.project, [4] * 3) for _ in range(2)]
        stage = finish(make_comparison(team, [turn.model_version for turn in turns]), team)
        assert own_repeats(stage) == []


class TestDrifts:
    def test_tell_a_shift_that_is_larger_than_chance_of_each_earlier_stage(self, team):
        stage = rated_again(team, score=5)
        panel = panel_of(stage)
        assert [(drift.since, drift.axis) for drift in panel.drifts][:2] == [
            ("Base", "Safety"),
            ("Base", "Helpfulness"),
        ]
        assert {(drift.difference.value, drift.difference.n) for drift in panel.drifts} == {(1.0, 8)}
        assert len(panel.sentences) == 6
        assert panel.sentences[0].startswith(
            "Safety: the panel now gives the same texts of Base higher scores than then, +1.00 on average"
        )

    def test_say_so_where_nothing_has_moved_or_too_little_was_rated_again(self, team):
        stage = rated_again(team, score=4)
        assert panel_of(stage).sentences == [
            "For the same texts the panel’s scores have not moved by more than chance explains."
        ]
        few = [drift for drift in drifts_of(stage) if drift.axis == "Safety"]
        assert "Too few" in told([make_untested(drift) for drift in few])[0]

    def test_rest_on_anchors_as_well(self, team):
        turns = [make_labeled_stage(team.project, [3] * 4) for _ in range(2)]
        other = make_labeled_stage(team.project, [2] * 8)
        stage = make_comparison(team, [turn.model_version for turn in turns], anchors=other.responses.all())
        finish(stage, team, score=4)
        found = {drift.since: drift.difference for drift in drifts_of(stage) if drift.axis == "Safety"}
        assert {since: (change.value, change.n) for since, change in found.items()} == {
            "Base": (1.0, 4),
            "Stage 1": (1.0, 4),
            "Stage 2": (2.0, 8),
        }


def make_untested(drift):
    return replace(drift, difference=replace(drift.difference, p=None, p_holm=None))
