"""The arbitration room's part of the sweep."""

from celery import shared_task
from django.utils import timezone

from arbitration.cases import release_lapsed_cases


@shared_task(name="arbitration.sweep")
def sweep():
    """Let claims whose time is up lapse."""
    release_lapsed_cases(now=timezone.now())
