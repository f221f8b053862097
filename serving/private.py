"""What lies in the state folder is for its owner alone: texts, ratings, addresses of people, the secret key."""

import os
import stat
from contextlib import suppress
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(*places):
    """Take from everybody else what they may do with these files and folders, and with all in them. Returns how many
    were mended; what is not ours is left alone."""
    mended = 0
    for place in map(Path, places):
        mended += _mend(place)
        for folder, folders, files in os.walk(place):
            mended += sum(_mend(Path(folder, name)) for name in (*folders, *files))
    return mended


def _mend(path):
    with suppress(FileNotFoundError, PermissionError):
        known = path.lstat()
        if not stat.S_ISLNK(known.st_mode) and known.st_mode & OTHERS:
            path.chmod(stat.S_IMODE(known.st_mode) & ~OTHERS)
            return 1
    return 0
