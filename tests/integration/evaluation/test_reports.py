import json

import numpy as np
import pytest
from scipy.stats import binomtest

from annotation.agreement import count_values, krippendorff_alpha
from annotation.models import Divergence
from core.models import ModelVersion, Stage, User
from evaluation.models import CoherenceScore, PromptEmbedding, ScoringRun
from evaluation.neighbours import held_out_neighbours
from evaluation.reports import as_json, build_report
from evaluation.tables import groups_of
from jobs.models import Job
from jobs.reasons import as_fields, told
from tests.factories.annotation import make_prompts
from tests.factories.arbitration import make_final_stage
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import (
    ALIGNED,
    EXCLUDED,
    MISALIGNED,
    OPEN,
    PARTLY,
    classes,
    held_out,
    make_encoder,
    make_labeled_stage,
    make_paper_stages,
    score_stage,
)

pytestmark = pytest.mark.django_db


def stage_of(team, scores, **fields):
    make_labeled_stage(team.project, scores, **fields)
    return build_report(team.project).stages[-1]


class TestThePapersTable:
    """The proportions of the paper, put in as rows, come out of the report."""

    @pytest.fixture
    def report(self):
        team = make_project()
        make_paper_stages(team)
        return build_report(team.project)

    def test_shows_the_shares_of_base_and_both_stages(self, report):
        assert [stage.title for stage in report.stages] == ["Base", "Stage 1", "Stage 2"]
        assert [stage.misaligned.value for stage in report.stages] == [0.27, 0.12, 0.06]
        assert [stage.aligned.value for stage in report.stages] == [0.58, 0.73, 0.85]
        assert [round(stage.partly.value, 2) for stage in report.stages] == [0.15, 0.15, 0.09]

    def test_shows_the_mean_of_the_final_scores(self, report):
        expected = [(27 * 1 + 15 * 3 + 58 * 5) / 100, (12 + 45 + 365) / 100, (6 + 27 + 425) / 100]
        for axis in report.axes:
            assert [stage.scores[axis.key].value for stage in report.stages] == pytest.approx(expected)

    def test_shows_the_cosines(self, report):
        assert [stage.coherence.mean.value for stage in report.stages] == pytest.approx([0.52, 0.55, 0.57])
        assert [stage.coherence.share.value for stage in report.stages] == [0.60, 0.68, 0.75]
        assert sum(report.stages[0].bins) == pytest.approx(1)

    def test_shows_refusals_apart(self, report):
        base = report.stages[0]
        assert (base.coherence.n, base.refusals.n, base.others.n) == (100, 5, 95)
        assert base.refusals.mean.value == pytest.approx(0.35)
        whole = base.refusals.mean.value * 5 + base.others.mean.value * 95
        assert whole / 100 == pytest.approx(base.coherence.mean.value)

    def test_compares_each_stage_with_base_and_with_the_one_before(self, report):
        pairs = [(each.before, each.after) for each in report.comparisons]
        assert pairs == [("Base", "Stage 1"), ("Base", "Stage 2"), ("Stage 1", "Stage 2")]

    def test_finds_the_drop_from_27_to_12_significant(self, report):
        change = next(each for each in report.comparisons[0].changes if each.key == "misaligned")
        assert change.difference.value == pytest.approx(-0.15)
        # 15 prompts went from misaligned to not, none back: 2 / 2^15 by hand.
        assert change.difference.p == pytest.approx(2 / 2**15)
        assert (change.verdict, change.better) == ("lower", True)

    def test_says_of_12_to_6_percent_what_the_test_says(self, report):
        change = next(each for each in report.comparisons[2].changes if each.key == "misaligned")
        # 10 prompts ceased to be misaligned, 4 began.
        assert change.difference.p == pytest.approx(binomtest(4, 14).pvalue)
        assert change.verdict == "not significant"

    def test_says_the_same_twice(self, report):
        from core.models import Project

        assert build_report(Project.objects.get(slug=report.slug)) == report

    def test_is_json(self, report):
        assert json.loads(json.dumps(as_json(report)))["stages"][2]["aligned"]["value"] == 0.85


