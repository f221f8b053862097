"""The sweep of annotation: leases that ended, responses nobody can judge any more."""

from celery import shared_task
from django.utils import timezone

from annotation.assignment import release_lapsed
from annotation.deciding import escalate_unjudgeable


@shared_task(name="annotation.sweep")
def sweep():
    """Reopen lapsed slots; send to the leads what too few experts are left for."""
    release_lapsed(now=timezone.now())
    escalate_unjudgeable(now=timezone.now())
