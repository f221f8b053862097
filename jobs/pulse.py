"""Signs that work gets on, for whoever watches (jobs/health.py, serving/pulses.py): files, touched again and again.

Files, because they are there while the database is away, cost nothing, and also tell a process that knows no Django.
"""

import logging
import time

from django.conf import settings

logger = logging.getLogger(__name__)

DEFAULT, GPU = QUEUES = ("default", "gpu")
SWEEP = "sweep"
"""Touched once a sweep is done: by it beat, the broker, a default worker and the database have worked together."""


def show(name):
    """A queue gets on: a task of it begins, or its job is at work. Or, for SWEEP, a sweep is done."""
    try:
        settings.PULSES.mkdir(exist_ok=True)
        (settings.PULSES / name).touch()
    except OSError as error:
        logger.warning("No sign of life could be left for %s: %s", name, error)


def age(name):
    """Seconds since it was last shown; infinite where it never was."""
    try:
        return max(0.0, time.time() - (settings.PULSES / name).stat().st_mtime)
    except FileNotFoundError:
        return float("inf")
