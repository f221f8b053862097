"""Claims and submits that wait for each other's rows on PostgreSQL, each order forced: nobody waits in a circle."""

import time
from datetime import timedelta

import pytest

from annotation.assignment import next_assignment
from annotation.models import Assignment, Response
from core.transitions import transition
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import NOW, make_project
from tests.interleaving import LONGEST, not_committed, on_row_locks, wait_for_waiting

pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]
LATER = NOW + timedelta(minutes=30)


def claimed_but_not_committed(aside, slot, expert):
    """A claim that has taken its slot and stands before its commit, until the block ends."""
    return not_committed(
        aside,
        lambda: transition(
            slot,
            Assignment.Status.LEASED,
            by=expert,
            now=NOW,
            expert=expert,
            leased_at=NOW,
            lease_until=LATER,
        ),
    )


def test_claims_that_find_every_slot_in_motion_wait_in_the_order_of_those_who_submit(aside):
    team = make_project(experts=11)
    stage = make_rating_stage(team.project, prompts=1)
    response = Response.objects.get()
    holder, one, two, *claiming = team.experts
    first, second, third = Assignment.objects.order_by("slot")
    transition(
        third, Assignment.Status.LEASED, by=holder, now=NOW, expert=holder, leased_at=NOW, lease_until=LATER
    )
    with claimed_but_not_committed(aside, first, one):
        with claimed_but_not_committed(aside, second, two):
            claims = [
                aside(lambda expert=expert: next_assignment(stage=stage, expert=expert, now=NOW))
                for expert in claiming
            ]
            wait_for_waiting(len(claims))
            submitted = aside(lambda: rate(response, holder))
            wait_for_waiting(len(claims) + 1)
        # The second slot is gone now. Had a claim waited for it, it would hold its lock from here on, and wait for
        # the first, which the submit gets before it.
        time.sleep(0.2)
    submitted.result(LONGEST)
    assert [claim.result(LONGEST) for claim in claims] == [None] * len(claiming)
