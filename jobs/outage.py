"""A database that is gone for a while costs a job that while, and nothing else.

What a running attempt writes is tried again until the database answers. What it refuses although it answers (a lock
that is held too long, a table that is not there) is tried a few times and then raised.
"""

import logging
import threading
import time
from contextlib import contextmanager

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from jobs.supervisor import NotNow

logger = logging.getLogger(__name__)

AWAY = (OperationalError, InterfaceError)
OUTAGE_SECONDS = 900
"""How long an attempt waits for the database once its child has nothing more to do. Its child waits for nothing."""
RETRY_SECONDS = 1.0
REFUSALS = 3


class Patience:
    """Does things with the database, and tells one that is away from one that refuses."""

    def __init__(self):
        self.away_since, self.refused = None, 0

    def once(self, do):
        """`do()`, a whole transaction. Raises NotNow where the database is away, with its connection given up."""
        try:
            done = do()
        except AWAY as error:
            if connection.in_atomic_block:
                raise
            connection.close()
            if answers():
                self.refused += 1
                if self.refused >= REFUSALS:
                    raise
            if self.away_since is None:
                self.away_since = time.monotonic()
                logger.warning("The database does not answer: going on without it. (%s)", error)
            raise NotNow(str(error)) from error
        if self.away_since is not None:
            logger.warning("The database answers again after %.0f s.", time.monotonic() - self.away_since)
        self.away_since, self.refused = None, 0
        return done

    def until_done(self, do, *, give_up=lambda: False):
        """`do()`, tried again while the database is away: for OUTAGE_SECONDS, or until `give_up()`. Raises NotNow."""
        began = time.monotonic()
        while True:
            try:
                return self.once(do)
            except NotNow:
                if give_up() or time.monotonic() - began > OUTAGE_SECONDS:
                    raise
            time.sleep(RETRY_SECONDS)


def answers():
    """Whether a new connection to the database comes about."""
    try:
        connection.ensure_connection()
    except AWAY:
        return False
    return True


@contextmanager
def kept_alive(is_alive):
    """Call `is_alive` again and again, beside what the body does, until it returns False or the body is done."""
    done = threading.Event()

    def keep_beating():
        patience = Patience()
        try:
            while not done.wait(settings.JOB_LOST_SECONDS / 8):
                try:
                    if not patience.once(is_alive):
                        return
                except NotNow:
                    continue
        finally:
            connection.close()

    thread = threading.Thread(target=keep_beating, daemon=True, name="kept-alive")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
