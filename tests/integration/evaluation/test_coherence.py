import csv
import os
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, transaction

from annotation.copies import open_comparison
from annotation.models import Response
from core.models import AuditEvent, Stage
from evaluation.coherence import LOOKED_AT, open_runs, run_scoring, unscored
from evaluation.embedding import embed_texts, encoder
from evaluation.encoders import encoder_in_force
from evaluation.models import CoherenceScore, Encoder, PromptEmbedding, ScoringRun
from jobs.models import Job
from tests.factories.annotation import make_rating_stage
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import ALIGNED, make_encoder, make_labeled_stage, score_stage
from tests.factories.jobs import end_badly

pytestmark = pytest.mark.django_db

DATA = Path(os.environ.get("CONCORD_DATA", django_settings.BASE_DIR.parent / "shared" / "data"))
XSTEST = DATA / "xstest-fixture"


@pytest.fixture
def team():
    return make_project()


@pytest.fixture(scope="session")
def real_encoder(tmp_path_factory):
    """all-MiniLM-L6-v2 from its wheel, loaded by the real child process."""
    pytest.importorskip("sentence_transformers")
    return encoder(run_dir=tmp_path_factory.mktemp("encoder"))


class TestOpenRuns:
    def test_opens_one_for_a_stage_past_responding(self, team):
        stage = make_rating_stage(team.project, prompts=2)
        (run,) = open_runs(now=NOW)
        assert (run.stage, run.status) == (stage, Job.Status.QUEUED)
        assert AuditEvent.objects.filter(verb="scoring:open", target_id=run.pk).count() == 1

    def test_opens_none_while_responses_come_in(self, team):
        stage = make_rating_stage(team.project, prompts=2)
        Stage.objects.filter(pk=stage.pk).update(status=Stage.Status.RESPONDING)
        assert open_runs(now=NOW) == []

    def test_opens_none_the_second_time(self, team):
        make_rating_stage(team.project, prompts=2)
        open_runs(now=NOW)
        assert open_runs(now=NOW) == []
        assert ScoringRun.objects.count() == 1

    def test_opens_none_for_a_stage_that_is_scored(self, team):
        score_stage(make_labeled_stage(team.project, [ALIGNED] * 3), [0.1, 0.2, 0.3])
        assert open_runs(now=NOW) == []

    def test_opens_all_again_for_another_encoder(self, team, settings):
        score_stage(make_labeled_stage(team.project, [ALIGNED] * 3), [0.1, 0.2, 0.3])
        settings.ENCODER = "another"
        assert len(open_runs(now=NOW)) == 1
        assert unscored(team.project).count() == 3

    @pytest.mark.parametrize("status", [Job.Status.FAILED, Job.Status.ERRORED, Job.Status.CANCELED])
    def test_leaves_a_run_that_ended_badly_to_a_person(self, team, status):
        stage = make_labeled_stage(team.project, [ALIGNED] * 3)
        ScoringRun.objects.create(stage=stage, status=status, created_at=NOW)
        assert open_runs(now=NOW) == []


class TestScoringRun:
    def test_is_active_once_a_stage(self, team):
        stage = make_labeled_stage(team.project, [ALIGNED])
        ScoringRun.objects.create(stage=stage, created_at=NOW)
        with pytest.raises(IntegrityError), transaction.atomic():
            ScoringRun.objects.create(stage=stage, created_at=NOW)


class TestEncoderInForce:
    def test_is_the_one_of_the_settings_name_used_last(self, settings):
        settings.ENCODER = "phi"
        make_encoder("another")
        older = make_encoder("phi")
        newer = Encoder.objects.create(
            name="phi", weights_sha256="f" * 64, dimension=3, used_at=NOW.replace(year=NOW.year + 1)
        )
        assert (encoder_in_force(), older.name) == (newer, "phi")

    def test_is_none_before_any_was_loaded(self):
        assert encoder_in_force() is None


