"""Whether this process can do its work: for load balancers, container health checks and `manage.py serve`."""

import logging

from celery import current_app
from django.db import DatabaseError, InterfaceError, connection
from django.http import JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from kombu.exceptions import OperationalError as BrokerError

logger = logging.getLogger(__name__)


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


@never_cache
@require_safe
def healthz(request):
    """200 while the database and the broker answer, else 503 naming the part that doesn't; never details.

    A dead broker alone costs people a delay and no record, but whoever watches should know.
    """
    parts = {"database": database_answers(), "broker": broker_answers()}
    words = {name: "ok" if fine else "does not answer" for name, fine in parts.items()}
    return JsonResponse(words, status=200 if all(parts.values()) else 503)
