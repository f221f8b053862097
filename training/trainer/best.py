"""Which weights a run keeps: those of the epoch with the lowest validation loss; without validation, the last.

They lie beside the checkpoints in `best/`, whole, with what makes them the best in `kept.json`, and become `final/` by
a rename when the run is done, so that a run which is killed at any moment and resumed keeps the same ones.
"""

import json
import shutil

from transformers import TrainerCallback

from jobs.files import put_in_place, write_json

FOLDER, RECORD = "best", "kept.json"


class KeepBest(TrainerCallback):
    """Saves the weights whenever an epoch ends with a lower validation loss than any before it."""

    def __init__(self, trainer, run_dir):
        self.trainer, self.run_dir = trainer, run_dir
        self.kept = kept_in(run_dir)

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        loss = metrics["eval_loss"]
        # At step 0 nothing is learned yet: that is the model it began with.
        if not state.global_step or (self.kept and loss >= self.kept["eval_loss"]):
            return
        self.kept = {"step": state.global_step, "epoch": round(state.epoch, 4), "eval_loss": float(loss)}
        save_weights(self.trainer, self.run_dir / FOLDER, self.kept)


def kept_in(run_dir):
    """What is noted of the best weights so far, {step, epoch, eval_loss}; None where there are none yet."""
    for folder in (FOLDER, "final"):
        if (run_dir / folder / RECORD).exists():
            return json.loads((run_dir / folder / RECORD).read_text())
    return None


def forget(run_dir):
    """Keep nothing of an earlier beginning of the run."""
    shutil.rmtree(run_dir / FOLDER, ignore_errors=True)
    (run_dir / "final" / RECORD).unlink(missing_ok=True)


def save_weights(trainer, target, record):
    """Write the weights as they are now to the folder `target`, whole or not at all, with `record` in it.

    All processes of a run call it together.
    """
    beside = target.with_name(f".{target.name}.new")
    if trainer.is_world_process_zero():
        shutil.rmtree(beside, ignore_errors=True)
    trainer.accelerator.wait_for_everyone()
    trainer.save_model(str(beside))
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        for extra in ("training_args.bin", "README.md"):
            (beside / extra).unlink(missing_ok=True)
        write_json(beside / RECORD, record)
        put_in_place(beside, target)


def save_final(trainer, tokenizer, run_dir, kept, *, merge):
    """Make final/ of the weights that the run keeps: `kept`, as `kept_in` has it, or None for the present ones.

    `merge(folder)` makes a whole model of a folder that holds an adapter alone. Returns what is kept,
    {step, epoch, eval_loss or None}. The record stays in the folder until the run's result is written.
    """
    if kept is None:
        state = trainer.state
        kept = {"step": state.global_step, "epoch": round(state.epoch, 4), "eval_loss": None}
        save_weights(trainer, run_dir / FOLDER, kept)
    if trainer.is_world_process_zero() and (run_dir / FOLDER).exists():
        merge(run_dir / FOLDER)
        tokenizer.save_pretrained(run_dir / FOLDER)
        put_in_place(run_dir / FOLDER, run_dir / "final")
    return kept
