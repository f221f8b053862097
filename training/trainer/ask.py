"""`python -m training.trainer.ask RUN_DIR`: have an OpenAI-compatible endpoint answer prompts, saved one by one.

Reads and writes what `training.trainer.generate` does, so that whoever supervises it need not know which of them it
is. The key comes from the environment variable that the configuration names, and is written nowhere. The same seed is
asked for again; whether it gives the same text is the endpoint's affair.
"""

import os
import queue
import sys
import threading

from jobs.child import Cancelled, run_child
from jobs.failures import Failure
from jobs.files import append, cut_torn_line, encode_line, read_lines, write_json
from training.trainer.chats import chat_of
from training.trainer.endpoint import Declined, Endpoint
from training.trainer.prompts import check_sampling, read_prompts, tidied

DEFAULTS = {
    "prompts_file": "prompts.jsonl",
    "batch_size": 8,
    "seed": 0,
    "sampling": {},
    "system_prompt": None,
    "key_variable": "",
    "per_minute": 600,
}
SEEDS = 2**31
"""Endpoints take seeds of 31 bits."""
MOST_AT_ONCE = 64


def ask(child):
    config = child.config(DEFAULTS, required=("url", "model"))
    sampling = check_sampling(config["sampling"])
    prompts = read_prompts(child.run_dir / config["prompts_file"])
    path = child.run_dir / "responses.jsonl"
    cut_torn_line(path)
    done = {row["id"] for row in read_lines(path)}
    left = [prompt for prompt in prompts if prompt["id"] not in done]
    child.events.emit("start", total=len(prompts), done=len(prompts) - len(left))
    for row in _answers(child, config, sampling, left):
        append(path, encode_line(row))
        done.add(row["id"])
        child.events.emit("progress", done=len(done), total=len(prompts))
    write_json(
        child.run_dir / "result.json",
        {"responses": len(prompts), "device": config["url"], "versions": {"model": config["model"]}},
    )


def _answers(child, config, sampling, prompts):
    """The rows of `prompts` as they are answered, `batch_size` at a time. Raises what an endpoint fails with."""
    key = os.environ.get(config["key_variable"], "") if config["key_variable"] else ""
    if config["key_variable"] and not key:
        raise Failure("config", "endpoint_without_key", variable=config["key_variable"])
    stop = threading.Event()

    def rest(seconds):
        if stop.wait(seconds):
            raise Cancelled

    endpoint = Endpoint(config["url"], config["model"], key=key, per_minute=config["per_minute"], rest=rest)
    waiting, found = queue.SimpleQueue(), queue.SimpleQueue()
    for prompt in prompts:
        waiting.put(prompt)

    def work():
        try:
            while not stop.is_set():
                found.put(_row(endpoint, waiting.get_nowait(), config, sampling))
        except queue.Empty:
            return
        except (Failure, Cancelled) as ending:
            found.put(ending)

    # Daemons: what is under way when the work ends is nobody's any more.
    threads = [
        threading.Thread(target=work, daemon=True, name="ask")
        for _ in range(min(config["batch_size"], MOST_AT_ONCE, len(prompts)))
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in prompts:
            row = _next(child, found, threads)
            if isinstance(row, Exception):
                raise row
            yield row
    finally:
        stop.set()


def _next(child, found, threads):
    while True:
        child.go_on()
        at_work = any(thread.is_alive() for thread in threads)
        try:
            return found.get(timeout=0.5)
        except queue.Empty:
            if not at_work:
                raise RuntimeError(
                    "Those who ask have ended before all was answered: see the output."
                ) from None


def _row(endpoint, prompt, config, sampling):
    messages = chat_of(prompt["text"], messages=prompt.get("messages"), system=config["system_prompt"])
    try:
        text, reason, drawn = endpoint.answer(messages, sampling, prompt.get("seed", config["seed"]) % SEEDS)
    except Declined as why:
        return {"id": prompt["id"], "reason": {"code": why.code, "params": why.params}}
    return {
        "id": prompt["id"],
        "text": tidied(text).replace("\0", "\ufffd"),
        "finish_reason": reason,
        "tokens": drawn,
    }


def main(arguments):
    return run_child(ask, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
