"""The training room's tasks: each loads and calls one use case. `jobs.sweep` sends them."""

from celery import shared_task

from jobs.stopping import worker_is_stopping
from training import generation, rehearsal, runs
from training.models import GenerationRun, Rehearsal, TrainingRun


@shared_task(name=GenerationRun.TASK)
def run_generation(*, pk):
    """Do one queued generation; a worker that is stopping leaves it to the sweep and another worker."""
    if not worker_is_stopping():
        generation.run_generation(pk=pk)


@shared_task(name=Rehearsal.TASK)
def run_rehearsal(*, pk):
    """Do one queued rehearsal."""
    if not worker_is_stopping():
        rehearsal.run_rehearsal(pk=pk)


@shared_task(name=TrainingRun.TASK)
def run_training(*, pk):
    """Do one queued training run."""
    if not worker_is_stopping():
        runs.run_training(pk=pk)
