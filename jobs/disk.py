"""Whether the disk that everything lies on has room left."""

import shutil

from django.conf import settings


def free():
    """Bytes."""
    return shutil.disk_usage(settings.VAR).free


def is_full():
    """Whether so little is left that a checkpoint or an import would fail."""
    return free() < settings.LEAST_FREE
