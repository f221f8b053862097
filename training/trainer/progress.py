"""What a training run tells while it runs, and how it is stopped."""

import math

import torch
from transformers import TrainerCallback

from jobs.failures import Failure
from training.trainer.checkpoints import mark_whole


class Progress(TrainerCallback):
    """Turns the trainer's callbacks into events, and the wish to stop into a saved checkpoint.

    All processes of a run decide together, at the end of the same step: one that stopped alone would leave a
    checkpoint without the others' parts.
    """

    def __init__(self, child, started):
        self.child, self.started = child, started

    def on_train_begin(self, args, state, control, **kwargs):
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
        )

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        self.child.events.emit(
            "eval",
            step=state.global_step,
            epoch=round(state.epoch or 0.0, 4),
            eval_loss=finite(metrics["eval_loss"], state.global_step),
        )

    def on_substep_end(self, args, state, control, **kwargs):
        self.child.events.beat(step=state.global_step)

    def on_prediction_step(self, args, state, control, **kwargs):
        self.child.events.beat(step=state.global_step)

    def on_step_end(self, args, state, control, **kwargs):
        self.child.events.beat(step=state.global_step)
        if agree(self.child.should_stop()):
            control.should_save = control.should_training_stop = True
        return control

    def on_epoch_end(self, args, state, control, **kwargs):
        if control.should_training_stop and state.global_step < state.max_steps:
            # Stopped, and saved: an epoch's end that is due is made up for when the run is resumed.
            control.should_save = control.should_evaluate = False
        return control

    def on_save(self, args, state, control, **kwargs):
        if torch.distributed.is_initialized():
            torch.distributed.barrier()
        if state.is_world_process_zero:
            mark_whole(f"{args.output_dir}/checkpoint-{state.global_step}")
        self.child.events.emit("checkpoint", step=state.global_step)


def finite(value, step):
    if not math.isfinite(value):
        raise Failure("nan_loss", "validation_not_finite", loss=str(value), step=step)
    return float(value)


def agree(wish):
    """Whether any process of the run wishes it."""
    if not torch.distributed.is_initialized():
        return wish
    device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
    flag = torch.tensor([float(wish)], device=device)
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag.item())
