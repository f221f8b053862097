"""The sweep of all jobs. It makes up for every message that was lost."""

from datetime import timedelta

from celery import current_app, shared_task
from celery.signals import worker_shutting_down
from django.apps import apps
from django.conf import settings
from django.utils import timezone

from jobs import life
from jobs.models import Job
from jobs.nudge import nudge
from jobs.stopping import stop_soon

QUEUE = "gpu"


@worker_shutting_down.connect
def save_and_give_back(**kwargs):
    """A worker that is asked to stop lets its job save and hands it back, instead of waiting for its end."""
    stop_soon()


@shared_task(name="jobs.sweep")
def sweep():
    """Requeue the jobs whose worker fell silent, and send what is due to the gpu workers.

    Messages that still wait in the queue mean that every worker is busy, so more of them would only pile up:
    nothing is sent while as many wait as jobs are due. A message too many does nothing.
    """
    lost_after = timedelta(seconds=settings.JOB_LOST_SECONDS)
    models = [model for model in apps.get_models() if issubclass(model, Job)]
    for model in models:
        life.requeue_lost(model, now=timezone.now(), lost_after=lost_after)
    due = [(model.TASK, pk) for model in models for pk in life.due(model)]
    if due and waiting_messages() < len(due):
        for task, pk in due:
            nudge(task, pk=pk)


def waiting_messages():
    """How many messages the gpu queue holds that no worker has taken."""
    with current_app.connection_for_write() as connection:
        return connection.default_channel.queue_declare(queue=QUEUE, durable=True).message_count
