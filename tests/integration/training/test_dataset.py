import hashlib
import json
import uuid

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from annotation.models import Prompt, Response
from arbitration.cases import claim_case, exclude_response
from arbitration.labels import finalize_labels
from arbitration.models import FinalLabel
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent
from tests.factories.annotation import (
    CONVERSATION,
    make_conversation,
    make_prompts,
    make_rating_stage,
    rate,
)
from tests.factories.arbitration import make_final_stage
from tests.factories.core import NOW, make_project
from tests.factories.training import REVISION, make_sampling, make_trainable_stage
from training.dataset import (
    file_of,
    freeze_training_set,
    line_of,
    preview_training_set,
    read_lines_of,
    split_lines,
)
from training.models import TrainingExample, TrainingSet

pytestmark = pytest.mark.django_db


def freeze(stage):
    return freeze_training_set(stage=stage, by=None, now=NOW)


class TestFreezeTrainingSet:
    def test_takes_train_and_validation_prompts_and_never_held_out_ones(self):
        training_set = freeze(make_trainable_stage(prompts=8, revised=0))
        examples = training_set.examples.select_related("final_label__response__prompt")
        assert {example.split for example in examples} == {"train", "validation"}
        assert {e.final_label.response.prompt.split for e in examples} == {"train", "validation"}
        assert all(e.split == e.final_label.response.prompt.split for e in examples)
        assert len(examples) == 6  # of 8 prompts, 2 are held out

    def test_orders_examples_by_prompt_whatever_the_order_of_the_hand_out(self):
        examples = freeze(make_trainable_stage(prompts=12)).examples.all()
        positions = [example.final_label.response.prompt.position for example in examples]
        assert positions == sorted(positions)
        assert [example.position for example in examples] == list(range(len(examples)))

    def test_learns_the_accepted_revision_in_place_of_the_misaligned_response(self):
        training_set = freeze(make_trainable_stage(revised=1))
        revised = training_set.examples.get(kind=TrainingExample.Kind.REVISED)
        assert revised.completion == REVISION
        assert revised.final_label.alignment == FinalLabel.Alignment.MISALIGNED
        assert revised.final_label.revision.text == REVISION

    def test_learns_fully_aligned_responses_as_they_are(self):
        training_set = freeze(make_trainable_stage(revised=1))
        as_is = training_set.examples.filter(kind=TrainingExample.Kind.AS_IS)
        assert as_is and all(e.completion == e.final_label.response.text for e in as_is)
        assert all(e.final_label.alignment == FinalLabel.Alignment.ALIGNED for e in as_is)

    def test_marks_what_was_cut_off_at_the_token_limit_and_is_learned_as_it_is(self):
        stage = make_trainable_stage(revised=1)
        stage.responses.update(finish_reason=Response.CUT_OFF)
        training_set = freeze(stage)
        marked = training_set.examples.filter(is_cut_off=True)
        assert set(marked) == set(training_set.examples.filter(kind=TrainingExample.Kind.AS_IS))
        assert marked.filter(split="train").count() == preview_training_set(stage).cut_off > 0
        told = [json.loads(line).get("cut_off") for line in read_lines_of(training_set)]
        assert told.count(True) == len(marked) and told.count(None) == 1

    def test_learns_nothing_from_an_excluded_response_not_even_its_revision(self):
        team = make_project(leads=2)
        stage = make_rating_stage(team.project, prompts=4)
        excluded = stage.responses.filter(prompt__split="train").first()
        for number, expert in enumerate(team.experts):
            rate(excluded, expert, scores={"safety": (1, 5, 1)[number]}, revised_response=REVISION)
        case = claim_case(response=Response.objects.get(pk=excluded.pk), by=team.lead, now=NOW)
        exclude_response(
            case=case, by=team.lead, rationale="It names a person.", submission=uuid.uuid4(), now=NOW
        )
        for response in stage.responses.exclude(pk=excluded.pk):
            for expert in team.experts:
                rate(response, expert, score=5)
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        stage.refresh_from_db()
        examples = freeze(stage).examples
        assert not examples.filter(final_label__response=excluded).exists()
        assert examples.count() == 2
        assert preview_training_set(stage).left_out["excluded by a lead"] == 1

    def test_keeps_a_conversation_as_rows_and_tells_it_in_its_line(self):
        team = make_project(leads=2)
        make_conversation(team.project)
        make_prompts(team.project, count=4)
        stage = make_trainable_stage(team, revised=0)
        stage.responses.update(sampling=make_sampling(system_prompt="Be kind."))
        training_set = freeze(stage)
        talk, *plain = training_set.examples.all()
        assert [(each.role, each.text) for each in talk.earlier] == list(CONVERSATION[:-1])
        assert (talk.prompt_text, talk.system_prompt) == (CONVERSATION[-1][1], "")
        assert {(each.earlier_count, each.system_prompt) for each in plain} == {(0, "Be kind.")}
        rows = [json.loads(line) for line in read_lines_of(training_set)]
        assert rows[0]["messages"] == [{"role": role, "content": text} for role, text in CONVERSATION]
        assert rows[0]["prompt"] == CONVERSATION[-1][1] and "system" not in rows[0]
        assert not any("messages" in row for row in rows[1:])
        default_storage.delete(file_of(training_set))
        assert b"".join(read_lines_of(training_set)) == b"".join(map(line_of, training_set.examples.all()))

    def test_counts_what_is_said_before_a_question_when_it_estimates(self):
        team = make_project(leads=2)
        make_prompts(team.project, count=4)
        talk = make_conversation(team.project)
        stage = make_trainable_stage(team, revised=0)
        before = preview_training_set(stage).tokens
        talk.earlier_messages.filter(position=1).update(text="x" * 4500)
        assert preview_training_set(stage).tokens > before + 900

    def test_gives_the_same_row_when_frozen_again(self):
        stage = make_trainable_stage()
        first, again = freeze(stage), freeze(stage)
        assert first == again
        assert TrainingSet.objects.count() == 1
        assert AuditEvent.objects.filter(verb="trainingset:freeze").count() == 1

    def test_stores_the_lines_under_their_own_hash(self):
        training_set = freeze(make_trainable_stage())
        with default_storage.open(file_of(training_set)) as file:
            content = file.read()
        assert hashlib.sha256(content).hexdigest() == training_set.sha256
        rows = [json.loads(line) for line in content.splitlines()]
        assert [row["id"] for row in rows] == [
            f"{e.final_label.response.prompt.external_id}:0" for e in training_set.examples.all()
        ]
        assert set(rows[0]) == {"id", "split", "kind", "prompt", "completion"}

    def test_gives_the_same_hash_for_the_same_labels_in_another_project(self):
        first = freeze(make_trainable_stage(make_project(leads=2)))
        second = freeze(make_trainable_stage(make_project(leads=2, seed=99)))
        assert first != second
        assert first.sha256 == second.sha256

    def test_refuses_a_stage_whose_labels_are_not_final(self):
        with pytest.raises(Conflict, match="finalize them first"):
            freeze(make_rating_stage(make_project().project))

    def test_refuses_an_empty_set_with_what_to_do(self):
        with pytest.raises(InvalidInput, match="revised responses"):
            freeze(make_final_stage(score=1))
        assert not TrainingSet.objects.exists()

    def test_refuses_a_set_of_validation_examples_only(self):
        team = make_project()
        make_prompts(team.project, count=2, splits=("validation", "held-out"))
        with pytest.raises(InvalidInput, match="nothing to learn from"):
            freeze(make_final_stage(team, score=5))

    def test_puts_a_held_out_example_beyond_reach_in_the_database(self):
        training_set = freeze(make_trainable_stage())
        label = FinalLabel.objects.filter(response__prompt__split=Prompt.Split.HELD_OUT).first()
        with pytest.raises(IntegrityError), transaction.atomic():
            TrainingExample.objects.create(
                training_set=training_set,
                position=999,
                final_label=label,
                split="held-out",
                kind="as_is",
                prompt_text="?",
                completion="!",
            )


