"""`python -m training.trainer.train RUN_DIR`: fine-tune a model on a frozen training set. See README.md.

The same command under torchrun or accelerate launch trains on several devices. Resuming is bit-identical or does not
happen: a run directory belongs to one configuration, one dataset and one base model, named in its
manifest, and another is refused. Where only the machine or the libraries have changed, the checkpoints are put away
and the run starts over, which gives the result an uninterrupted run gives there.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path

from jobs.child import Cancelled, run_child  # before torch: it sets the environment

# isort: split
import torch
from accelerate import PartialState

from jobs.failures import Failure
from jobs.files import read_lines, write_json
from training.trainer import best
from training.trainer.checkpoints import last_whole, step_of
from training.trainer.hashing import hash_file, hash_folder
from training.trainer.loading import (
    choose_device,
    choose_threads,
    load_model,
    load_tokenizer,
    make_repeatable,
    training_precision,
)
from training.trainer.objectives import OBJECTIVES
from training.trainer.objectives.lora import merge
from training.trainer.progress import Progress
from training.trainer.validation import write_losses
from training.trainer.versions import library_versions

DEFAULTS = {
    "validation_sha256": None,
    "learning_rate": 5e-5,
    "epochs": 3,
    "batch_size": 8,
    "gradient_accumulation": None,
    "max_length": 512,
    "seed": 0,
    "beta": 0.1,
    "lora_rank": 0,
    "save_seconds": 300,
    "device": "auto",
    "precision": "auto",
}
SAME_RUN = ("config", "dataset_sha256", "validation_sha256", "base_sha256")
NO_MATTER = ("model_path", "save_seconds")
"""What the result does not depend on: the weights are told by their hash, and a checkpoint changes nothing."""
SAME_MACHINE = ("versions", "device", "precision", "threads", "world")


def read_data(run_dir, config, check_rows):
    """(training rows, validation rows, hashes). Raises Failure("bad_data") where the bytes aren't the frozen ones."""
    rows, hashes = {}, {}
    for name, key in (("dataset.jsonl", "dataset_sha256"), ("validation.jsonl", "validation_sha256")):
        path = run_dir / name
        hashes[key] = hash_file(path) if path.exists() else hashlib.sha256(b"").hexdigest()
        if config[key] not in (None, hashes[key]):
            raise Failure(
                "bad_data",
                "not_the_frozen_set",
                file=name,
                found=hashes[key][:12],
                expected=config[key][:12],
            )
        rows[name] = read_lines(path)
        check_rows(rows[name], name)
    if not rows["dataset.jsonl"]:
        raise Failure("bad_data", "empty_training_set")
    return rows["dataset.jsonl"], rows["validation.jsonl"], hashes


def manifest_of(config, hashes, device, precision, threads, *, tell):
    """Everything the result depends on. `tell()` is called as large weights are hashed."""
    asked = {key: value for key, value in config.items() if key not in NO_MATTER}
    return {
        "config": asked,
        **hashes,
        "base_sha256": hash_folder(config["model_path"], tell=tell),
        "versions": library_versions(),
        "device": name_of(device),
        "precision": precision,
        "threads": threads,
        "world": int(os.environ.get("WORLD_SIZE", "1")),
    }


def name_of(device):
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"


def settle_together(child, manifest, device):
    """settle_manifest, decided by the first process for all of a run's."""
    if manifest["world"] == 1:
        return settle_manifest(child, manifest)
    PartialState(cpu=device.type == "cpu")
    decided = [settle_manifest(child, manifest) if child.speaks else None]
    torch.distributed.broadcast_object_list(decided)
    return decided[0]


def settle_manifest(child, manifest):
    """Write the manifest, or check it against the one that is there.

    Returns (whether the run is already complete, the checkpoint to resume from or None).
    """
    path, folder = child.run_dir / "manifest.json", child.run_dir / "checkpoints"
    before = json.loads(path.read_text()) if path.exists() else None
    if before is not None:
        # A manifest of an earlier version may name settings that have left since, and lack those that came.
        before["config"] = {key: before["config"].get(key, DEFAULTS.get(key)) for key in manifest["config"]}
        changed = [key for key in SAME_RUN if before[key] != manifest[key]]
        if changed:
            raise Failure("config", "another_run", different=", ".join(changed))
        if (child.run_dir / "result.json").exists():
            return True, None  # killed after its last write
        moved = [key for key in SAME_MACHINE if before[key] != manifest[key]]
        checkpoint = last_whole(folder)
        if checkpoint and not moved:
            return False, checkpoint
        if checkpoint:
            child.events.emit("restart", message=f"Starts over: not the same {', '.join(moved)} as before.")
    shutil.rmtree(folder, ignore_errors=True)
    best.forget(child.run_dir)
    (child.run_dir / "result.json").unlink(missing_ok=True)
    write_json(path, manifest)
    return False, None


