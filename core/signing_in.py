"""Signing in: how often somebody may guess, and how much of a machine guessing may take.

Guesses are counted before a password is looked at, in the database, so for all processes at once: of an account from
one address, of an address, and of an account from anywhere. Whoever has used up an allowance is told when to come back,
and no password is looked at until then. A browser in which an account was signed in before carries a mark; its guesses
are counted apart, so that strangers who guess at an account do not keep its person out. A password that is right gives
its counts back.

Looking at a password takes a processor for a good part of a second. A process does that for one at a time; one more may
wait for it; whoever comes then is asked to try again in a moment, so that threads are left for other people's pages.
"""

import hashlib
import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.contrib.auth import authenticate
from django.core import signing
from django.db import connection
from django.db.models import F

from core.errors import DomainError
from core.keys import person_key
from core.models import Guess

logger = logging.getLogger(__name__)

SALT = "core.signing_in"
MARK_AGE = timedelta(days=180)
PATIENCE = 5
"""Seconds for which the one that waits is let wait."""
KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Allowance:
    """So many guesses within such a time."""

    guesses: int
    within: timedelta


OF_ACCOUNT_HERE = Allowance(10, timedelta(minutes=15))
OF_ADDRESS = Allowance(60, timedelta(minutes=15))
OF_ACCOUNT_ANYWHERE = Allowance(50, timedelta(minutes=5))


class TooManyGuesses(DomainError):
    """More than the allowance. `until` is when it begins anew."""

    status_code = 429

    def __init__(self, until):
        super().__init__("Too many attempts.")
        self.until = until


class Busy(DomainError):
    """Too many sign in at this moment."""

    status_code = 503

    def __init__(self):
        super().__init__("Many people sign in at this moment: try again in some seconds.")


_one_at_a_time = threading.Lock()
_places = threading.BoundedSemaphore(2)


@contextmanager
def a_place():
    """The one place in this process where a password is looked at. Raises Busy where one waits for it already."""
    if not _places.acquire(blocking=False):
        raise Busy
    try:
        if not _one_at_a_time.acquire(timeout=PATIENCE):
            raise Busy
        try:
            yield
        finally:
            _one_at_a_time.release()
    finally:
        _places.release()


def check_password(request, *, username, password, address, mark, now):
    """The person with this user name and password; None for a guess.

    `address`: where the request came from; `mark`: what `mark_of` gave to this browser, or "".
    Raises TooManyGuesses and Busy, in both cases before the password was looked at.
    """
    counted = list(_counted(username, address, mark))
    for key, allowance in counted:
        if (until := _full_until(key, allowance, now)) is not None:
            logger.warning("Too many sign-ins as %r from %s.", username[:150], address)
            raise TooManyGuesses(until)
    with a_place():
        for key, allowance in counted:
            if not _count(key, allowance, now):
                raise TooManyGuesses(_full_until(key, allowance, now) or now + allowance.within)
        person = authenticate(request, username=username, password=password)
    if person is None:
        logger.warning("A sign-in as %r from %s failed.", username[:150], address)
        return None
    Guess.objects.filter(key__in=[key for key, _ in counted], count__gt=0).update(count=F("count") - 1)
    return person


def mark_of(person):
    """What a browser keeps to show that `person` has signed in with it."""
    return signing.dumps(person.username_key, salt=SALT)


def address_of(request):
    """Where a request came from: what the last proxy that is trusted saw, or who is connected. IPv6 by its network."""
    passed = [
        each.strip() for each in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if each.strip()
    ]
    proxies = settings.PROXIES
    told = passed[-proxies] if proxies and len(passed) >= proxies else request.META.get("REMOTE_ADDR", "")
    try:
        found = ip_address(told)
    except ValueError:
        return told[:60]
    if found.version == 6:
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


def forget_old_guesses(*, now):
    """Sweep away what has long been counted."""
    Guess.objects.filter(since__lt=now - KEPT_FOR).delete()


def _counted(username, address, mark):
    """(key, allowance) of everything that a sign-in counts towards."""
    account = person_key(username)
    yield _key("here", account, address), OF_ACCOUNT_HERE
    yield _key("address", address), OF_ADDRESS
    if _is_marked(mark, account):
        yield _key("marked", account, mark), OF_ACCOUNT_HERE
    else:
        yield _key("anywhere", account), OF_ACCOUNT_ANYWHERE


def _is_marked(mark, account):
    try:
        return signing.loads(mark, salt=SALT, max_age=MARK_AGE) == account
    except signing.BadSignature:
        return False


def _key(*parts):
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _full_until(key, allowance, now):
    """When the allowance begins anew, where it is used up; else None."""
    found = Guess.objects.filter(
        key=key, since__gt=now - allowance.within, count__gte=allowance.guesses
    ).first()
    return found and found.since + allowance.within


def _count(key, allowance, now):
    """One more, or the first of a new time; in one statement, whoever counts at the same moment. False where full."""
    field = Guess._meta.get_field("since")
    at, since = (field.get_db_prep_save(each, connection) for each in (now, now - allowance.within))
    with connection.cursor() as cursor:
        cursor.execute(
            'INSERT INTO core_guess ("key", "count", since) VALUES (%s, 1, %s) ON CONFLICT ("key") DO UPDATE SET '
            '"count" = CASE WHEN core_guess.since > %s THEN core_guess."count" + 1 ELSE 1 END, '
            "since = CASE WHEN core_guess.since > %s THEN core_guess.since ELSE excluded.since END "
            'WHERE core_guess.since <= %s OR core_guess."count" < %s',
            [key, at, since, since, since, allowance.guesses],
        )
        return cursor.rowcount == 1
