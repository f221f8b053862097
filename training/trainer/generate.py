"""`python -m training.trainer.generate RUN_DIR`: answer prompts in batches, saved batch by batch. See README.md.

What is exact. Texts depend on the weights, the prompt, the sampling parameters and the row's seed. The batches are
planned from the whole list of prompts, so a run that was killed and resumed gives, on the same machine, the same
bytes as one that was not: an unfinished batch is answered again, whole, and only what was missing is appended. In
another order, or in other batches, rows draw the same noise but see logits that are rounded differently: by about
1e-6 in fp32, which left all of 32 texts of SmolLM2-135M as they were, and by about 1e-2 in bf16, which changed half
of them (two tokens nearly tie now and then, and the rest of the text follows). So fp32 is the default on a CPU;
`"precision": "bf16"` is half again as quick where the hardware knows it. Other hardware, thread counts and library
versions round differently too.
"""

import gc
import sys
import time

from jobs.child import run_child  # before torch: it sets the environment

# isort: split
import torch
from transformers import GenerationConfig, LogitsProcessorList, RepetitionPenaltyLogitsProcessor

from jobs.failures import Failure, classify
from jobs.files import append, cut_torn_line, encode_line, read_lines, write_json
from jobs.reasons import Reason
from training.trainer.chats import chat_of, encode_chats
from training.trainer.loading import (
    choose_device,
    choose_threads,
    generation_precision,
    load_model,
    load_tokenizer,
)
from training.trainer.prompts import check_sampling, read_prompts, tidied
from training.trainer.sampling import AfterEachToken, RowSampler, row_seed
from training.trainer.versions import library_versions

DEFAULTS = {
    "prompts_file": "prompts.jsonl",
    "batch_size": 32,
    "seed": 0,
    "sampling": {},
    "system_prompt": None,
    "device": "auto",
    "precision": "auto",
}


def encode(prompts, tokenizer, system_prompt):
    """The token ids of every prompt as the chat template opens the model's turn, None for one that the template
    refuses; and {position: Reason} of those. Raises Failure("bad_data") where it refuses all."""
    chats = [
        chat_of(prompt["text"], messages=prompt.get("messages"), system=system_prompt) for prompt in prompts
    ]
    try:
        return encode_chats(tokenizer, chats, [prompt["id"] for prompt in prompts], open_answer=True), {}
    except Failure as failure:
        if failure.reason.code != "template_refuses" or failure.reason.params["refused"] == len(prompts):
            raise
    encoded, refused = [], {}
    for position, (chat, prompt) in enumerate(zip(chats, prompts, strict=True)):
        try:
            encoded += encode_chats(tokenizer, [chat], [prompt["id"]], open_answer=True)
        except Failure as failure:
            encoded.append(None)
            refused[position] = Reason("prompt_refused", {"words": failure.reason.params["words"]})
    return encoded, refused


def too_long(prompts, encoded, model, new_tokens):
    """{position: Reason} of the prompts that leave no room for an answer in the model's window.

    Raises Failure("bad_data") where none does.
    """
    window = getattr(model.config, "max_position_embeddings", None)
    if window is None:
        return {}
    lengths = {position: len(ids) for position, ids in enumerate(encoded) if ids is not None}
    long = {position: length for position, length in lengths.items() if length + new_tokens > window}
    if long and len(long) == len(lengths):
        raise Failure(
            "bad_data",
            "prompts_too_long",
            count=len(long),
            new_tokens=new_tokens,
            window=window,
            ids=str([prompts[position]["id"] for position in long][:10]),
        )
    return {
        position: Reason("prompt_too_long", {"tokens": length, "new_tokens": new_tokens, "window": window})
        for position, length in long.items()
    }


def plan_batches(encoded, batch_size, left_out=()):
    """Batches of positions but those `left_out`: the longest prompts first (so that memory fails at once, if it does),
    like with like, so that little is padded. Depends on the whole list alone."""
    positions = (position for position in range(len(encoded)) if position not in left_out)
    order = sorted(positions, key=lambda position: (-len(encoded[position]), position))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def stop_ids(model, tokenizer):
    """Every token that ends an answer."""
    given = model.generation_config.eos_token_id
    ids = given if isinstance(given, list) else [given]
    return sorted({*(token for token in ids if token is not None), tokenizer.eos_token_id})


def finish(tokens, ends):
    """(tokens of the answer without its end, "stop" or "length", how many tokens were drawn)."""
    for count, token in enumerate(tokens):
        if token in ends:
            return tokens[:count], "stop", count + 1
    return tokens, "length", len(tokens)