def check_disk(run_dir, config):
    """Refuse at once what would fail at the first checkpoint: weights and two moments each, three at a time, and twice
    the best weights. An adapter takes next to nothing until it is merged."""
    weights = sum(file.stat().st_size for file in Path(config["model_path"]).glob("*.safetensors"))
    needed = weights * (2 if config["lora_rank"] else 3 * 3 + 2)
    free = shutil.disk_usage(run_dir).free
    if free < needed:
        raise Failure(
            "disk",
            "disk_too_small",
            needed=f"{needed / 1e9:.1f}",
            folder=str(run_dir),
            free=f"{free / 1e9:.1f}",
        )


def owes_validation(checkpoint):
    """Whether the run was stopped right after an epoch's last step, before its validation."""
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    measured = any(
        "eval_loss" in entry and entry["step"] == state["global_step"] for entry in state["log_history"]
    )
    return float(state["epoch"]).is_integer() and not measured


def train(child):
    began = time.monotonic()
    config = child.config(DEFAULTS, required=("objective", "model_path", "dataset_sha256"))
    if config["objective"] not in OBJECTIVES:
        raise Failure(
            "config", "unknown_objective", objective=repr(config["objective"]), known=", ".join(OBJECTIVES)
        )
    objective = OBJECTIVES[config["objective"]]
    train_rows, validation_rows, hashes = read_data(child.run_dir, config, objective.check_rows)

    child.events.emit("loading", model=config["model_path"])
    device = choose_device(config["device"])
    precision = training_precision(config["precision"], device)
    threads = choose_threads(config["model_path"])
    make_repeatable(device)
    tokenizer = load_tokenizer(config["model_path"])
    manifest = manifest_of(config, hashes, device, precision, threads, tell=child.events.beat)
    complete, checkpoint = settle_together(child, manifest, device)
    if complete:
        return
    check_disk(child.run_dir, config)

    rows, left_out, longest = objective.fitting(train_rows, tokenizer, config["max_length"])
    validation, validation_left_out, _ = objective.fitting(validation_rows, tokenizer, config["max_length"])
    if left_out or validation_left_out:
        child.events.emit(
            "left_out",
            ids=left_out,
            validation_ids=validation_left_out,
            max_length=config["max_length"],
            longest=longest,
        )
    if not rows:
        raise Failure("bad_data", "examples_too_long", max_length=config["max_length"], longest=longest)
    started = {"examples": len(rows), "validation_examples": len(validation), "longest": longest}
    model = load_model(config["model_path"], dtype=torch.float32, device=device)
    trainer = objective.build(
        model, tokenizer, rows, validation, config, folder=child.run_dir / "checkpoints", device=device,
        precision=precision, world=manifest["world"], callbacks=[Progress(child, started, config["save_seconds"])],
        tell=child.events.beat,
    )  # fmt: skip
    keeper = best.KeepBest(trainer, child.run_dir)
    trainer.add_callback(keeper)
    started["tokens"] = objective.tokens(trainer.train_dataset)
    trainer.args.eval_on_start = bool(validation) and (checkpoint is None or owes_validation(checkpoint))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        raise Cancelled

    whole = partial(merge, model_path=config["model_path"])
    kept = best.save_final(trainer, tokenizer, child.run_dir, keeper.kept, merge=whole)
    if child.speaks:
        left = set(validation_left_out)
        ids = [row.get("id") for row in validation_rows if row.get("id") not in left]
        write_losses(trainer, tokenizer, ids, child.run_dir, tell=child.events.beat)
        weights = hash_folder(child.run_dir / "final", tell=child.events.beat)
        history = trainer.state.log_history
        losses = [float(entry["loss"]) for entry in history if "loss" in entry]
        evals = [
            {
                "step": entry["step"],
                "epoch": entry.get("epoch") or 0.0,
                "eval_loss": float(entry["eval_loss"]),
            }
            for entry in history
            if "eval_loss" in entry
        ]
        per_epoch = -(-len(losses) // config["epochs"])
        result = {
            "steps": trainer.state.global_step,
            "resumed_from": step_of(checkpoint) if checkpoint else None,
            "train_loss": sum(losses[-per_epoch:]) / per_epoch,
            "eval_loss": evals[-1]["eval_loss"] if evals else None,
            "eval_losses": evals,
            "kept": kept,
            "weights_sha256": weights,
            "tokens": started["tokens"],
            "completion_tokens": objective.completion_tokens(trainer.train_dataset),
            "examples": len(rows),
            "left_out": len(left_out),
            "duration_s": round(time.monotonic() - began, 1),
            **{key: manifest[key] for key in (*SAME_RUN[1:], *SAME_MACHINE)},
        }
        write_json(child.run_dir / "result.json", result)
        (child.run_dir / "final" / best.RECORD).unlink(missing_ok=True)
        shutil.rmtree(child.run_dir / "checkpoints", ignore_errors=True)


def main(arguments):
    return run_child(train, __doc__, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
