"""Simulated experts with the real Sentence-BERT: they rate as real people do, repeatably, and are told apart."""

from collections import Counter
from statistics import fmean

import pytest
from django.utils import timezone

from annotation.answers import score_rows
from annotation.assignment import next_assignment
from annotation.importing import import_prompts
from annotation.models import Rating, Response
from annotation.responses import NewResponse, add_responses, open_rating
from arbitration.cases import claim_case
from arbitration.labels import finalize_labels
from arbitration.models import Decision, FinalLabel
from core.errors import InvalidInput
from core.models import Membership, ModelVersion, Stage, User
from evaluation.demo import Loop, LoopStopped, Size, demo_prompts, seed_demo
from evaluation.reports import as_json, build_report
from evaluation.simulation import before_people, simulate_stage
from jobs.models import Job
from tests.factories.annotation import make_prompts, make_rating_stage, make_stage
from tests.factories.arbitration import make_divergent
from tests.factories.core import NOW, make_project, make_user
from training.models import GenerationRun, TrainingRun, TrainingSet

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PROMPTS = 12
EXPERTS = ["sim-amara", "sim-bruno", "sim-chloe"]
GOOD, OFF, DECLINED = "good", "off the topic", "declined"
REFUSAL = "I'm sorry, but I can't help with that request."


