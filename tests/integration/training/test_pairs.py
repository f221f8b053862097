import hashlib
import json

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat

from annotation.models import Prompt
from arbitration.labels import finalize_labels
from arbitration.models import FinalLabel
from core.errors import InvalidInput
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.arbitration import settle
from tests.factories.core import NOW, make_project
from tests.factories.training import REVISION, make_sampling, make_trainable_stage
from training.dataset import file_of, freeze_training_set, read_lines_of
from training.lines import trl_line_of
from training.models import TrainingExample
from training.recipes import recipe_for

pytestmark = pytest.mark.django_db
Kind = TrainingExample.Kind
# What candidates of one prompt get: the first is safe, the second helpful, the third neither.
BY_CANDIDATE = (
    {"safety": 5, "helpfulness": 2},
    {"safety": 3, "helpfulness": 5},
    {"safety": 3, "helpfulness": 1},
)


def make_candidates_stage(team=None, candidates=3, prompts=4):
    """A turn with final labels in which the candidates of every prompt differ as BY_CANDIDATE says."""
    team = team or make_project(leads=2)
    stage = make_rating_stage(team.project, prompts=prompts, candidates=candidates)
    for response in stage.responses.order_by("position"):
        for expert in team.experts:
            rate(response, expert, score=4, scores=BY_CANDIDATE[response.candidate])
    settle(stage, team.lead)
    finalize_labels(stage=stage, by=team.admin, now=NOW)
    stage.refresh_from_db()
    return stage


def freeze(stage, **recipe):
    return freeze_training_set(stage=stage, by=None, now=NOW, recipe=recipe_for(stage, **recipe))


def rows_of(training_set, trl=False):
    return [json.loads(trl_line_of(line) if trl else line) for line in read_lines_of(training_set)]


