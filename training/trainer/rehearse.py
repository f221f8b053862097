"""`python -m training.trainer.rehearse RUN_DIR`: what a training would read and cost, from a few of its steps.

Reads what `training.trainer.train` reads and makes no model. It prepares every example as the training does, then
takes one optimizer step on the longest examples, which decides how much memory is needed, writes the checkpoint of it,
which decides how much disk, and two steps on examples drawn by the seed, the second of which tells the pace.
"""

import random
import resource
import shutil
import sys
import time
from itertools import cycle, islice
from pathlib import Path

from jobs.child import Cancelled, run_child  # before torch: it sets the environment

# isort: split
import torch
from transformers import TrainerCallback

from jobs.failures import Failure
from jobs.files import write_json
from training.trainer.loading import (
    choose_device,
    choose_threads,
    load_model,
    load_tokenizer,
    training_precision,
)
from training.trainer.objectives import OBJECTIVES
from training.trainer.pieces import pieces_of
from training.trainer.train import DEFAULTS, check_disk, make_repeatable, name_of, read_data
from training.trainer.versions import library_versions

CHECKPOINTS = 3
"""How many lie on the disk at once while the last of them is written (training.trainer.train.check_disk)."""
WEIGHTS = 2
"""How often the kept weights do."""
NO_LOSS = -100


class Watch(TrainerCallback):
    """Times the steps and the saving, and stops where it was asked to."""

    def __init__(self, child):
        self.child = child
        self.step_seconds, self.saving_seconds, self.began, self.saving_began = [], 0.0, 0.0, 0.0

    def on_step_begin(self, args, state, control, **kwargs):
        self.began = time.monotonic()

    def on_substep_end(self, args, state, control, **kwargs):
        self.child.go_on()

    def on_step_end(self, args, state, control, **kwargs):
        self.child.go_on()
        self.saving_began = time.monotonic()
        self.step_seconds.append(self.saving_began - self.began)

    def on_save(self, args, state, control, **kwargs):
        self.saving_seconds = time.monotonic() - self.saving_began


def samples_of(examples, seed):
    """{place: why it is shown} of the first, the shortest, the longest and one drawn by the seed."""
    places = range(len(examples))
    chosen = {
        "first": 0,
        "shortest": min(places, key=lambda place: len(examples[place]["input_ids"])),
        "longest": max(places, key=lambda place: len(examples[place]["input_ids"])),
        "drawn": random.Random(seed).randrange(len(examples)),
    }
    found = {}
    for why, place in chosen.items():
        found.setdefault(place, []).append(why)
    return found


def rendered(tokenizer, example):
    """The whole chat as [text, whether it is learned], neighbours of one kind together."""
    runs = []
    for piece, label in zip(pieces_of(tokenizer, example["input_ids"]), example["labels"], strict=True):
        learned = label != NO_LOSS
        if runs and runs[-1][1] == learned:
            runs[-1][0] += piece
        else:
            runs.append([piece, learned])
    return runs


def rehearse(child):
    config = child.config(DEFAULTS, required=("objective", "model_path", "dataset_sha256"))
    objective = OBJECTIVES[config["objective"]]
    train_rows, validation_rows, _ = read_data(child.run_dir, config, objective.check_rows)
    began = time.monotonic()
    child.events.emit("loading", model=config["model_path"])
    device = choose_device(config["device"])
    precision = training_precision(config["precision"], device)
    threads = choose_threads(config["model_path"])
    make_repeatable(device)
    tokenizer = load_tokenizer(config["model_path"])
    check_disk(child.run_dir, config)
    examples, left_out, longest = objective.fitting(train_rows, tokenizer, config["max_length"])
    validation, validation_left_out, _ = objective.fitting(validation_rows, tokenizer, config["max_length"])
    if not examples:
        raise Failure("bad_data", "examples_too_long", max_length=config["max_length"], longest=longest)
    model = load_model(config["model_path"], dtype=torch.float32, device=device)
    loaded = time.monotonic() - began

    folder = child.run_dir / "checkpoints"
    shutil.rmtree(folder, ignore_errors=True)
    samples = samples_of(examples, config["seed"])
    by_length = sorted(examples, key=lambda example: -len(example["input_ids"]))
    drawn = random.Random(config["seed"]).choices(examples, k=2 * config["batch_size"])

    def step_on(rows, shown):
        watch = Watch(child)
        trainer = objective.build(
            model, tokenizer, rows, shown, {**config, "epochs": 1}, folder=folder, device=device,
            precision=precision, world=1, callbacks=[watch],
        )  # fmt: skip
        trainer.args.eval_on_start = False
        trainer.args.eval_strategy = "no"
        return trainer, watch

    # Fewer examples than a batch has are taken more than once: a step of the training has as many.
    largest = list(islice(cycle(by_length), config["batch_size"]))
    trainer, hardest = step_on(largest, [examples[place] for place in samples])
    shown = [rendered(tokenizer, example) for example in trainer.eval_dataset]
    trainer.train()
    checkpoint = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    shutil.rmtree(folder, ignore_errors=True)
    trainer, paced = step_on(drawn, [])
    trainer.args.save_strategy = "no"
    trainer.train()
    if not paced.step_seconds:
        raise Cancelled
    read = objective.tokens(trainer.train_dataset) / len(paced.step_seconds)
    weights = sum(file.stat().st_size for file in Path(config["model_path"]).glob("*.safetensors"))
    ids = [row.get("id") for row in train_rows if row.get("id") not in set(left_out)]
    write_json(
        child.run_dir / "result.json",
        {
            "examples": len(examples),
            "validation": len(validation),
            "tokens": sum(len(example["input_ids"]) for example in examples),
            "validation_tokens": sum(len(example["input_ids"]) for example in validation),
            "left_out": left_out,
            "validation_left_out": validation_left_out,
            "longest": longest,
            "step_seconds": hardest.step_seconds[-1],
            "tokens_per_second": read / paced.step_seconds[-1],
            "loading_seconds": loaded,
            "saving_seconds": hardest.saving_seconds,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            * (1 if sys.platform == "darwin" else 1024),
            "gpu_memory": torch.cuda.max_memory_allocated() if device.type == "cuda" else None,
            "disk": checkpoint * CHECKPOINTS + weights * WEIGHTS,
            "device": name_of(device),
            "precision": precision,
            "threads": threads,
            "versions": library_versions(),
            "samples": [
                {"id": ids[place], "why": why, "tokens": len(examples[place]["input_ids"]), "runs": runs}
                for (place, why), runs in zip(samples.items(), shown, strict=True)
            ],
        },
    )


def main(arguments):
    return run_child(rehearse, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