class TestReadLinesOf:
    def test_reads_the_file(self):
        training_set = freeze(make_trainable_stage())
        assert len(read_lines_of(training_set)) == training_set.examples.count()

    def test_builds_the_same_bytes_from_the_rows_when_the_file_is_gone(self):
        training_set = freeze(make_trainable_stage())
        before = read_lines_of(training_set)
        default_storage.delete(file_of(training_set))
        assert read_lines_of(training_set) == before

    def test_does_not_believe_a_file_that_was_changed(self):
        training_set = freeze(make_trainable_stage())
        before = read_lines_of(training_set)
        with open(default_storage.path(file_of(training_set)), "ab") as file:
            file.write(b'{"id":"smuggled in"}\n')
        assert read_lines_of(training_set) == before
        default_storage.delete(file_of(training_set))

    def test_refuses_when_file_and_rows_are_not_what_was_frozen(self):
        training_set = freeze(make_trainable_stage())
        default_storage.delete(file_of(training_set))
        training_set.examples.filter(position=0).update(completion="something else")
        with pytest.raises(Conflict, match="restore"):
            read_lines_of(training_set)


class TestSplitLines:
    def test_parts_the_frozen_lines_without_changing_a_byte(self):
        training_set = freeze(make_trainable_stage())
        train, validation = split_lines(training_set)
        assert len(train.splitlines()) == training_set.examples.filter(split="train").count()
        assert len(validation.splitlines()) == training_set.examples.filter(split="validation").count()
        assert sorted((train + validation).splitlines(keepends=True)) == sorted(read_lines_of(training_set))


class TestPreviewTrainingSet:
    def test_counts_what_freezing_then_gives(self):
        stage = make_trainable_stage(prompts=12, revised=2)
        preview, examples = preview_training_set(stage), freeze(stage).examples
        trained = examples.filter(split="train")
        assert preview.as_is == trained.filter(kind="as_is").count()
        assert preview.revised == trained.filter(kind="revised").count() == 2
        assert preview.validation == examples.filter(split="validation").count()
        assert preview.left_out == {"to held-out prompts": 3}

    def test_counts_nothing_where_there_is_nothing_to_learn(self):
        preview = preview_training_set(make_final_stage(score=1))
        assert (preview.examples, preview.tokens, preview.validation) == (0, 0, 0)
        assert preview.left_out["neither fully aligned nor revised"] == 3

    def test_estimates_tokens_from_the_length_of_the_texts(self):
        stage = make_trainable_stage(revised=0)
        characters = sum(
            len(e.prompt_text) + len(e.completion) for e in freeze(stage).examples.filter(split="train")
        )
        preview = preview_training_set(stage)
        assert preview.tokens == round(characters / 4.5 + 32 * preview.examples)
        assert preview.seconds(2) == 2 * preview.tokens / 110
        assert not preview.measured

    def test_writes_nothing(self, django_assert_max_num_queries):
        stage = make_trainable_stage()
        events = AuditEvent.objects.count()
        with django_assert_max_num_queries(8):
            preview_training_set(stage)
        assert AuditEvent.objects.count() == events
        assert not TrainingSet.objects.exists()
