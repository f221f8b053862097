"""Whether the disk that everything lies on has room left."""

import errno
import shutil

from django.conf import settings
from django.db import OperationalError

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
WORDS = ("No space left on device", "Disk quota exceeded", "File too large", "database or disk is full")
DISK_FULL = "53100"
"""PostgreSQL's code, whatever language it says it in."""


def free():
    """Bytes."""
    return shutil.disk_usage(settings.VAR).free


def is_full():
    """Whether so little is left that a checkpoint or an import would fail."""
    return free() < settings.LEAST_FREE


def ran_out(error):
    """Whether an exception says that a disk is full: that of the files, or that of the database."""
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return True
    of_database = (
        isinstance(error, OperationalError) and getattr(error.__cause__, "sqlstate", "") == DISK_FULL
    )
    return of_database or any(words in str(error) for words in WORDS)
