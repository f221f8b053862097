"""What an expert judges next: a response, or two side by side."""

import random

from annotation.assignment import has_work, next_of
from annotation.models import Assignment
from annotation.pair_hand_out import has_pair, holds_pair, next_pair
from core.models import Stage


def next_work(*, stages, expert, now):
    """The Assignment or PairSlot that `expert` judges next in any of the `stages`; None where nothing is left.

    What they hold comes first, then calibrations; where responses are rated and pairs judged at one time, one or the
    other by lot. Where no stage has pairs, it costs what `assignment.next_of` costs.
    """
    paired = [stage for stage in stages if stage.has_pairs]
    rated = [stage for stage in stages if stage.is_rated]
    if not paired:
        return next_of(stages=rated, expert=expert, now=now)
    held = next((stage for stage in paired if holds_pair(stage=stage, expert=expert)), None)
    if held is not None:
        return next_pair(stage=held, expert=expert, now=now)

    def response(stages):
        return next_of(stages=stages, expert=expert, now=now) if stages else None

    def pair():
        found = (next_pair(stage=stage, expert=expert, now=now) for stage in paired)
        return next(filter(None, found), None)

    mine = Assignment.objects.filter(stage__in=rated, expert=expert, status=Assignment.Status.LEASED)
    if mine.filter(lease_until__gt=now).exists():
        return response(rated) or pair()
    first = [stage for stage in rated if stage.kind == Stage.Kind.CALIBRATION]
    others = [stage for stage in rated if stage not in first]
    if random.random() < 0.5:
        return response(first) or pair() or response(others)
    return response(first) or response(others) or pair()


def has_any_work(*, stages, expert):
    """Whether any of the `stages` has something left for `expert`. Nothing is leased."""
    rated = [stage for stage in stages if stage.is_rated]
    return has_work(stages=rated, expert=expert) or any(
        has_pair(stage=stage, expert=expert) for stage in stages if stage.has_pairs
    )
