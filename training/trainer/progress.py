"""What a training run tells while it runs, and how it is stopped."""

import math
import time

import torch
from transformers import TrainerCallback

from jobs.failures import Failure
from training.trainer.checkpoints import mark_whole


class Progress(TrainerCallback):
    """Turns the trainer's callbacks into events, and the wish to stop into a saved checkpoint.

    All processes of a run decide together, at the end of the same step: one that stopped alone would leave a
    checkpoint without the others' parts.

    Beside the one at each epoch's end there is a checkpoint whenever another step, if it takes as long as the last,
    would make more than `save_seconds` of work that can be lost.
    """

    def __init__(self, child, started, save_seconds):
        self.child, self.started, self.save_seconds = child, started, save_seconds
        self.saved_at = self.last_step_at = time.monotonic()
        self.saved_step = None
        self.step_began_at, self.step_seconds = self.last_step_at, 0.0
        self.read = 0

    def on_train_begin(self, args, state, control, **kwargs):
        self.saved_at = self.last_step_at = time.monotonic()
        self.child.events.emit(
            "start", total_steps=state.max_steps, resumed_from=state.global_step or None, **self.started
        )

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" not in logs:
            return
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            raise Failure(
                "nan_loss",
                "loss_not_finite",
                loss=str(loss),
                step=state.global_step,
                learning_rate=f"{args.learning_rate:g}",
            )
        self.child.events.emit(
            "log",
            step=state.global_step,
            epoch=round(state.epoch, 4),
            loss=loss,
            learning_rate=float(logs["learning_rate"]),
            grad_norm=float(logs["grad_norm"]) if "grad_norm" in logs else None,
            tokens_per_second=self.pace(logs.get("num_tokens")),
        )

    def pace(self, read):
        """Tokens a second of the step that ended, `read` being all tokens read so far; None where that is not told."""
        if read is None:
            return None
        tokens, self.read = read - self.read, read
        return round(tokens / max(self.step_seconds, 1e-6), 1)

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        self.child.events.emit(
            "eval",
            step=state.global_step,
            epoch=round(state.epoch or 0.0, 4),
            eval_loss=finite(metrics["eval_loss"], state.global_step),
        )

    def on_step_begin(self, args, state, control, **kwargs):
        self.step_began_at = time.monotonic()

    def on_substep_end(self, args, state, control, **kwargs):
        self.child.events.beat(step=state.global_step)

    def on_prediction_step(self, args, state, control, **kwargs):
        self.child.events.beat(step=state.global_step)

    def on_step_end(self, args, state, control, **kwargs):
        self.child.events.beat(step=state.global_step)
        now = time.monotonic()
        self.step_seconds = now - self.step_began_at
        due = now - self.saved_at + (now - self.last_step_at) >= self.save_seconds
        self.last_step_at = now
        stop, due = agree(self.child.should_stop(), due)
        if stop:
            control.should_training_stop = True
        control.should_save = control.should_save or stop or due
        return control

    def on_epoch_end(self, args, state, control, **kwargs):
        if self.saved_step == state.global_step:
            control.should_save = False  # a whole checkpoint is not written over
        if control.should_training_stop and state.global_step < state.max_steps:
            # Stopped, and saved: an epoch's end that is due is made up for when the run is resumed.
            control.should_save = control.should_evaluate = False
        return control

    def on_save(self, args, state, control, **kwargs):
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            mark_whole(f"{args.output_dir}/checkpoint-{state.global_step}")
        self.saved_at, self.saved_step = time.monotonic(), state.global_step
        self.child.events.emit("checkpoint", step=state.global_step)


def finite(value, step):
    if not math.isfinite(value):
        raise Failure("nan_loss", "validation_not_finite", loss=str(value), step=step)
    return float(value)


def agree(*wishes):
    """For each wish, whether any process of the run has it."""
    if not torch.distributed.is_initialized():
        return wishes
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    flags = torch.tensor([float(wish) for wish in wishes], device=device)
    torch.distributed.all_reduce(flags, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in flags.tolist()]
