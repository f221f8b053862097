"""The sweep of all jobs. It makes up for every message that was lost, and has every queue show that it gets on."""

from datetime import timedelta

from celery import current_app, shared_task
from celery.signals import task_prerun, worker_shutting_down
from django.apps import apps
from django.conf import settings
from django.utils import timezone

from jobs import life, pulse
from jobs.models import Job
from jobs.nudge import nudge, queue_of
from jobs.stopping import stop_soon


@worker_shutting_down.connect
def save_and_give_back(**kwargs):
    """A worker that is asked to stop lets its job save and hands it back, instead of waiting for its end."""
    stop_soon()


@shared_task(name="jobs.sweep")
def sweep():
    """Requeue the jobs whose worker fell silent, and send what is due to the workers of its queue.

    Messages that still wait in a queue mean that every worker is busy, so more of them would only pile up:
    nothing is sent while as many wait as jobs are due. A message too many does nothing. Where nothing is due, one
    message asks the gpu workers whether they are there.
    """
    lost_after = timedelta(seconds=settings.JOB_LOST_SECONDS)
    models = [model for model in apps.get_models() if issubclass(model, Job)]
    for model in models:
        life.requeue_lost(model, now=timezone.now(), lost_after=lost_after)
    due = {pulse.GPU: []}
    for model in models:
        due.setdefault(queue_of(model.TASK), []).extend((model.TASK, pk) for pk in life.due(model))
    for queue, jobs in due.items():
        waiting = waiting_messages(queue) if jobs or queue == pulse.GPU else 0
        if waiting < len(jobs):
            for task, pk in jobs:
                nudge(task, pk=pk)
        elif queue == pulse.GPU and not waiting:
            nudge("jobs.show_life")
    pulse.show(pulse.SWEEP)


@shared_task(name="jobs.show_life")
def show_life():
    """Nothing but to have been begun."""


@task_prerun.connect
def show_that_the_queue_gets_on(task, **kwargs):
    queue = (task.request.delivery_info or {}).get("routing_key")
    if queue in pulse.QUEUES:
        pulse.show(queue)


def waiting_messages(queue):
    """How many messages the queue holds that no worker has taken."""
    with current_app.connection_for_write() as connection:
        return connection.default_channel.queue_declare(queue=queue, durable=True).message_count
