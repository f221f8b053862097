"""Scoring by real workers with the real Sentence-BERT, also when they are killed."""

import pytest
from django.conf import settings

from annotation.models import Response
from evaluation.coherence import run_scoring
from evaluation.models import CoherenceScore, KeptReport, PromptEmbedding, ScoringRun
from jobs.models import Job
from jobs.nudge import nudge
from tests.factories.annotation import make_rating_stage
from tests.factories.core import make_project
from tests.factories.evaluation import ALIGNED, make_labeled_stage
from tests.live import wait_until

pytest.importorskip("sentence_transformers")
# Loading Sentence-BERT takes seconds on a quiet machine and a minute on a busy one.
PATIENCE = 300


def run_of(stage):
    return ScoringRun.objects.filter(stage=stage).order_by("-id").first()


def succeeded(stage):
    run = run_of(stage)
    assert run is None or run.status not in (Job.Status.FAILED, Job.Status.ERRORED), run.reason
    return run is not None and run.status == Job.Status.SUCCEEDED and run


def assert_scored_once(stage):
    responses = set(Response.objects.filter(stage=stage).values_list("pk", flat=True))
    scored = list(CoherenceScore.objects.filter(response__stage=stage).values_list("response", flat=True))
    assert sorted(scored) == sorted(responses)


class TestScoring:
    @pytest.mark.once
    def test_begins_by_the_sweep_ends_with_a_kept_report_and_is_done_once(self, concord):
        stage = make_labeled_stage(make_project().project, [ALIGNED] * 5)
        concord.start("worker", "gpu-worker", "beat")
        run = wait_until(lambda: succeeded(stage), seconds=PATIENCE, what="scoring")
        assert_scored_once(stage)
        assert (run.done, run.total, run.attempt) == (5, 5, 1)
        kept = wait_until(
            lambda: KeptReport.objects.filter(body__stages__0__coherence__n=5).first(),
            seconds=PATIENCE,
            what="the kept report",
        )
        assert kept.figures

        written = list(CoherenceScore.objects.values_list("pk", flat=True))
        for _ in range(3):
            nudge("evaluation.run_scoring", pk=run.pk)
        wait_until(
            lambda: concord.log("gpu-worker").count("evaluation.run_scoring") >= 4,
            what="the messages' arrival",
        )
        concord.stop("gpu-worker")
        run.refresh_from_db()
        assert (run.attempt, run.status) == (1, Job.Status.SUCCEEDED)
        assert list(CoherenceScore.objects.values_list("pk", flat=True)) == written

    @pytest.mark.deep
    def test_survives_the_kill_of_its_worker(self, concord):
        stage = make_rating_stage(make_project().project, prompts=8, candidates=12)
        # Long texts, so that there is time to strike between two batches.
        Response.objects.filter(stage=stage).update(
            text="An egg wants six minutes and a pinch of salt. " * 15
        )
        concord.start("worker", "gpu-worker", "beat")

        def some_are_embedded():
            run = run_of(stage)
            return run and any(
                path.stat().st_size
                for path in settings.RUNS_DIR.glob(f"scoring-{run.pk}-*/chunk-*/ids.jsonl")
            )

        wait_until(some_are_embedded, seconds=PATIENCE, what="the first batch")
        concord.kill("gpu-worker")
        assert run_of(stage).status == Job.Status.RUNNING
        assert CoherenceScore.objects.filter(response__stage=stage).count() < 96
        concord.start("gpu-worker")
        run = wait_until(lambda: succeeded(stage), seconds=PATIENCE, what="scoring after the kill")
        assert run.attempt >= 2
        assert ScoringRun.objects.filter(stage=stage).count() == 1
        assert_scored_once(stage)
        assert PromptEmbedding.objects.count() == 8
        run_scoring(pk=run.pk)  # a message delivered twice
        again = run_of(stage)
        assert (again.pk, again.attempt, again.status) == (run.pk, run.attempt, Job.Status.SUCCEEDED)
        assert_scored_once(stage)
