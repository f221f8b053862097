"""The child that asks an OpenAI-compatible endpoint, against a real HTTP server."""

from contextlib import ExitStack

import pytest

from jobs.files import read_lines, write_json, write_lines
from tests.endpoint import said, served
from training.trainer import ask, endpoint
from training.trainer.endpoint import Pace, _seconds

PROMPTS = [
    {"id": f"p{number}", "text": f"How do I do task {number}?", "seed": 2**40 + number} for number in range(5)
]
SAMPLING = {"temperature": 0.5, "top_p": 0.9, "max_new_tokens": 8, "repetition_penalty": 1.0}


@pytest.fixture
def serve():
    with ExitStack() as servers:
        yield lambda says: servers.enter_context(served(says))


@pytest.fixture
def asking(tmp_path, monkeypatch):
    """Asks a server for PROMPTS and returns (exit code, {id: row}, the last event)."""
    monkeypatch.setattr(endpoint, "_pause", lambda tried, after: min(_seconds(after) or 0.01, 0.2))

    def run(server, prompts=PROMPTS, **config):
        write_lines(tmp_path / "prompts.jsonl", prompts)
        given = {
            "url": server.url,
            "model": "some-model",
            "sampling": SAMPLING,
            "batch_size": 2,
            "per_minute": 60_000,
        }
        write_json(tmp_path / "config.json", given | config)
        code = ask.main([tmp_path])
        rows = {row["id"]: row for row in read_lines(tmp_path / "responses.jsonl")}
        events = read_lines(tmp_path / "events.jsonl")
        failures = [event for event in events if event["kind"] == "error"]
        return code, rows, (failures or events)[-1]

    return run


class TestAsk:
    def test_asks_each_prompt_once_with_its_seed_and_the_key(self, serve, asking, monkeypatch):
        monkeypatch.setenv("KEY_OF_THE_TEST", "not-to-be-kept")
        server = serve(lambda body, tried: said(f" To {body['messages'][-1]['content']}\r\n"))
        code, rows, last = asking(server, key_variable="KEY_OF_THE_TEST", system_prompt="Be brief.")
        assert (code, last["status"]) == (0, "succeeded")
        assert rows["p3"] == {
            "id": "p3",
            "text": "To How do I do task 3?",
            "finish_reason": "stop",
            "tokens": 3,
        }
        assert len(server.asked) == len(rows) == len(PROMPTS)
        for path, authorization, body, _ in server.asked:
            assert (path, authorization) == ("/v1/chat/completions", "Bearer not-to-be-kept")
            assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == (
                "some-model",
                0.5,
                0.9,
                8,
            )
            assert body["messages"][0] == {"role": "system", "content": "Be brief."}
            assert (
                body["seed"] == int(body["messages"][-1]["content"][-2]) and "repetition_penalty" not in body
            )

    def test_tells_how_answers_ended_and_which_were_refused(self, serve, asking):
        def says(body, tried):
            number = body["messages"][-1]["content"][-2]
            if number == "1":
                return 400, {}, {"error": {"message": "context length exceeded"}}
            return said("Cut", {"2": "length", "3": "content_filter"}.get(number, "stop"))

        code, rows, _ = asking(serve(says))
        assert code == 0
        assert rows["p1"]["reason"] == {
            "code": "endpoint_refuses",
            "params": {"status": 400, "words": "context length exceeded"},
        }
        assert rows["p2"]["finish_reason"] == "length" and rows["p4"]["finish_reason"] == "stop"
        assert rows["p3"]["reason"]["code"] == "endpoint_filters"

    def test_tries_again_what_may_yet_succeed(self, serve, asking):
        def says(body, tried):
            troubles = [(429, {"Retry-After": "0.1"}, {}), (503, {}, "busy"), (200, {}, {"choices": []})]
            return troubles[tried - 1] if tried <= len(troubles) else said("At last.")

        server = serve(says)
        code, rows, _ = asking(server, PROMPTS[:1])
        assert (code, rows["p0"]["text"], len(server.asked)) == (0, "At last.", 4)
        assert server.asked[1][3] - server.asked[0][3] >= 0.1

    @pytest.mark.parametrize(
        ("status", "tries", "reason"),
        [(401, 1, "endpoint_denies"), (302, 1, None), (500, 8, "endpoint_away")],
    )
    def test_ends_with_a_reason_and_keeps_what_it_has(self, serve, asking, status, tries, reason):
        def says(body, tried):
            if body["messages"][-1]["content"][-2] == "0":
                return said("First.")
            return status, {"Location": "http://127.0.0.1:9/elsewhere"}, {"error": "no"}

        server = serve(says)
        code, rows, last = asking(server, PROMPTS[:2], batch_size=1)
        assert rows["p0"]["text"] == "First." and server.tries[PROMPTS[1]["text"]] == tries
        if reason:
            assert (code, last["reason"]) == (78 if status == 401 else 1, reason)
        else:  # another address is not followed
            assert rows["p1"]["reason"]["params"]["status"] == 302

    def test_goes_on_behind_what_it_has(self, serve, asking):
        server = serve(lambda body, tried: said("Once."))
        asking(server, PROMPTS[:3])
        asking(server)
        assert len(server.asked) == len(PROMPTS)

    def test_says_which_variable_lacks_the_key(self, serve, asking, monkeypatch):
        monkeypatch.delenv("NO_KEY", raising=False)
        code, _, last = asking(serve(lambda body, tried: said("")), key_variable="NO_KEY")
        assert (code, last["params"]) == (78, {"variable": "NO_KEY"})


class TestPace:
    def test_lets_no_more_begin_than_allowed(self):
        rests = []
        pace = Pace(600)
        for _ in range(4):
            pace.wait(rests.append)
        assert rests == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.05)


class TestSeconds:
    @pytest.mark.parametrize(("after", "seconds"), [("3", 3), ("0.5", 0.5), (None, None), ("soon", None)])
    def test_reads_what_an_endpoint_asks_for(self, after, seconds):
        assert _seconds(after) == seconds

    def test_reads_a_date(self):
        assert _seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
