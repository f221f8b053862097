"""The training room's tasks: each loads and calls one use case. The sweep makes up for every message that was lost."""

from datetime import timedelta

from celery import current_app, shared_task
from celery.signals import worker_shutting_down
from django.conf import settings
from django.utils import timezone

from jobs import attempt, life
from jobs.nudge import nudge
from training import generation, runs
from training.models import GenerationRun, TrainingRun

GPU_QUEUE = "gpu"
TASKS = {GenerationRun: generation.TASK, TrainingRun: runs.TASK}


@worker_shutting_down.connect
def save_and_give_back(**kwargs):
    """A worker that is asked to stop lets its job save and hands it back, instead of waiting for its end."""
    attempt.stop_soon()


@shared_task(name=generation.TASK)
def run_generation(*, pk):
    """Do one queued generation; a worker that is stopping leaves it to the sweep and another worker."""
    if not attempt.worker_is_stopping():
        generation.run_generation(pk=pk)


@shared_task(name=runs.TASK)
def run_training(*, pk):
    """Do one queued training run."""
    if not attempt.worker_is_stopping():
        runs.run_training(pk=pk)


@shared_task(name="training.sweep")
def sweep():
    """Requeue the jobs whose worker fell silent, and send what is due to the gpu workers.

    Messages that still wait in the queue mean that every worker is busy, so more of them would only pile up:
    nothing is sent while as many wait as jobs are due. A message too many does nothing.
    """
    lost_after = timedelta(seconds=settings.JOB_LOST_SECONDS)
    for model in TASKS:
        life.requeue_lost(model, now=timezone.now(), lost_after=lost_after)
    due = [(task, pk) for model, task in TASKS.items() for pk in life.due(model)]
    if due and waiting_messages() < len(due):
        for task, pk in due:
            nudge(task, pk=pk)


def waiting_messages():
    """How many messages the gpu queue holds that no worker has taken."""
    with current_app.connection_for_write() as connection:
        return connection.default_channel.queue_declare(queue=GPU_QUEUE, durable=True).message_count