@pytest.mark.django_db(transaction=True)
class TestRunScoring:
    """With the real Sentence-BERT in its child process."""

    def score(self, team, clock=lambda: NOW):
        (run,) = open_runs(now=NOW)
        run_scoring(pk=run.pk, clock=clock)
        run.refresh_from_db()
        return run

    @pytest.mark.once
    def test_gives_a_copy_its_original_s_cosine(self, team, real_encoder):
        turns = [make_labeled_stage(team.project, [ALIGNED] * 3) for _ in range(2)]
        for stage in turns:
            score_stage(stage, [0.1, 0.2, 0.3])
        Encoder.objects.update(weights_sha256=real_encoder.sha256, name=real_encoder.name)
        originals = Response.objects.filter(stage__in=turns)
        open_comparison(project=team.project, responses=originals, by=None, now=NOW)
        run = self.score(team)
        assert (run.stage.kind, run.done, run.total) == ("comparison", 6, 6)
        for copy in run.stage.responses.all():
            mine, theirs = copy.coherence_scores.get(), copy.copy_of.coherence_scores.get()
            assert [getattr(mine, name) for name in LOOKED_AT] == [
                getattr(theirs, name) for name in LOOKED_AT
            ]

    @pytest.mark.once
    def test_gives_every_response_the_cosine_that_sentence_bert_gives(self, team, real_encoder, tmp_path):
        stage = make_rating_stage(team.project, prompts=3, candidates=2)
        refusing = Response.objects.filter(stage=stage).first()
        Response.objects.filter(pk=refusing.pk).update(text="I'm sorry, but I can't help with that.")
        long = Response.objects.filter(stage=stage).last()
        Response.objects.filter(pk=long.pk).update(text="A long answer. " * 100)
        run = self.score(team)
        assert (run.status, run.reason, run.done, run.total) == (Job.Status.SUCCEEDED, "", 6, 6)
        scores = CoherenceScore.objects.filter(response__stage=stage).select_related("response__prompt")
        assert scores.count() == 6
        texts = {f"p{score.pk}": score.response.prompt.text for score in scores}
        texts |= {f"r{score.pk}": score.response.text for score in scores}
        vectors, _ = embed_texts(texts, run_dir=tmp_path / "again", phi=real_encoder)
        for score in scores:
            assert score.cosine == pytest.approx(
                float(np.dot(vectors[f"p{score.pk}"], vectors[f"r{score.pk}"])), abs=1e-5
            )
        assert set(scores.values_list("other_script", flat=True)) == {False}
        row = encoder_in_force()
        assert (row.weights_sha256, row.dimension) == (real_encoder.sha256, 384)
        assert (run.summary["n"], run.summary["refusals"]) == (6, 1)
        assert run.summary["mean_of_refusals"] < run.summary["mean_of_others"]
        assert (run.summary["truncated_prompts"], run.summary["truncated_responses"]) == (0, 1)
        assert CoherenceScore.objects.get(is_truncated=True).response == long
        assert not (django_settings.RUNS_DIR / f"scoring-{run.pk}").exists()

        run_scoring(pk=run.pk)  # a message delivered twice
        run.refresh_from_db()
        assert (run.attempt, run.status) == (1, Job.Status.SUCCEEDED)

        # Prompts are embedded once for all stages.
        before = dict(PromptEmbedding.objects.values_list("prompt", "pk"))
        Stage.objects.filter(pk=stage.pk).update(status=Stage.Status.COMPLETE)
        make_rating_stage(team.project)
        assert self.score(team).status == Job.Status.SUCCEEDED
        assert dict(PromptEmbedding.objects.values_list("prompt", "pk")) == before
        assert CoherenceScore.objects.count() == 9

    @pytest.mark.once
    def test_goes_on_where_a_killed_worker_stopped(self, team, real_encoder, settings):
        """Some cosines are stored already; the run embeds for the others and leaves them as they are."""
        stage = make_rating_stage(team.project, prompts=3)
        responses = list(Response.objects.filter(stage=stage).order_by("position"))
        phi = Encoder.objects.create(
            name=settings.ENCODER, weights_sha256=real_encoder.sha256, dimension=384, used_at=NOW
        )
        for response in responses[:2]:
            CoherenceScore.objects.create(
                encoder=phi, response=response, cosine=0.125, is_refusal=False, created_at=NOW
            )
        assert self.score(team).status == Job.Status.SUCCEEDED
        cosines = list(CoherenceScore.objects.order_by("response__position").values_list("cosine", flat=True))
        assert cosines[:2] == [0.125, 0.125]
        assert len(cosines) == 3 and cosines[2] != 0.125

    @pytest.mark.once
    def test_fails_with_a_reason_where_the_encoder_cannot_be_loaded(self, team, settings, tmp_path):
        settings.ENCODER = str(tmp_path / "nowhere")
        settings.MODELS_DIR = tmp_path / "models"
        make_rating_stage(team.project, prompts=1)
        run = self.score(team)
        assert run.status == Job.Status.FAILED
        assert "nowhere" in run.reason
        assert CoherenceScore.objects.count() == 0

    @pytest.mark.once
    def test_stops_when_it_is_asked_to(self, team, real_encoder):
        make_rating_stage(team.project, prompts=2)
        (run,) = open_runs(now=NOW)

        def clock():
            ScoringRun.objects.filter(pk=run.pk, cancel_requested_at=None).update(cancel_requested_at=NOW)
            return NOW

        run_scoring(pk=run.pk, clock=clock)
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED

    def test_writes_nothing_once_another_worker_owns_the_run(self, team, real_encoder):
        make_rating_stage(team.project, prompts=2)
        (run,) = open_runs(now=NOW)

        def clock():
            ScoringRun.objects.filter(pk=run.pk, attempt=1).update(attempt=2)
            return NOW

        run_scoring(pk=run.pk, clock=clock)
        run.refresh_from_db()
        assert (run.status, run.attempt) == (Job.Status.RUNNING, 2)
        assert CoherenceScore.objects.count() == 0


