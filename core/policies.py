"""Policies and their rubrics, which never change: read once by each process, and kept.

Kept under the key and the moment of creation: a key alone may be given twice, where what first had it was rolled back.
"""

from functools import lru_cache

from django.utils.translation import get_language

from core.models import Policy

KEPT = 256


def whole(policy):
    """The policy with its rubric, axes, label sets, their values and its rules for each axis and its gate, all at hand.

    Shared by whoever asks for it: read it, never change it.
    """
    return _read(policy.pk, policy.created_at)


def worked_out(policy, make):
    """What `make(policy)` gives, worked out once for the policy as long as it is kept, in each language."""
    policy = whole(policy)
    key = (make, get_language())
    if key not in policy.worked_out:
        policy.worked_out[key] = make(policy)
    return policy.worked_out[key]


@lru_cache(maxsize=KEPT)
def _read(pk, created_at):
    rows = Policy.objects.select_related("rubric")
    parts = ("rubric__axes__anchor_rows", "rubric__label_sets__values", "rules__axis", "gate")
    policy = rows.prefetch_related(*parts).get(pk=pk, created_at=created_at)
    policy.worked_out = {}
    return policy


def forget():
    """Keep nothing. For tests, whose databases give the same keys and moments again."""
    _read.cache_clear()
