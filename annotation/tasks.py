"""The sweep of annotation: leases that ended, responses nobody can judge any more, stages short of ratings."""

from celery import shared_task
from django.utils import timezone

from annotation.assignment import release_lapsed
from annotation.deciding import escalate_unjudgeable
from annotation.pair_hand_out import release_lapsed_pairs
from annotation.shortfall import escalate_the_left, settle_shortfalls


@shared_task(name="annotation.sweep")
def sweep():
    """Reopen lapsed slots; send to the leads what too few experts are left for; go on with what admins decided."""
    release_lapsed(now=timezone.now())
    release_lapsed_pairs(now=timezone.now())
    escalate_unjudgeable(now=timezone.now())
    settle_shortfalls(clock=timezone.now)
    escalate_the_left(now=timezone.now())
