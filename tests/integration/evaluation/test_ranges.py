"""Axes of 0 to 100 and of 0 to 3 from the rating to the figure, with every number reckoned by hand."""

from dataclasses import replace

import krippendorff
import pytest

from annotation.answers import InvalidAnswers, load_answers
from annotation.models import DivergenceReason, Response
from annotation.stage_agreement import measure_agreement
from arbitration.cases import claim_case
from arbitration.labels import finalize_labels
from arbitration.models import FinalLabel
from core.projects import revise
from core.rubrics import DEFAULT_POLICY, SAFETY, RubricSpec
from evaluation.figures import draw
from evaluation.reports import as_json, build_report
from tests.factories.annotation import make_prompts, make_rating_stage, rate
from tests.factories.arbitration import decide
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import make_labeled_stage
from tests.factories.ranges import RANGES
from training.dataset import freeze_training_set

pytestmark = pytest.mark.django_db

# By response: three scores on reach (0 to 100, τ 20, cuts 25 and 75) and on tone (0 to 3, τ 1, cuts 0 and 3).
GIVEN = [
    ((80, 90, 100), (3, 3, 3)),  # 90 and 3: fully aligned
    ((60, 70, 80), (2, 3, 3)),  # 70 and 8/3: partly
    ((10, 20, 30), (3, 3, 3)),  # 20 and 3: misaligned
    ((0, 21, 0), (3, 3, 3)),  # spread 21 > 20
    ((50, 70, 60), (0, 2, 1)),  # spread 2 > 1
    ((20, 40, 30), (1, 1, 0)),  # 30 and 2/3: partly
]


@pytest.fixture
def team():
    return make_project(rubric=RANGES)


@pytest.fixture
def stage(team):
    make_prompts(team.project, count=len(GIVEN), splits=("train", "held-out"))
    stage = make_rating_stage(team.project)
    responses = Response.objects.filter(stage=stage).order_by("prompt__position")
    for response, (reach, tone) in zip(responses, GIVEN, strict=True):
        for expert, *scores in zip(team.experts, reach, tone, strict=True):
            rate(response, expert, scores=dict(zip(("reach", "tone"), scores, strict=True)))
    return stage


@pytest.fixture
def final(team, stage):
    for response in Response.objects.filter(stage=stage, status=Response.Status.DIVERGENT):
        decide(claim_case(response=response, by=team.lead, now=NOW), scores={"reach": 100, "tone": 0})
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    return stage


class TestAxesOfAnyRange:
    def test_refuse_scores_outside_of_their_own(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        with pytest.raises(InvalidAnswers) as caught:
            rate(Response.objects.get(stage=stage), team.experts[0], scores={"reach": 101, "tone": 4})
        assert [(fault.axis, fault.what) for fault in caught.value.faults] == [
            ("reach", "Reach takes a whole number from 0 to 100."),
            ("tone", "Tone takes a whole number from 0 to 3."),
        ]

    def test_diverge_beyond_their_own_tolerance(self, stage):
        reasons = DivergenceReason.objects.filter(divergence__response__stage=stage)
        assert [(each.axis.key, each.spread, each.tau) for each in reasons.order_by("id")] == [
            ("reach", 21, 20),
            ("tone", 2, 1),
        ]

    def test_are_classed_by_their_own_cuts(self, final):
        labels = FinalLabel.objects.filter(response__stage=final).order_by("response__prompt__position")
        answers = load_answers(FinalLabel, [label.pk for label in labels])
        reach, tone = final.policy.rubric.axes.all()
        found = [(answers[each.pk].scores[reach.pk], answers[each.pk].scores[tone.pk]) for each in labels]
        expected = [(90, 3), (70, 8 / 3), (20, 3), (100, 0), (100, 0), (30, 2 / 3)]
        assert found == [pytest.approx(pair) for pair in expected]
        assert [label.alignment for label in labels] == [
            "aligned",
            "partly",
            "misaligned",
            "misaligned",
            "misaligned",
            "partly",
        ]

    def test_choose_what_is_learned(self, final):
        examples = freeze_training_set(stage=final, by=None, now=NOW).examples.all()
        # Of the train prompts (the first, third and fifth) the first alone is fully aligned.
        assert [example.final_label.response.prompt.external_id for example in examples] == ["q0"]

    def test_keep_their_own_units_in_the_report_and_its_figures(self, team, final):
        report = as_json(build_report(team.project))
        assert [(axis["key"], axis["lowest"], axis["highest"]) for axis in report["axes"]] == [
            ("reach", 0, 100),
            ("tone", 0, 3),
        ]
        # The held-out prompts are the second, fourth and sixth.
        (told,) = report["stages"]
        assert told["scores"]["reach"]["value"] == pytest.approx((70 + 100 + 30) / 3)
        assert told["scores"]["tone"]["value"] == pytest.approx((8 / 3 + 0 + 2 / 3) / 3)
        reach, tone = (each for each in draw(report) if each["key"].startswith("score-"))
        assert "Mean final score from 0 to 100" in reach["svg"] and ">100<" in reach["svg"]
        assert (
            "Mean final score from 0 to 3" in tone["svg"]
            and ">3<" in tone["svg"]
            and ">4<" not in tone["svg"]
        )

    def test_agree_as_the_library_reckons_it(self, stage):
        measured = measure_agreement(stage, len(GIVEN))
        for place, found in enumerate(measured.axes):
            table = [list(scores) for scores in zip(*(each[place] for each in GIVEN), strict=True)]
            expected = krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal")
            assert found.alpha == pytest.approx(expected, abs=1e-12)
        assert [found.apart for found in measured.axes] == pytest.approx([1 / 6, 1 / 6])
        assert [found.exact for found in measured.axes] == pytest.approx([0, 3 / 6])

    def test_are_not_compared_with_what_they_were_in_another_range(self):
        team = make_project(rubric=RubricSpec((SAFETY,), RANGES.label_sets))
        make_labeled_stage(team.project, [2, 3, 4])
        wider = replace(SAFETY, highest=10, anchors=(), aligned_cut=8)
        rubric = RubricSpec((wider,), RANGES.label_sets)
        revise(project=team.project, rubric=rubric, policy=DEFAULT_POLICY, by=team.admin, now=NOW)
        make_labeled_stage(team.project, [4, 6, 8])
        report = build_report(team.project)
        assert [(axis.key, axis.name) for axis in report.axes] == [
            ("safety", "Safety"),
            ("safety:1-5", "Safety (1 to 5)"),
        ]
        assert [list(stage.scores) for stage in report.stages] == [["safety:1-5"], ["safety"]]
        assert {change.kind for change in report.comparisons[0].changes} == {"share"}
