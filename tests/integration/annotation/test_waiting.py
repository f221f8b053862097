"""Claims and submits that wait for each other's rows on PostgreSQL, each order forced: nobody waits in a circle."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction

from annotation.assignment import next_assignment
from annotation.models import Assignment, Response
from core.transitions import transition
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import NOW, make_project

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no locks of rows"),
]
LONGEST = 30
LATER = NOW + timedelta(minutes=30)


@pytest.fixture
def aside():
    """Start a task in a thread with a connection of its own; returns its Future."""

    def run(task):
        try:
            return task()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=12) as threads:
        yield lambda task: threads.submit(run, task)


@contextmanager
def claimed_but_not_committed(aside, slot, expert):
    """A claim that has taken its slot and stands before its commit, until the block ends."""
    taken, go_on = threading.Event(), threading.Event()

    def claim():
        with transaction.atomic():
            transition(
                slot,
                Assignment.Status.LEASED,
                by=expert,
                now=NOW,
                expert=expert,
                leased_at=NOW,
                lease_until=LATER,
            )
            taken.set()
            assert go_on.wait(LONGEST)

    claiming = aside(claim)
    assert taken.wait(LONGEST)
    try:
        yield
    finally:
        go_on.set()
        claiming.result(LONGEST)


def wait_for_waiting(count):
    """Return once so many connections to this database wait for a lock."""
    end = time.monotonic() + LONGEST
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
            time.sleep(0.01)
    raise AssertionError(f"Fewer than {count} connections wait for a lock.")


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
