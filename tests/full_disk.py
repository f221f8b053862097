"""A disk without room, as far as a process can tell."""

import resource
from contextlib import contextmanager


@contextmanager
def largest_file(size):
    """Writing more than `size` bytes to a file fails meanwhile, in this process, as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