class TestPairs:
    def test_the_first_axis_that_tells_two_candidates_apart_decides(self):
        training_set = freeze(make_candidates_stage(), objective="dpo", order=["safety", "helpfulness"])
        assert training_set.kind == "pairs"
        assert training_set.recipe["order"] == ["safety", "helpfulness"]
        pairs = list(training_set.examples.select_related("axis"))
        assert {pair.split for pair in pairs} == {"train", "validation"}
        assert len(pairs) == 3 * 3  # of 4 prompts one is held out
        told = {
            (pair.final_label.response.candidate, pair.rejected_label.response.candidate): (
                pair.axis.key,
                pair.score,
                pair.rejected_score,
            )
            for pair in pairs[:3]
        }
        assert told == {
            (0, 1): ("safety", 5, 3),
            (0, 2): ("safety", 5, 3),
            (1, 2): ("helpfulness", 5, 1),
        }
        assert all(pair.completion == pair.final_label.response.text for pair in pairs)
        assert all(pair.rejected == pair.rejected_label.response.text for pair in pairs)
        # Three experts of one mind: three quarters, by a gap of two points of four, and of four.
        assert sorted(pair.weight for pair in pairs[:3]) == [0.375, 0.375, 0.75]

    def test_another_order_is_another_set(self):
        stage = make_candidates_stage()
        first, other = (
            freeze(stage, objective="dpo", order=order)
            for order in (["safety", "helpfulness"], ["helpfulness", "safety"])
        )
        assert first.sha256 != other.sha256
        helpful = other.examples.filter(axis__key="helpfulness").first()
        assert helpful.final_label.response.candidate == 1

    def test_all_axes_may_decide_together(self):
        training_set = freeze(make_candidates_stage(), objective="dpo", all_axes=True, least_gap=0.05)
        pair = training_set.examples.first()
        assert pair.axis is None and pair.score > pair.rejected_score

    def test_never_crosses_prompts_nor_system_prompts(self):
        stage = make_candidates_stage()
        stage.responses.filter(candidate=0).update(sampling=make_sampling(system_prompt="Be kind."))
        pairs = freeze(stage, objective="dpo").examples.select_related(
            "final_label__response", "rejected_label__response"
        )
        assert len(pairs) == 3
        for pair in pairs:
            better, worse = pair.final_label.response, pair.rejected_label.response
            assert better.prompt_id == worse.prompt_id
            assert (better.candidate, worse.candidate) == (1, 2)

    def test_holds_a_turn_against_earlier_ones_of_the_same_prompts(self):
        team = make_project(leads=2)
        earlier = make_candidates_stage(team, candidates=1)
        earlier.responses.update(text=Concat(Value("Once: "), F("text")))
        later = make_rating_stage(team.project)
        for response in later.responses.order_by("position"):
            for expert in team.experts:
                rate(response, expert, score=2)
        settle(later, team.lead)
        finalize_labels(stage=later, by=team.admin, now=NOW)
        later.refresh_from_db()
        rows = rows_of(freeze(later, objective="dpo"))
        assert [row["id"] for row in rows] == ["q0:0.0>1.0", "q1:0.0>1.0", "q2:0.0>1.0"]
        assert all(row["chosen"].startswith("Once: ") for row in rows)
        with pytest.raises(InvalidInput, match="no pair to learn from"):
            freeze(earlier, objective="dpo")  # what came later is nothing to it

    def test_an_accepted_revision_is_better_than_its_response(self):
        stage = make_trainable_stage(revised=2)
        rows = rows_of(freeze(stage, objective="corrections"))
        assert [(row["chosen"], row["kind"]) for row in rows] == [(REVISION, "corrected")] * 2
        pair = TrainingExample.objects.filter(kind=Kind.CORRECTED).first()
        assert pair.rejected == pair.final_label.response.text
        assert pair.rejected_label == pair.final_label and pair.score is None
        assert pair.weight > 0
        assert rows_of(freeze(stage, objective="dpo")) == rows

    def test_gives_the_lines_that_trls_trainer_reads(self):
        row = rows_of(freeze(make_candidates_stage(), objective="dpo"), trl=True)[0]
        assert set(row) == {"id", "split", "prompt", "chosen", "rejected", "weight"}
        assert row["prompt"][0]["role"] == "user"
        assert row["chosen"][0] == {"role": "assistant", "content": "Answer 0 to q0: boil it."}

    def test_builds_the_same_bytes_from_the_rows_when_the_file_is_gone(self):
        for training_set in (
            freeze(make_candidates_stage(), objective="dpo"),
            freeze(make_trainable_stage(revised=2), objective="kto"),
            freeze(make_trainable_stage(revised=1), objective="weighted_sft"),
        ):
            default_storage.delete(file_of(training_set))
            content = b"".join(read_lines_of(training_set))
            assert hashlib.sha256(content).hexdigest() == training_set.sha256

    def test_refuses_a_recipe_that_cannot_be_drawn(self):
        stage = make_candidates_stage()
        for recipe in ({"order": ["speed"]}, {"order": []}, {"order": ["safety"] * 2}, {"least_gap": 0}):
            with pytest.raises(InvalidInput):
                recipe_for(stage, objective="dpo", **recipe)
        with pytest.raises(InvalidInput, match="Choose an objective"):
            recipe_for(stage, objective="ppo")

    def test_puts_a_held_out_or_half_a_pair_beyond_reach_in_the_database(self):
        training_set = freeze(make_candidates_stage(), objective="dpo")
        pair = training_set.examples.first()
        held_out = FinalLabel.objects.filter(response__prompt__split=Prompt.Split.HELD_OUT).first()
        fields = {
            "training_set": training_set, "position": 99, "final_label": held_out, "split": "train",
            "kind": Kind.PREFERRED, "prompt_text": "?", "completion": "!", "rejected": "?",
            "rejected_label": pair.rejected_label,
        }  # fmt: skip
        for wrong in (
            {"split": "held-out"},
            {"rejected_label": None},
            {"kind": Kind.AS_IS},
            {"weight": 0},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                TrainingExample.objects.create(**fields | wrong)


class TestAnswers:
    def test_weighs_by_how_near_the_experts_are_to_each_other(self):
        team = make_project(leads=2)
        stage = make_rating_stage(team.project, prompts=4)
        for response in stage.responses.order_by("position"):
            of_one_mind = response.prompt.external_id == "q0"
            for number, expert in enumerate(team.experts):
                rate(response, expert, score=5 if of_one_mind or number else 4)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        stage.refresh_from_db()
        training_set = freeze(stage, objective="weighted_sft")
        weights = {row["id"]: row["weight"] for row in rows_of(training_set)}
        assert weights["q0:0"] == 0.75
        assert 0.6 < weights["q1:0"] < 0.75
        assert "weight" not in rows_of(freeze(stage))[0]

    def test_takes_of_several_candidates_the_one_with_the_best_label(self):
        team = make_project(leads=2)
        stage = make_rating_stage(team.project, prompts=4, candidates=3)
        for response in stage.responses.order_by("position"):
            for expert in team.experts:
                rate(response, expert, score=4, scores={"safety": (4, 5, 5)[response.candidate]})
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        stage.refresh_from_db()
        assert freeze(stage).examples.count() == 9
        best = freeze(stage, objective="best_of_n").examples.all()
        assert [each.final_label.response.candidate for each in best] == [1, 1, 1]
        assert [each.position for each in best] == [0, 1, 2]


class TestJudged:
    def test_takes_revisions_and_aligned_responses_as_good_and_misaligned_ones_as_poor(self):
        training_set = freeze(make_trainable_stage(revised=1), objective="kto")
        rows = rows_of(training_set)
        revised = [row for row in rows if row["id"].startswith("q0:")]
        assert [(row["id"], row["desirable"]) for row in revised] == [("q0:0+", True), ("q0:0", False)]
        assert revised[0]["completion"] == REVISION
        assert sum(row["desirable"] for row in rows) == len(rows) - 1
        assert rows_of(training_set, trl=True)[0]["label"] is True

    def test_says_what_is_missing_where_all_answers_are_good(self):
        with pytest.raises(InvalidInput, match="is misaligned"):
            freeze(make_trainable_stage(revised=0), objective="kto")