class TestOneStage:
    def test_counts_what_a_lead_excluded_and_leaves_it_out_of_means(self):
        stage = stage_of(make_project(), [ALIGNED, ALIGNED, EXCLUDED, MISALIGNED])
        assert (stage.responses, stage.labeled, stage.excluded) == (4, 3, 1)
        assert stage.misaligned.value == pytest.approx(1 / 3)
        assert stage.scores["safety"].n == 3

    def test_counts_what_was_not_judged_and_leaves_it_out_of_the_shares(self):
        team = make_project()
        stage = stage_of(team, [ALIGNED, ALIGNED, OPEN, MISALIGNED])
        assert (stage.responses, stage.labeled, stage.not_judged) == (4, 3, 1)
        assert stage.aligned.value == pytest.approx(2 / 3)
        report = build_report(team.project)
        assert "1 held-out response ended without a verdict" in " ".join(report.caveats)
        assert ["Not judged", "1"] in [
            [row.name, row.cells[0].text] for row in groups_of(as_json(report))[0].rows
        ]

    def test_clusters_candidates_by_prompt(self):
        team = make_project()
        single = stage_of(team, [1, 2, 4, 5] * 5)
        fivefold = stage_of(team, [[score] * 5 for score in [1, 2, 4, 5] * 5])
        assert fivefold.scores["safety"].n == 100
        assert fivefold.prompts == 20
        assert fivefold.scores["safety"].low == pytest.approx(single.scores["safety"].low, abs=0.1)

    def test_reads_held_out_prompts_alone(self):
        team = make_project()
        make_final_stage(team, prompts=8)  # splits: train, train, validation, held-out, and again
        stage = build_report(team.project).stages[0]
        assert (stage.prompts, stage.responses, stage.labeled) == (2, 2, 2)

    def test_measures_agreement_as_krippendorff_does(self):
        team = make_project()

        def score(response, expert):
            return 3 + (response.position + team.experts.index(expert)) % 2

        make_final_stage(team, prompts=8, score=score)
        stage = build_report(team.project).stages[0]
        answers = [
            [score(response, expert) for expert in team.experts]
            for response in team.project.stages.get().responses.all()
        ]
        expected = krippendorff_alpha(count_values(answers, [1, 2, 3, 4, 5]), "ordinal")
        assert stage.agreement[0].alpha == pytest.approx(expected)
        assert stage.agreement[0].exact == 0

    def test_gives_the_share_that_went_to_a_lead(self):
        team = make_project()
        make_final_stage(
            team,
            prompts=4,
            score=lambda response, expert: (
                5 if expert == team.experts[0] and response.prompt.position < 1 else 3
            ),
        )
        stage = build_report(team.project).stages[0]
        assert (stage.escalated.value, stage.escalated.n) == (0.25, 4)
        held = Divergence.objects.get()
        former = {"created_at": NOW, "superseded_at": NOW, "ratings_needed": 3, "policy": held.policy}
        for response in team.project.stages.get().responses.all():
            Divergence.objects.create(response=response, **former)
        assert build_report(team.project).stages[0].escalated == stage.escalated


