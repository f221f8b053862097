"""Counts that pages show. What is large takes a moment to count: each process keeps what it counted for some seconds.

What decides something (whether a stage may be finalized) counts anew.
"""

from datetime import timedelta

from django.core.cache import cache
from django.db.models import Count

from annotation.models import Assignment, Pair, Prompt, Response

AGE = timedelta(seconds=15)
LARGE = 30_000
"""Responses or prompts from which on their counts are kept."""


def count_responses(stage):
    """How many responses of the stage have each status, {status: n}, counted anew."""
    rows = Response.objects.filter(stage=stage).order_by().values_list("status")
    return dict(rows.annotate(n=Count("pk")))


def count_items(stage):
    """How many items experts judge in the stage, k times each: responses, pairs, or both."""
    responses = Response.objects.filter(stage=stage).count() if stage.is_rated else 0
    return responses + (Pair.objects.filter(stage=stage).count() if stage.has_pairs else 0)


def shown_responses(stage):
    """`count_responses` as a page shows it: of a large stage, at most AGE old."""
    return _kept("responses", stage, count_responses, lambda found: sum(found.values()) > LARGE)


def shown_slots(stage):
    """How many slots of the stage each expert has in each status, [(expert or None, status, n)], as a page shows it."""
    return _kept("slots", stage, _count_slots, lambda found: sum(n for *_, n in found) > LARGE)


def shown_prompts(project):
    """How many prompts of the project each split has, {split: n}, as a page shows it."""
    return _kept("prompts", project, _count_prompts, lambda found: sum(found.values()) > LARGE)


def _count_prompts(project):
    rows = Prompt.objects.filter(project=project).order_by().values_list("split")
    return dict(rows.annotate(n=Count("pk")))


def _count_slots(stage):
    rows = Assignment.objects.filter(stage=stage).order_by().values_list("expert", "status")
    return list(rows.annotate(n=Count("pk")))


def _kept(what, row, count, is_large):
    # A stage that has moved on is counted anew at once.
    key = f"annotation.{what}.{row.pk}.{row.created_at.isoformat()}.{getattr(row, 'status', '')}"
    found = cache.get(key)
    if found is None:
        found = count(row)
        if is_large(found):
            cache.set(key, found, AGE.total_seconds())
    return found
