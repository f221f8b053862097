"""A comparison's order of hand-out: two answers to one prompt far apart, and nothing in it that tells their models."""

import itertools
import uuid
from datetime import timedelta

import pytest
from scipy import stats

from annotation.assignment import next_assignment
from annotation.looking import SPACING
from annotation.models import Assignment, Rating
from annotation.responses import hand_out_positions
from core.guidelines import current
from core.models import Stage
from core.transitions import transition
from tests.factories.comparing import make_comparison
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_labeled_stage

pytestmark = pytest.mark.django_db


def open_comparison_of(team, prompts, versions, **fields):
    turns = [make_labeled_stage(team.project, [4] * prompts) for _ in range(versions)]
    return make_comparison(team, [turn.model_version for turn in turns], **fields)


def walk(stage, experts):
    """Every expert judges until nothing is left, in turns; gives (expert, slot, what was open to them)."""
    guidelines, working, ticks = current(stage.project), list(experts), itertools.count(1)
    while working:
        for expert in list(working):
            now = NOW + timedelta(seconds=next(ticks))
            others = Assignment.objects.filter(stage=stage, status="open")
            mine = Assignment.objects.filter(stage=stage, expert=expert).values("response")
            prompts = set(others.exclude(response__in=mine).values_list("response__prompt", flat=True))
            slot = next_assignment(stage=stage, expert=expert, now=now)
            if slot is None:
                working.remove(expert)
                continue
            yield expert, slot, prompts
            # What the order of hand-out rests on of a rating, and no more: these are many.
            transition(slot, Assignment.Status.SUBMITTED, by=expert, now=now, lease_until=None)
            Rating.objects.create(
                assignment=slot, response_id=slot.response_id, expert=expert, policy=stage.policy,
                guidelines=guidelines, submission=uuid.uuid4(), submitted_at=now,
            )  # fmt: skip


class TestSpacing:
    @pytest.mark.parametrize(
        ("prompts", "versions", "experts", "k"), [(30, 2, 3, 3), (24, 3, 5, 2), (50, 2, 8, 1), (6, 3, 2, 2)]
    )
    def test_no_prompt_comes_twice_among_an_expert_s_last_items_while_another_is_left(
        self, prompts, versions, experts, k
    ):
        team = make_project(experts=experts)
        stage = open_comparison_of(team, prompts, versions, ratings_per_response=k)
        came = {expert: [] for expert in team.experts}
        forced = 0
        for expert, slot, were_open in walk(stage, team.experts):
            last = came[expert][-SPACING:]
            prompt = slot.response.prompt_id
            if prompt in last:
                assert were_open <= set(last), (len(came[expert]), prompt)
                ages = {each: last[::-1].index(each) for each in were_open}
                assert ages[prompt] == max(ages.values())
                forced += 1
            came[expert].append(prompt)
        assert sum(map(len, came.values())) == prompts * versions * k
        # Only at the end, where too few are left; and where there are fewer prompts than that.
        assert forced <= (experts * 3 if prompts > SPACING else prompts * versions * k)


class TestOrder:
    """That of 400 prompts and three model versions."""

    @pytest.fixture
    def places(self):
        """[(model version, place)] of each prompt, in the order of hand-out."""
        project = make_project().project
        project.seed = 11
        stage = Stage(project=project, kind=Stage.Kind.COMPARISON, number=1, pk=1)
        positions = hand_out_positions(stage, itertools.product(range(400), range(3)), rounds=3)
        order = sorted(positions, key=positions.get)
        found = [[] for _ in range(400)]
        for place, (prompt, version) in enumerate(order):
            found[prompt].append((version, place))
        return found

    def test_keeps_the_answers_to_a_prompt_apart(self, places):
        gaps = [later[1] - one[1] for each in places for one, later in itertools.pairwise(each)]
        assert min(gaps) > 200

    def test_is_the_same_for_all_model_versions(self, places):
        by_version = [
            [place for each in places for version, place in each if version == of] for of in range(3)
        ]
        assert stats.kruskal(*by_version).pvalue > 0.01
        orders = [tuple(version for version, _ in each) for each in places]
        counts = [orders.count(order) for order in itertools.permutations(range(3))]
        assert stats.chisquare(counts).pvalue > 0.01

    def test_does_not_tell_the_next_version_by_the_one_before(self, places):
        order = [
            version for _, version in sorted((place, version) for each in places for version, place in each)
        ]
        pairs = [[0] * 3 for _ in range(3)]
        for one, following in itertools.pairwise(order):
            pairs[one][following] += 1
        assert stats.chi2_contingency(pairs).pvalue > 0.01