def make_simulated_stage(model_name):
    """A stage whose responses are, in turns, another prompt's reference, the prompt's own, and a refusal.

    Returns (stage, {prompt id: which of them it got}).
    """
    team = make_project(experts=0)
    rows = demo_prompts(120 // PROMPTS)
    import_prompts(project=team.project, rows=rows, by=team.admin, now=NOW)
    stage = make_stage(team.project, model_name=model_name)
    model = ModelVersion.objects.get(project=team.project, name=model_name)
    prompts = list(team.project.prompts.order_by("external_id"))
    answers, kinds = [], {}
    for place, prompt in enumerate(prompts):
        kind = (OFF, GOOD, DECLINED)[place % 3]
        text = {
            GOOD: prompt.reference,
            OFF: prompts[place - 2].reference,
            DECLINED: REFUSAL,
        }[kind]
        kinds[prompt.external_id] = kind
        answers.append(NewResponse(prompt, text, model))
    add_responses(stage=stage, answers=answers, now=NOW)
    return open_rating(stage=stage, by=team.admin, now=NOW), kinds


def scores_of(stage):
    """{(prompt id, username, axis): score}"""
    rows = score_rows(Rating).filter(owner__response__stage=stage)
    rows = rows.values_list(
        "owner__response__prompt__external_id", "owner__expert__username", "axis__key", "value"
    )
    return {(prompt, name, axis): value for prompt, name, axis, value in rows}


class TestSimulateStage:
    def test_rates_settles_and_says_who_did_it(self):
        pytest.importorskip("sentence_transformers")
        stage, kinds = make_simulated_stage("first-model")
        heard = Counter()
        done = simulate_stage(
            stage=stage, seed=3, clock=lambda: NOW, on_progress=lambda kind: heard.update([kind])
        )

        assert done.ratings == heard["rating"] == PROMPTS * 3
        ratings = Rating.objects.filter(response__stage=stage)
        given = Counter(ratings.values_list("response", "expert__username"))
        assert set(given.values()) == {1}
        assert Counter(response for response, _ in given) == {
            pk: 3 for pk in stage.responses.values_list("pk", flat=True)
        }
        assert {name for _, name in given} == set(EXPERTS)

        # They disagree, and a simulated lead settles it; nothing stays open.
        assert 0 < done.decisions == heard["decision"] == Decision.objects.count() < PROMPTS
        assert set(stage.responses.values_list("status", flat=True)) == {
            Response.Status.AGREED,
            Response.Status.RESOLVED,
        }
        people = User.objects.filter(username__startswith="sim-", memberships__project=stage.project)
        assert {person.username for person in people} == {*EXPERTS, "sim-lead"}
        assert all(person.is_simulated and not person.has_usable_password() for person in people)

        self.judge_as_a_reader_would(stage, kinds)
        finalize_labels(stage=stage, by=None, now=NOW)
        report = as_json(build_report(stage.project))
        assert report["simulated"] and report["stages"][0]["simulated"]
        assert "simulated experts" in report["caveats"][0]
        assert done.revisions > 0
        assert FinalLabel.objects.filter(response__stage=stage, revision__isnull=False).exists()

        self.are_repeatable(stage)

    def judge_as_a_reader_would(self, stage, kinds):
        """Good answers are more helpful than others; a refusal is right where harm was asked for, else not."""
        scores = scores_of(stage)
        harmful = set(
            stage.project.prompts.filter(tags__name="must-decline").values_list("external_id", flat=True)
        )
        assert harmful and harmful < set(kinds)

        def mean(axis, kind, among):
            return fmean(
                value
                for (prompt, _, key), value in scores.items()
                if key == axis and kinds[prompt] == kind and prompt in among
            )

        harmless = set(kinds) - harmful
        assert mean("helpfulness", GOOD, harmless) > 4
        assert mean("helpfulness", OFF, harmless) < 2.5
        assert mean("helpfulness", DECLINED, harmless) < 2
        assert mean("relevance", GOOD, harmless) > mean("relevance", OFF, harmless) + 1
        for prompt in harmful:
            safety = [scores[prompt, name, "safety"] for name in EXPERTS]
            declines = kinds[prompt] != OFF  # their references decline too
            assert min(safety) >= 4 if declines else max(safety) <= 3

    def are_repeatable(self, stage):
        """A copy, whatever its rows' keys and its model are called, is judged the same by the same seed."""
        copy, _ = make_simulated_stage("another-model")
        simulate_stage(stage=copy, seed=3, clock=lambda: NOW)
        assert scores_of(copy) == scores_of(stage)

    def test_wants_references(self):
        team = make_project(experts=0)
        import_prompts(project=team.project, rows=[{"id": "1", "prompt": "Why?"}], by=None, now=NOW)
        stage = make_stage(team.project, model_name="model")
        model, prompt = stage.model_version, team.project.prompts.get()
        add_responses(stage=stage, answers=[NewResponse(prompt, "Because.", model)], now=NOW)
        open_rating(stage=stage, by=None, now=NOW)
        with pytest.raises(InvalidInput, match="1 prompts have no reference"):
            simulate_stage(stage=stage, clock=lambda: NOW)
        assert not Rating.objects.exists()

    def test_leaves_real_accounts_alone(self):
        team = make_project(experts=0)
        make_prompts(team.project)
        person = make_user("sim-bruno")
        with pytest.raises(InvalidInput, match="“sim-bruno” is a real account"):
            simulate_stage(stage=make_stage(team.project, model_name="model"), clock=lambda: NOW)
        assert not Membership.objects.filter(user=person).exists()

    def test_wants_as_many_experts_as_ratings(self):
        team = make_project(experts=0)
        with pytest.raises(InvalidInput, match="gets 3 ratings"):
            simulate_stage(stage=make_stage(team.project, model_name="model"), experts=2, clock=lambda: NOW)


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


class Bar:
    """A progress bar that notes what it is told, and stops the loop where the test wants it."""

    def __init__(self, heard, stop_in):
        self.heard, self.stop_in = heard, stop_in

    def __call__(self, label, total):
        self.label = label
        self.heard[label] = 0
        self.total = total
        return self

    def update(self, number):
        self.heard[self.label] += number
        if self.stop_in and self.stop_in in self.label and self.heard[self.label] * 2 >= self.total:
            raise Stopped

    def close(self, remark):
        pass


@pytest.mark.django_db(transaction=True)
class TestBeforePeople:
    def test_names_who_has_a_rating_or_a_case_open(self):
        team = make_project()
        stage = make_rating_stage(team.project, prompts=2)
        assert before_people(stage) == []
        first = stage.responses.earliest("position")
        make_divergent(first, team.experts)
        claim_case(response=first, by=team.lead, now=NOW)
        next_assignment(stage=stage, expert=team.experts[1], now=NOW)
        assert before_people(stage) == [
            f"a rating by {team.experts[1].username}",
            f"a case by {team.lead.username}",
        ]


class TestLoop:
    SIZE = Size("loop", "A small loop", 20, {"max_new_tokens": 8}, epochs=1, stages=1)

    def go(self, project, *, stop_in="", check=lambda: None):
        heard = {}
        Loop(project=project, size=self.SIZE, bar=Bar(heard, stop_in), check=check, seed=1).run()
        return heard

    @pytest.mark.deep
    def test_goes_on_from_wherever_it_was_interrupted(self, concord, tiny_model):
        pytest.importorskip("sentence_transformers")
        project = seed_demo(size=self.SIZE, now=timezone.now())
        count = project.prompts.count()
        concord.start("worker", "gpu-worker", "beat")
        with pytest.raises(Stopped):
            self.go(project, stop_in="Base: simulated ratings")
        base = project.stages.get()
        assert 0 < Rating.objects.count() < 3 * count
        assert base.status == Stage.Status.RATING

        def stop_once_the_base_is_final():
            if TrainingRun.objects.exists():
                raise Stopped

        with pytest.raises(Stopped):
            self.go(project, check=stop_once_the_base_is_final)
        base.refresh_from_db()
        assert base.status in (Stage.Status.LABELS_FINAL, Stage.Status.COMPLETE)

        heard = self.go(project)
        assert heard["Coherence"] == 2 * count
        stages = list(project.stages.order_by("number"))
        assert [stage.status for stage in stages] == [Stage.Status.COMPLETE, Stage.Status.LABELS_FINAL]
        assert Rating.objects.count() == 2 * 3 * count
        for model, number in ((TrainingRun, 1), (TrainingSet, 1), (GenerationRun, 2)):
            assert model.objects.count() == number
        report = as_json(build_report(project))
        assert [stage["final"] for stage in report["stages"]] == [True, True]
        assert all(stage["simulated"] and stage["coherence"] for stage in report["stages"])
        # A finished loop has nothing left to do.
        assert self.go(project) == {"Coherence": 2 * count}
        assert Rating.objects.count() == 2 * 3 * count

    def test_stops_with_the_reason_of_a_job_that_failed(self, transactional_db):
        project = seed_demo(size=self.SIZE, now=timezone.now())
        run = GenerationRun.objects.get()
        run.status, run.reason_code = Job.Status.FAILED, "empty_training_set"
        run.save()
        with pytest.raises(LoopStopped, match="Base: responses ended as failed: The training set is empty."):
            self.go(project)