class TestWhatIsOddAboutTheTexts:
    @pytest.fixture
    def report(self):
        team = make_project()
        stage = make_labeled_stage(team.project, [ALIGNED] * 8)
        score_stage(stage, [1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
        first, *_, last = responses = list(stage.responses.order_by("prompt__position"))
        stage.responses.filter(pk__in=[first.pk, last.pk]).update(finish_reason="length")
        stage.responses.filter(pk=responses[1].pk).update(text=" \n")
        CoherenceScore.objects.filter(response=responses[5]).update(other_script=True)
        return build_report(team.project)

    def test_is_counted(self, report):
        (stage,) = report.stages
        assert (stage.cut_off, stage.empty, stage.echoes, stage.other_script) == (2, 1, 1, 1)

    def test_has_rows_where_there_is_any(self, report):
        rows = {row.name: row.cells[0] for row in groups_of(as_json(report))[0].rows}
        cell = rows["Cut off at the token limit"]
        assert (cell.text, cell.interval) == ("25 %", "2 of 8")
        plain = make_project()
        make_labeled_stage(plain.project, [ALIGNED])
        shown = groups_of(as_json(build_report(plain.project)))[0].rows
        assert "Empty" in rows and "Empty" not in [row.name for row in shown]

    def test_is_told_where_it_may_pass_for_a_gain(self, report):
        assert "were cut off: 25 % of Base" in " ".join(report.caveats)


class TestHeldOutNeighbours:
    def embed(self, project, *given):
        """Prompts of (split, angle): two of them are near where their angles are."""
        encoder = make_encoder()
        for split, angle in given:
            (prompt,) = make_prompts(project, count=1, splits=(split,))
            vector = np.array([np.cos(angle), np.sin(angle)], dtype="<f4").tobytes()
            PromptEmbedding.objects.create(encoder=encoder, prompt=prompt, vector=vector)
        return encoder

    def test_counts_held_out_prompts_beside_a_training_prompt(self):
        project = make_project().project
        given = ("train", 0.0), ("held-out", 0.2), ("held-out", 0.6), ("validation", 0.6), ("held-out", -0.3)
        encoder = self.embed(project, *given)
        assert held_out_neighbours(project, encoder) == (2, 3)

    def test_is_unknown_without_vectors_of_both(self):
        project = make_project().project
        encoder = self.embed(project, ("held-out", 0.2))
        assert held_out_neighbours(project, encoder) is None


class TestInProgress:
    def test_shows_no_number_of_a_stage_whose_labels_are_not_final(self):
        team = make_project()
        make_labeled_stage(team.project, [ALIGNED] * 6)
        stage = make_labeled_stage(team.project, [MISALIGNED] * 6, raters=team.experts, final=False)
        score_stage(stage, [0.9] * 6)
        report = build_report(team.project)
        open_stage = report.stages[1]
        assert (open_stage.final, open_stage.status) == (False, "Rating")
        assert (open_stage.scores, open_stage.misaligned, open_stage.coherence, open_stage.labeled) == (
            {},
            None,
            None,
            0,
        )
        assert report.comparisons == []

    def test_of_a_project_without_stages_is_empty(self):
        report = build_report(make_project().project)
        assert (report.stages, report.comparisons, report.caveats) == ([], [], [])


class TestCoherence:
    def test_is_left_out_with_a_reason_until_every_cosine_is_there(self):
        team = make_project()
        stage = make_labeled_stage(team.project, [ALIGNED] * 3)
        assert build_report(team.project).stages[0].coherence_state == "Coherence is not computed yet."
        run = ScoringRun.objects.create(stage=stage, created_at=NOW)
        assert build_report(team.project).stages[0].coherence_state == "Coherence is being computed."
        run.delete()
        ScoringRun.objects.create(
            stage=stage, created_at=NOW, status=Job.Status.FAILED, **as_fields(told("No memory."))
        )
        shown = build_report(team.project).stages[0]
        assert (shown.coherence, shown.coherence_state) == (None, "Coherence was not computed: No memory.")

    def test_never_mixes_two_encoders(self, settings):
        team = make_project()
        stage = make_labeled_stage(team.project, [ALIGNED] * 3)
        score_stage(stage, [0.1, 0.2, 0.3])
        settings.ENCODER = "another"
        make_encoder()
        shown = build_report(team.project).stages[0]
        assert shown.coherence is None
        assert "new encoder" in shown.coherence_state

    def test_takes_each_stages_own_gamma(self):
        from dataclasses import replace

        from core.rubrics import DEFAULT_POLICY

        team = make_project(policy=replace(DEFAULT_POLICY, gamma=0.3))
        score_stage(make_labeled_stage(team.project, [ALIGNED] * 4), [0.2, 0.3, 0.4, 0.5])
        assert build_report(team.project).stages[0].coherence.share.value == 0.75

    def test_says_how_many_texts_the_encoder_read_by_their_beginning_alone(self):
        team = make_project()
        stage = make_labeled_stage(team.project, [ALIGNED] * 3)
        score_stage(stage, [0.2, 0.3, 0.4])
        scores = CoherenceScore.objects.filter(response__stage=stage).order_by("response")
        scores.filter(pk=scores[0].pk).update(is_truncated=True)
        for place, prompt in enumerate(held_out(team.project)):
            PromptEmbedding.objects.create(
                encoder=make_encoder(), prompt=prompt, vector=b"", is_truncated=place > 0
            )
        report = build_report(team.project)
        shown = report.stages[0]
        assert (shown.truncated_prompts, shown.truncated_responses) == (2, 1)
        assert any("2 held-out prompts and 1 held-out response of Base" in each for each in report.caveats)


class TestSimulated:
    def test_is_said_where_any_rating_is(self):
        team = make_project()
        make_paper_stages(team, simulated=True)
        report = build_report(team.project)
        assert report.simulated
        assert "simulated experts" in report.caveats[0]

    def test_is_said_where_people_rated_with_them(self):
        team = make_project()
        make_labeled_stage(team.project, [ALIGNED] * 2, raters=team.experts)
        assert not any("both rated" in caveat for caveat in build_report(team.project).caveats)
        User.objects.filter(pk=team.experts[0].pk).update(is_simulated=True)
        assert any("both rated" in caveat for caveat in build_report(team.project).caveats)

    def test_is_not_said_of_another_project(self):
        make_paper_stages(make_project(), simulated=True)
        team = make_project()
        make_labeled_stage(team.project, [ALIGNED] * 2, raters=team.experts)
        assert not build_report(team.project).simulated


class TestRubricThatChanged:
    def test_compares_the_axes_that_both_stages_have(self):
        from core.projects import revise
        from core.rubrics import DEFAULT_POLICY, DEFAULT_RUBRIC, SAFETY, RubricSpec

        team = make_project()
        make_labeled_stage(team.project, [PARTLY] * 8)
        revise(
            project=team.project,
            rubric=RubricSpec(axes=(SAFETY,), label_sets=DEFAULT_RUBRIC.label_sets),
            policy=DEFAULT_POLICY,
            by=team.admin,
            now=NOW,
        )
        make_labeled_stage(team.project, [ALIGNED] * 8)
        report = build_report(team.project)
        assert [axis.key for axis in report.axes] == ["safety", "helpfulness", "relevance"]
        assert [change.key for change in report.comparisons[0].changes][0] == "score:safety"
        assert "score:helpfulness" not in [change.key for change in report.comparisons[0].changes]
        assert any("v1, Stage 1: v2" in caveat for caveat in report.caveats)


class TestQueries:
    def test_do_not_grow_with_the_responses(self, django_assert_max_num_queries):
        team = make_project()
        make_labeled_stage(team.project, classes(30, 10, total=60), raters=team.experts)
        with django_assert_max_num_queries(40):
            build_report(team.project)

    def test_need_no_model_version(self):
        """Responses may be imported; the stage then has no model of its own."""
        team = make_project()
        stage = make_labeled_stage(team.project, [ALIGNED])
        Stage.objects.filter(pk=stage.pk).update(model_version=None)
        assert ModelVersion.objects.filter(project=team.project).exists()
        assert build_report(team.project).stages[0].model == "imported responses"
