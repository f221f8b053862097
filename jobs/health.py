"""Whether this process can do its work: for load balancers, container health checks and `manage.py serve`."""

import logging
import time

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerError

from jobs import disk, pulse

logger = logging.getLogger(__name__)
STARTED = time.monotonic()


def database_answers():
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    except (DatabaseError, InterfaceError) as error:
        logger.error("The database does not answer: %s", error)
        return False
    return True


def broker_answers():
    try:
        with current_app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=2)
    except (BrokerError, OSError) as error:
        logger.error("The broker does not answer: %s", error)
        return False
    return True


def gets_on(name):
    """Whether a sign of life came lately; a server that has just started waits for the first."""
    return min(pulse.age(name), time.monotonic() - STARTED) <= settings.STALL_SECONDS


def disk_has_room():
    if disk.is_full():
        logger.error("The disk of %s is full: %d MB are free.", settings.VAR, disk.free() // 1024**2)
        return False
    return True


@never_cache
@require_safe
def healthz(request):
    """200 while everything works, else 503 naming what doesn't; never details.

    Apart from the database a failure costs people a delay and no record, but whoever watches should know: the sweep and
    both queues must get on, not only live.
    """
    parts = {
        "database": "ok" if database_answers() else "does not answer",
        "broker": "ok" if broker_answers() else "does not answer",
        "sweep": "ok" if gets_on(pulse.SWEEP) else "does not get on",
        **{f"queue {name}": "ok" if gets_on(name) else "does not get on" for name in pulse.QUEUES},
        "disk": "ok" if disk_has_room() else "is full",
    }
    return JsonResponse(parts, status=200 if set(parts.values()) == {"ok"} else 503)
