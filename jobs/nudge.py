"""Telling a worker to look now. Only ever a hint: the sweep finds the row without it."""

import logging

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def queue_of(task_name):
    """The queue that a task waits in."""
    return settings.CELERY_TASK_ROUTES.get(task_name, {}).get("queue", settings.CELERY_TASK_DEFAULT_QUEUE)


def nudge(task_name, **kwargs):
    """Once the transaction is committed, send the task by name. A dead broker costs a delay, not a record."""

    def send():
        try:
            current_app.send_task(task_name, kwargs=kwargs, retry=False)
        except (OperationalError, OSError) as error:
            logger.warning("Could not nudge %s (%s): the sweep will find the row.", task_name, error)

    transaction.on_commit(send)
