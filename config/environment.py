"""Readers of environment variables that refuse bad values instead of guessing."""

import os
import secrets
import stat
from pathlib import Path
from zoneinfo import available_timezones

from django.core.exceptions import ImproperlyConfigured

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name, default=""):
    return os.environ.get(name, default).strip()


def flag(name, default=False):
    value = os.environ.get(name)
    if value is None:
        return default
    value = value.strip().lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={value!r} is neither true nor false: use 1 or 0.")


def integer(name, default, *, minimum=1):
    value = os.environ.get(name)
    if value is None or not value.strip():
        return default
    try:
        number = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name}={value!r} is not a whole number.") from None
    if number < minimum:
        raise ImproperlyConfigured(f"{name}={number} is below {minimum}.")
    return number


def words(name, default=""):
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def pairs(name, default=""):
    """Words parted by commas, each with a second word behind a blank or without: {first: second or ""}."""
    return {
        first: second.strip() for first, _, second in (word.partition(" ") for word in words(name, default))
    }


def zone(name, default):
    """The name of a time zone that there is."""
    value = text(name, default) or default
    if value not in available_timezones():
        raise ImproperlyConfigured(f"{name}={value!r} is no time zone: write one as Europe/Berlin.")
    return value


def own_folder(path: Path, name):
    """Make the folder that `name` sets, for its owner alone, and have all that this process makes be so too."""
    os.umask(0o077)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = path.stat()
        if known.st_uid == os.geteuid() and not known.st_mode & stat.S_ISVTX:  # /tmp is everybody's
            path.chmod(0o700)
        reason = "" if os.access(path, os.W_OK | os.X_OK) else "no right to write"
    except OSError as error:
        reason = error.strerror.lower()
    if reason:
        raise ImproperlyConfigured(
            f"Concord cannot keep its files in {path} ({reason}): make the folder writable for this user, or name "
            f"another one in {name}."
        )


def secret(name, *, file: Path, may_generate):
    """The secret from the environment or, where allowed, one made once and kept in `file`."""
    value = text(name)
    if value:
        if len(value) < 32:
            raise ImproperlyConfigured(f"{name} is shorter than 32 characters: make a longer one.")
        return value
    if not may_generate:
        raise ImproperlyConfigured(
            f"{name} is not set. A shared database needs one secret for all processes."
        )
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass  # another process made it between the check and here
        else:
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_urlsafe(48))
    return file.read_text().strip()
