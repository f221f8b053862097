"""Policies and their rubrics, which never change: read once by each process, and kept.

Kept under the key and the moment of creation: a key alone may be given twice, where what first had it was rolled back.
"""

from functools import lru_cache

from core.models import Policy

KEPT = 256


def whole(policy):
    """The policy with its rubric, axes, label sets, their values and its tolerances, all at hand.

    Shared by whoever asks for it: read it, never change it.
    """
    return _read(policy.pk, policy.created_at)


@lru_cache(maxsize=KEPT)
def _read(pk, created_at):
    rows = Policy.objects.select_related("rubric")
    parts = ("rubric__axes", "rubric__label_sets__values", "tolerances__axis")
    return rows.prefetch_related(*parts).get(pk=pk, created_at=created_at)


def forget():
    """Keep nothing. For tests, whose databases give the same keys and moments again."""
    _read.cache_clear()
