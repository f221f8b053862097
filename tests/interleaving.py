"""Use cases that meet on PostgreSQL in an order that a test forces. The fixture `aside` starts them (conftest.py)."""

import threading
import time
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

on_row_locks = pytest.mark.skipif(
    "config.getoption('database') == 'sqlite'", reason="SQLite has no locks of rows"
)
LONGEST = 30


@contextmanager
def not_committed(aside, act):
    """`act` is done, in a connection of its own, and stands before its commit until the block ends."""
    done, go_on = threading.Event(), threading.Event()

    def stand():
        with transaction.atomic():
            act()
            done.set()
            assert go_on.wait(LONGEST)

    standing = aside(stand)
    while not done.wait(0.01):
        if standing.done():
            standing.result()
    try:
        yield
    finally:
        go_on.set()
        standing.result(LONGEST)


def wait_for_waiting(count=1):
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


def outcome_after(aside, first, second):
    """What `second` gives, or the error it ends in, where it comes while `first` stands before its commit."""
    with not_committed(aside, first):
        meeting = aside(second)
        wait_for_waiting()
    return meeting.exception(LONGEST) or meeting.result()
