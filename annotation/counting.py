"""Counts that pages show. A large stage takes a moment to count: each process keeps what it counted for some seconds.

What decides something (whether a stage may be finalized) counts anew.
"""

from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count

from annotation.models import Assignment, Response

AGE = timedelta(seconds=15)
LARGE = 30_000
"""Responses from which on a stage's counts are kept."""


def count_responses(stage):
    """How many responses of the stage have each status, {status: n}, counted anew."""
    rows = Response.objects.filter(stage=stage).order_by().values_list("status")
    return dict(rows.annotate(n=Count("pk")))


def shown_responses(stage):
    """`count_responses` as a page shows it: of a large stage, at most AGE old."""
    return _kept("responses", stage, count_responses, lambda found: sum(found.values()) > LARGE)


def shown_slots(stage):
    """How many slots of the stage each expert has in each status, [(expert or None, status, n)], as a page shows it."""
    return _kept("slots", stage, _count_slots, lambda found: sum(n for *_, n in found) > LARGE)


def _count_slots(stage):
    rows = Assignment.objects.filter(stage=stage).order_by().values_list("expert", "status")
    return list(rows.annotate(n=Count("pk")))


def _kept(what, stage, count, is_large):
    # A stage that has moved on is counted anew at once.
    key = f"annotation.{what}.{stage.pk}.{stage.created_at.isoformat()}.{stage.status}"
    found = cache.get(key)
    if found is None:
        found = count(stage)
        if is_large(found):
            cache.set(key, found, AGE.total_seconds())
    return found