def answer(model, tokenizer, rows, seeds, sampling, ends, go_on):
    """Answer one batch of encoded prompts: a list of (text, finish_reason, tokens)."""
    batch = tokenizer.pad({"input_ids": rows}, padding_side="left", return_tensors="pt").to(model.device)
    width = batch["input_ids"].shape[1]
    processors = LogitsProcessorList([AfterEachToken(go_on)])
    if sampling["repetition_penalty"] != 1:
        # Over the answer alone: the prompt's padding must not count, nor its end-of-turn tokens, which
        # would keep the model from ending its own.
        processors.append(
            RepetitionPenaltyLogitsProcessor(sampling["repetition_penalty"], prompt_ignore_length=width)
        )
    processors.append(RowSampler(seeds, temperature=sampling["temperature"], top_p=sampling["top_p"]))
    with torch.inference_mode():
        drawn = model.generate(**batch, logits_processor=processors)
    answers = []
    for tokens in drawn[:, width:].tolist():
        kept, reason, count = finish(tokens, ends)
        text = tidied(tokenizer.decode(kept, skip_special_tokens=True))
        # PostgreSQL can't store NUL in a text.
        answers.append((text.replace("\0", "\ufffd"), reason, count))
    return answers


def answer_in_memory(model, tokenizer, rows, seeds, sampling, ends, child):
    """`answer`, in halves of halves where memory runs out. Raises what a single row ran into."""
    try:
        return answer(model, tokenizer, rows, seeds, sampling, ends, child.go_on)
    except (RuntimeError, MemoryError) as error:
        if classify(error).kind != "oom" or len(rows) == 1:
            raise
    gc.collect()
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(rows) // 2
    child.events.emit("halved", rows=len(rows))
    return [
        answered
        for part in (slice(None, half), slice(half, None))
        for answered in answer_in_memory(model, tokenizer, rows[part], seeds[part], sampling, ends, child)
    ]


def generate(child):
    config = child.config(DEFAULTS, required=("model_path",))
    sampling = check_sampling(config["sampling"])
    prompts = read_prompts(child.run_dir / config["prompts_file"])
    path = child.run_dir / "responses.jsonl"
    cut_torn_line(path)
    done = {row["id"] for row in read_lines(path)}
    left = sum(prompt["id"] not in done for prompt in prompts)

    child.events.emit("loading", model=config["model_path"])
    device = choose_device(config["device"])
    precision = generation_precision(config["precision"], device)
    threads = choose_threads(config["model_path"])
    tokenizer = load_tokenizer(config["model_path"])
    child.events.emit("start", total=len(prompts), done=len(prompts) - left)
    if left:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        model = load_model(config["model_path"], dtype=dtype, device=device).eval()
        encoded, failing = encode(prompts, tokenizer, config["system_prompt"])
        failing |= too_long(prompts, encoded, model, sampling["max_new_tokens"])
        told = [
            {"id": prompts[position]["id"], "reason": {"code": why.code, "params": why.params}}
            for position, why in sorted(failing.items())
            if prompts[position]["id"] not in done
        ]
        if told:
            append(path, b"".join(map(encode_line, told)))
            done |= {row["id"] for row in told}
            child.events.emit("progress", done=len(done), total=len(prompts))
        ends = stop_ids(model, tokenizer)
        # In place of the model's own, whose defaults would otherwise mix in.
        model.generation_config = GenerationConfig(
            do_sample=False,
            max_new_tokens=sampling["max_new_tokens"],
            eos_token_id=ends,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
        )
        drawn, began = 0, time.monotonic()
        for batch in plan_batches(encoded, config["batch_size"], left_out=failing):
            if all(prompts[position]["id"] in done for position in batch):
                continue
            seeds = [
                row_seed(prompts[position].get("seed", config["seed"]), prompts[position]["id"])
                for position in batch
            ]
            rows = [encoded[position] for position in batch]
            answers = answer_in_memory(model, tokenizer, rows, seeds, sampling, ends, child)
            lines = b""
            for position, (text, reason, count) in zip(batch, answers, strict=True):
                drawn += count
                if prompts[position]["id"] not in done:
                    row = {
                        "id": prompts[position]["id"],
                        "text": text,
                        "finish_reason": reason,
                        "tokens": count,
                    }
                    lines += encode_line(row)
                    done.add(row["id"])
            append(path, lines)
            child.events.emit(
                "progress",
                done=len(done),
                total=len(prompts),
                tokens_per_second=round(drawn / (time.monotonic() - began), 1),
            )
    write_json(
        child.run_dir / "result.json",
        {
            "responses": len(prompts),
            "precision": precision,
            "device": str(device),
            "threads": threads,
            "versions": library_versions(),
        },
    )


def main(arguments):
    return run_child(generate, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
