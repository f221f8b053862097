"""In which zone times are told to somebody, and when their day begins: their own, their browser's, or the site's."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.utils import timezone

COOKIE = "zone"
"""In which a browser tells its zone (static/js/app.js)."""


@lru_cache(maxsize=1)
def known_zones():
    """The names of all zones, such as "Pacific/Auckland"."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def tell_times_in(*names):
    """Tell times in the first zone of these names that there is, else in the site's, until the request ends."""
    name = next((name for name in names if name in known_zones()), settings.TIME_ZONE)
    timezone.activate(ZoneInfo(name))


def tell_times_as_the_site():
    """Forget the zone of whoever asked before."""
    timezone.deactivate()


def midnight(moment):
    """When the day of a moment began, where times are told."""
    return timezone.localtime(moment).replace(hour=0, minute=0, second=0, microsecond=0)
