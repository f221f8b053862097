"""Whether this worker was asked to stop, as its jobs see it."""

from multiprocessing.sharedctypes import RawValue

# Shared with the processes a worker forks, so that each learns of a shutdown the main process is asked for.
_stopping = RawValue("b", 0)


def stop_soon():
    """From now on every attempt of this worker saves what it has and gives its job back."""
    _stopping.value = 1


def worker_is_stopping():
    return bool(_stopping.value)