class TestResumedRun:
    def test_takes_up_a_failed_run(self, team):
        stage = make_rating_stage(team.project, prompts=1)
        (run,) = open_runs(now=NOW)
        end_badly(run)
        from evaluation.stage_coherence import resume_scoring

        resumed = resume_scoring(stage=stage, by=team.admin, now=NOW)
        assert (resumed.pk, resumed.status, resumed.reason) == (run.pk, Job.Status.QUEUED, "")


@pytest.mark.skipif(not XSTEST.exists(), reason=f"XSTest is not at {XSTEST} (CONCORD_DATA names the folder)")
class TestOnXSTest:
    """Why refusals are reported apart: the cosine punishes them, correct ones too."""

    @pytest.fixture
    def rows(self):
        """Every sixth item of both models."""
        rows = []
        for model in ("mistralinstruct", "mistralguard"):
            with open(XSTEST / f"xstest_v2_completions_{model}.csv", encoding="utf-8", newline="") as file:
                rows += list(csv.DictReader(file))[::6]
        return rows

    @pytest.mark.once
    def test_full_refusals_lie_below_full_answers_and_canned_ones_near_nothing(
        self, rows, real_encoder, tmp_path, record_property
    ):
        """Mean over all 900 items: 0.77 for full answers, 0.62 for full refusals, which in these two models repeat
        much of the question; 0.05 for each answer with every other prompt. A refusal that names no topic is hardly
        nearer."""
        texts = {f"p{place}": row["prompt"] for place, row in enumerate(rows)}
        texts |= {f"r{place}": row["completion"] for place, row in enumerate(rows)}
        texts["canned"] = "I'm sorry, but I can't help with that."
        vectors, _ = embed_texts(texts, run_dir=tmp_path, phi=real_encoder)
        cosines = {}
        for place, row in enumerate(rows):
            prompt = vectors[f"p{place}"]
            cosines.setdefault(row["final_label"], []).append(float(prompt @ vectors[f"r{place}"]))
            cosines.setdefault("canned", []).append(float(prompt @ vectors["canned"]))
        means = {label: float(np.mean(values)) for label, values in cosines.items()}
        for label, mean in means.items():
            record_property(label, mean)
        assert means["1_full_compliance"] == pytest.approx(0.77, abs=0.03)
        assert means["2_full_refusal"] == pytest.approx(0.62, abs=0.05)
        assert means["canned"] < 0.2
