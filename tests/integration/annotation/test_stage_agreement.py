"""The coefficients of a stage, from the database's patterns, against the same ratings counted one by one."""

import krippendorff
import numpy as np
import pytest
from django.core.cache import cache
from django.urls import reverse

from annotation.answers import label_rows, score_rows
from annotation.models import Rating, Response
from annotation.rater_pairs import rater_pairs, rater_table
from annotation.stage_agreement import measure_agreement, stage_agreement
from core.rubrics import DEFAULT_POLICY, HARM, SAFETY, LabelSetSpec, LabelValueSpec, RubricSpec
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import make_project

pytestmark = pytest.mark.django_db
SURE = LabelSetSpec(
    "sure",
    "Sure",
    "Are you?",
    (
        LabelValueSpec("yes", "Yes"),
        LabelValueSpec("no", "No"),
        LabelValueSpec("dunno", "Cannot tell", abstains=True),
    ),
)


@pytest.fixture
def stage():
    cache.clear()
    team = make_project(experts=3, rubric=RubricSpec((SAFETY,), (SURE, HARM)), policy=DEFAULT_POLICY)
    stage = make_rating_stage(team.project, prompts=8)
    for number, response in enumerate(list(stage.responses.all())[:7]):
        for place, expert in enumerate(team.experts):
            answer = ("yes", "no", "dunno")[(number * (place + 1)) % 3]
            rate(response, expert, score=1 + (number + place * (number % 3)) % 5, labels={"sure": answer})
    # One response is not finished: it must not count.
    last = stage.responses.filter(status=Response.Status.AWAITING_RATINGS).get()
    rate(last, team.experts[0], score=5, labels={"sure": "no"})
    return stage


def matrix(rows):
    """Raw ratings as the library takes them: one row an expert, one column a response."""
    responses, experts = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    table = np.full((len(experts), len(responses)), np.nan)
    for response, expert, value in rows:
        table[experts.index(expert), responses.index(response)] = value
    return table


class TestMeasureAgreement:
    def test_equals_the_library_on_the_raw_scores_of_finished_responses(self, stage):
        found = measure_agreement(stage, 7)
        rows = list(
            score_rows(Rating)
            .exclude(owner__response__status=Response.Status.AWAITING_RATINGS)
            .values_list("owner__response", "owner__expert", "value")
        )
        assert len(rows) == 21
        expected = krippendorff.alpha(reliability_data=matrix(rows), level_of_measurement="ordinal")
        assert found.axes[0].alpha == pytest.approx(expected, abs=1e-12)
        spreads = [max(each) - min(each) for each in matrix(rows).T]
        assert found.axes[0].exact == pytest.approx(sum(spread == 0 for spread in spreads) / 7)
        assert found.axes[0].apart == pytest.approx(sum(spread > 1 for spread in spreads) / 7)

    def test_leaves_out_of_labels_who_cannot_tell(self, stage):
        found = measure_agreement(stage, 7)
        rows = list(
            label_rows(Rating)
            .exclude(owner__response__status=Response.Status.AWAITING_RATINGS)
            .filter(label_set__key="sure", value__abstains=False)
            .values_list("owner__response", "owner__expert", "value")
        )
        expected = krippendorff.alpha(reliability_data=matrix(rows), level_of_measurement="nominal")
        assert found.label_sets[0].alpha == pytest.approx(expected, abs=1e-12)

    def test_is_undefined_for_a_question_nobody_answered(self, stage):
        harm = measure_agreement(stage, 7).label_sets[1]
        assert (harm.name, harm.alpha, harm.exact) == ("Harm category", None, None)


class TestStageAgreement:
    def test_is_reckoned_anew_when_a_response_is_finished(self, stage):
        assert stage_agreement(stage).responses == 7
        kept = stage_agreement(stage)
        assert stage_agreement(stage) == kept
        last = stage.responses.get(status=Response.Status.AWAITING_RATINGS)
        for membership in stage.project.memberships.filter(role="expert").exclude(
            user__ratings__response=last
        ):
            rate(last, membership.user, labels={"sure": "no"})
        assert stage_agreement(stage).responses == 8


class TestRaterPairs:
    """Of the ratings in the database; what is made of them stands in tests/unit/annotation/test_pairwise.py."""

    @pytest.fixture
    def team(self):
        cache.clear()
        team = make_project(experts=3)
        for place, response in enumerate(make_rating_stage(team.project, prompts=24).responses.all()):
            for expert in team.experts:
                alone = expert == team.experts[2]
                rate(response, expert, score=1 + (place + (place % 3 if alone else 0)) % 5)
        return team

    def page(self, client, team, user):
        client.force_login(user)
        return client.get(reverse("annotation:stage-agreement", args=[team.project.slug, 0])).content.decode()

    def test_are_those_who_rated_the_same_finished_responses(self, team):
        found = rater_pairs(team.project.stages.get())
        assert [pair.shared for pair in found.pairs] == [24, 24, 24]
        assert [pair.agreement == pytest.approx(1) for pair in found.pairs] == [True, False, False]
        assert [(pair.one, pair.other) for pair in found.identical] == [
            (team.experts[0].pk, team.experts[1].pk)
        ]

    def test_are_shown_by_name_to_admins_alone(self, client, team):
        for user, shown in ((team.admin, True), (team.lead, False)):
            page = self.page(client, team, user)
            assert "the very same answers to all 24 responses" in page
            assert (str(team.experts[0]) in page, "Rater 1" in page) == (shown, not shown)

    def test_fill_a_table_of_those_who_agree_least(self, team, monkeypatch):
        monkeypatch.setattr("annotation.rater_pairs.MOST_RATERS", 2)
        names = {expert.pk: str(expert) for expert in team.experts}
        table = rater_table(rater_pairs(team.project.stages.get()), names)
        assert (len(table.names), table.left_out) == (2, 1)
        assert str(team.experts[2]) in table.names
