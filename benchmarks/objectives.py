"""`.venv/bin/python benchmarks/objectives.py MODEL_FOLDER [--examples 16] [--validation 8] [--epochs 2]`: what each
objective does to a model, on the prompts that Concord brings along.

The model answers prompts of the demo itself; what experts would have written stands there as the reference. SFT learns
the references, DPO prefers them to the model's own answers, KTO takes them as good and these as poor. Weighted SFT
weighs every second example a third. Measured on validation prompts, alike for every model: log p of a reference's
tokens and of the own answer's tokens, and in how many prompts the reference is the likelier of the two, token by token.
No expert judged anything here: it shows what moves, and not whether people would like it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402

from jobs.files import read_lines, write_json, write_lines  # noqa: E402
from training.trainer.hashing import hash_file  # noqa: E402
from training.trainer.loading import load_model, load_tokenizer  # noqa: E402
from training.trainer.objectives.texts import encode_answers, opens_at  # noqa: E402

LONGEST = 192
RUNS = (
    ("SFT", "sft", 5e-5, {}),
    ("weighted SFT", "weighted_sft", 5e-5, {}),
    ("SFT, LoRA of rank 16", "sft", 5e-4, {"lora_rank": 16}),
    ("DPO", "dpo", 5e-6, {}),
    ("DPO, LoRA of rank 16", "dpo", 5e-5, {"lora_rank": 16}),
    ("KTO", "kto", 5e-6, {}),
)
"""(name, objective, learning rate, other settings)"""


def run(module, folder):
    """Let the child `module` do the run directory `folder`; returns the seconds it took."""
    began = time.monotonic()
    with open(folder / "output.log", "wb") as log:
        subprocess.run(
            [sys.executable, "-m", module, str(folder)], cwd=ROOT, check=True, stdout=log, stderr=log
        )
    return time.monotonic() - began


def own_answers(model, prompts, folder):
    folder.mkdir()
    write_lines(
        folder / "prompts.jsonl", [{"id": prompt["id"], "text": prompt["prompt"]} for prompt in prompts]
    )
    config = {"model_path": model, "batch_size": 8, "precision": "fp32"}
    sampling = {"temperature": 0.7, "top_p": 0.95, "max_new_tokens": 64, "repetition_penalty": 1.1}
    write_json(folder / "config.json", {**config, "sampling": sampling})
    run("training.trainer.generate", folder)
    return {row["id"]: row for row in read_lines(folder / "responses.jsonl")}


def rows_for(objective, prompts, answers):
    for number, prompt in enumerate(prompts):
        own = answers[prompt["id"]]
        row = {"id": prompt["id"], "prompt": prompt["prompt"]}
        if objective == "dpo":
            cut = own["finish_reason"] == "length"
            yield row | {
                "chosen": prompt["reference"],
                "rejected": own["text"],
                "rejected_cut_off": cut,
                "weight": 1.0,
            }
        elif objective == "kto":
            yield row | {"completion": prompt["reference"], "desirable": True}
            yield row | {"id": f"{prompt['id']}-", "completion": own["text"], "desirable": False}
        else:
            yield row | {"completion": prompt["reference"], "weight": 1 / 3 if number % 2 else 1.0}


def measure(folder, prompts, answers):
    """(log p a token of the references, of the own answers, share of prompts whose reference is likelier)"""
    tokenizer = load_tokenizer(folder)
    model = load_model(folder, dtype=torch.float32, device=torch.device("cpu")).eval()
    rows = [
        {**prompt, "own": answers[prompt["id"]]["text"], "messages": None, "system": None}
        for prompt in prompts
    ]
    found = {}
    for key in ("reference", "own"):
        prefixes, wholes = encode_answers(rows, tokenizer, key)
        found[key] = []
        for prefix, whole in zip(prefixes, wholes, strict=True):
            begin, ids = opens_at(prefix, whole), torch.tensor([whole])
            with torch.no_grad():
                logs = model(input_ids=ids).logits[0, begin - 1 : -1].log_softmax(-1)
            found[key].append(logs.gather(1, ids[0, begin:, None]).mean().item())
    likelier = sum(one > other for one, other in zip(*found.values(), strict=True)) / len(rows)
    return *(sum(values) / len(values) for values in found.values()), likelier


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--examples", type=int, default=16)
    parser.add_argument("--validation", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument(
        "--only", nargs="*", help="the objectives to run, by the trainer's names; all unless given"
    )
    given = parser.parse_args()
    rows = read_lines(ROOT / "annotation" / "demo" / "prompts.jsonl")
    by_split = {
        split: [row for row in rows if row.get("split") == split and row.get("reference")]
        for split in ("train", "validation")
    }
    train = by_split["train"][: given.examples]
    validation = (by_split["validation"] or by_split["train"][given.examples :])[: given.validation]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = str(Path(given.model).resolve())
        answers = own_answers(model, train + validation, folder / "answers")
        print(
            f"{len(train)} prompts to learn from, {len(validation)} to measure, {given.epochs} epochs",
            flush=True,
        )
        print("run | seconds | validation loss, before → kept | log p reference | own | likelier", flush=True)
        tell("base", 0, "", measure(model, validation, answers))
        for name, objective, rate, settings in RUNS:
            if given.only and objective not in given.only:
                continue
            here = folder / name.replace(" ", "-")
            here.mkdir()
            for file, prompts in (("dataset.jsonl", train), ("validation.jsonl", validation)):
                write_lines(here / file, rows_for(objective, prompts, answers))
            write_json(
                here / "config.json",
                {
                    "objective": objective, "model_path": model, "learning_rate": rate, "epochs": given.epochs,
                    "dataset_sha256": hash_file(here / "dataset.jsonl"), "batch_size": 8, "max_length": LONGEST,
                    **settings,
                },
            )  # fmt: skip
            seconds = run("training.trainer.train", here)
            result = json.loads((here / "result.json").read_text())
            losses = f"{result['eval_losses'][0]['eval_loss']:.3f} → {result['kept']['eval_loss']:.3f}"
            tell(name, seconds, losses, measure(here / "final", validation, answers))


def tell(name, seconds, losses, found):
    reference, own, likelier = found
    print(f"{name} | {seconds:.0f} | {losses} | {reference:.2f} | {own:.2f} | {likelier:.0%}", flush=True)


if __name__ == "__main__":
    main()
