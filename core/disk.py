"""Whether an exception says that a disk is full: that of the files, or that of the database. Free of Django."""

import errno

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
WORDS = ("No space left on device", "Disk quota exceeded", "File too large", "database or disk is full")
DISK_FULL = "53100"
"""PostgreSQL's code, whatever language it says it in."""


def ran_out(error):
    if isinstance(error, OSError) and error.errno in NO_SPACE:
        return True
    code = getattr(error.__cause__, "sqlstate", "")
    return code == DISK_FULL or any(words in str(error) for words in WORDS)
