import json
import os
import shutil
import signal

import pytest
from transformers import GenerationMixin

from jobs.files import write_json
from jobs.supervisor import python_child, supervise
from training.trainer import generate

PROMPTS = [{"id": f"p{i}", "text": "how do I do task " + "please " * (i % 5) + str(i)} for i in range(14)]


def texts(folder):
    return {row["id"]: row["text"] for row in folder.lines("responses.jsonl")}


class TestGenerate:
    @pytest.fixture
    def whole(self, generation):
        folder = generation("whole", PROMPTS)
        assert generate.main([folder.path]) == 0
        return folder

    def test_answers_every_prompt_and_tells_how_far_it_is(self, whole):
        rows = whole.lines("responses.jsonl")
        assert sorted(row["id"] for row in rows) == sorted(prompt["id"] for prompt in PROMPTS)
        assert all(row["text"] and row["finish_reason"] == "length" and row["tokens"] == 8 for row in rows)
        assert [event["done"] for event in whole.kinds("progress")] == [4, 8, 12, 14]
        assert whole.events[-1]["status"] == "succeeded"

    def test_gives_the_same_texts_in_another_order_and_batching(self, whole, generation):
        other = generation("other", PROMPTS[::-1], batch_size=5)
        generate.main([other.path])
        assert texts(other) == texts(whole)

    def test_gives_other_texts_under_another_seed(self, whole, generation):
        other = generation("other", [{**prompt, "seed": 99} for prompt in PROMPTS])
        generate.main([other.path])
        assert all(texts(other)[id] != text for id, text in texts(whole).items())

    def test_resumes_after_a_torn_line_without_repeating_or_losing_one(self, whole, generation):
        torn = generation("torn", PROMPTS)
        saved = (whole.path / "responses.jsonl").read_bytes()
        (torn.path / "responses.jsonl").write_bytes(saved[: len(saved) // 2])
        generate.main([torn.path])
        assert (torn.path / "responses.jsonl").read_bytes() == saved

    @pytest.mark.deep
    def test_survives_a_kill_without_repeating_or_losing_one(self, whole, generation):
        killed = generation("killed", PROMPTS, batch_size=1)

        def kill(event):
            if event["kind"] == "progress" and event["done"] >= 3:
                os.kill(json.loads((killed.path / "pid.json").read_text())["pid"], signal.SIGKILL)

        outcome = supervise(
            python_child("training.trainer.generate", killed.path), killed.path, on_event=kill, poll=0.005
        )
        before = killed.lines("responses.jsonl")
        assert outcome.code == "killed"
        assert 3 <= len(before) < len(PROMPTS)
        assert generate.main([killed.path]) == 0
        rows = killed.lines("responses.jsonl")
        assert rows[: len(before)] == before
        assert len(rows) == len(PROMPTS)
        assert texts(killed) == texts(whole)

    def test_stops_between_tokens_when_cancelled(self, generation):
        folder = generation("cancelled", PROMPTS)
        (folder.path / "CANCEL").touch()
        assert generate.main([folder.path]) == 75
        assert folder.events[-1]["status"] == "cancelled"
        assert folder.lines("responses.jsonl") == []

    def test_says_at_once_that_all_is_done(self, whole):
        before = (whole.path / "responses.jsonl").read_bytes()
        assert generate.main([whole.path]) == 0
        assert (whole.path / "responses.jsonl").read_bytes() == before
        assert whole.kinds("start")[-1]["done"] == len(PROMPTS)

    def test_heeds_the_system_prompt(self, whole, generation):
        other = generation(
            "system", PROMPTS, system_prompt="keep it good", sampling={"temperature": 0, "max_new_tokens": 8}
        )
        greedy = generation("greedy", PROMPTS, sampling={"temperature": 0, "max_new_tokens": 8})
        for folder in (other, greedy):
            generate.main([folder.path])
        assert texts(other) != texts(greedy)

    def test_answers_a_conversation_from_all_of_its_messages(self, generation):
        chat = [
            {"role": role, "content": text}
            for role, text in (("user", "a"), ("assistant", "b"), ("user", "c"))
        ]
        rows = [{"id": 1, "text": "c", "seed": 1, "messages": chat}, {"id": 2, "text": "c", "seed": 1}]
        folder = generation("talk", rows, sampling={"temperature": 0, "max_new_tokens": 8})
        assert generate.main([folder.path]) == 0
        assert texts(folder)[1] != texts(folder)[2]

    def test_marks_a_prompt_that_does_not_fit_and_answers_the_others_as_without_it(self, whole, generation):
        folder = generation("long", [*PROMPTS, {"id": "long", "text": "please " * 1100}])
        assert generate.main([folder.path]) == 0
        rows = folder.lines("responses.jsonl")
        (marked,) = [row for row in rows if "reason" in row]
        assert (marked["id"], marked["reason"]["code"]) == ("long", "prompt_too_long")
        assert marked["reason"]["params"]["window"] == 1024
        answered = {row["id"]: row["text"] for row in rows if "text" in row}
        assert answered == texts(whole)
        assert generate.main([folder.path]) == 0 and folder.lines("responses.jsonl") == rows

    def test_marks_a_conversation_that_the_template_refuses(self, generation):
        chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "c"}]
        rows = [{"id": 1, "text": "c", "messages": chat}, {"id": 2, "text": "c"}]
        folder = generation("talk", rows)
        path = shutil.copytree(folder.config["model_path"], folder.path / "strict")
        template = "{% if messages[0].role == 'system' %}{{ raise_exception('No system role') }}{% endif %}"
        (path / "chat_template.jinja").write_text(template + (path / "chat_template.jinja").read_text())
        write_json(folder.path / "config.json", folder.config | {"model_path": str(path)})
        assert generate.main([folder.path]) == 0
        found = {row["id"]: row.get("reason") for row in folder.lines("responses.jsonl")}
        assert found == {1: {"code": "prompt_refused", "params": {"words": "No system role"}}, 2: None}

    def test_halves_a_batch_for_which_memory_is_short(self, whole, generation, monkeypatch):
        folder, drawn, most = generation("tight", PROMPTS), GenerationMixin.generate, 1

        def short(model, input_ids, **options):
            if len(input_ids) > most:
                raise RuntimeError(
                    "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
                )
            return drawn(model, input_ids=input_ids, **options)

        monkeypatch.setattr(GenerationMixin, "generate", short)
        assert generate.main([folder.path]) == 0
        assert texts(folder).keys() == texts(whole).keys()
        assert {event["rows"] for event in folder.kinds("halved")} == {4, 2}
        most = 0
        none = generation("none", PROMPTS[:1])
        assert generate.main([none.path]) != 0 and none.events[-1]["code"] == "oom"

    @pytest.mark.parametrize(
        ("prompts", "config", "code", "words"),
        [
            ([{"id": 1, "text": "a"}, {"id": 1, "text": "b"}], {}, "bad_data", "line 2: id 1 occurs twice"),
            ([{"id": 1}], {}, "bad_data", "line 1: needs an id and a text"),
            ([{"id": 1, "text": "a", "messages": []}], {}, "bad_data", "line 1: messages must be"),
            ([{"id": 1, "text": "please " * 1100}], {}, "bad_data", "window of 1024"),
            ([{"id": 1, "text": "a"}], {"sampling": {"top_p": 0}}, "config", "0 < top_p"),
            ([{"id": 1, "text": "a"}], {"sampling": {"top_k": 5}}, "config", "top_k"),
            ([{"id": 1, "text": "a"}], {"batchsize": 5}, "config", "unknown ['batchsize']"),
            ([{"id": 1, "text": "a"}], {"model_path": "/nowhere"}, "model", "not a model folder"),
        ],
    )
    def test_refuses_what_can_not_be_with_a_reason(self, generation, prompts, config, code, words):
        folder = generation("bad", prompts, **config)
        assert generate.main([folder.path]) != 0
        assert folder.events[-1]["code"] == code
        assert words in folder.events[-1]["message"]


class TestFinish:
    def test_ends_at_the_first_end_token(self):
        assert generate.finish([5, 6, 2, 2, 2], {2}) == ([5, 6], "stop", 3)

    def test_is_cut_where_there_is_none(self):
        assert generate.finish([5, 6], {2}) == ([5, 6], "length", 2)


class TestTidied:
    @pytest.mark.parametrize(
        ("drawn", "text"),
        [
            (" Hello. \n", "Hello."),
            ("\n \n    if ready:\r\n        go()\n\n", "    if ready:\n        go()"),
            ("\n Yes", "Yes"),
            ("\tgo()", "\tgo()"),
            (" \n ", ""),
        ],
    )
    def test_keeps_indentation_and_no_blanks_around(self, drawn, text):
        assert generate.tidied(drawn) == text


class TestPlanBatches:
    def test_puts_the_longest_first_and_every_prompt_once(self):
        encoded = [[0] * length for length in (3, 9, 1, 9, 5)]
        assert generate.plan_batches(encoded, 2) == [[1, 3], [4, 0], [2]]
