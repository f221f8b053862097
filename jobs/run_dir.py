"""The directory that a job and its children share (training/trainer/README.md), as the worker reads it."""

import json

from django.conf import settings

LOG_LINES = 40


def run_dir_of(job):
    """The job's directory. Its name tells it from that of a job of an earlier database with the same key."""
    kind = type(job)._meta.model_name.removesuffix("run")
    return settings.RUNS_DIR / f"{kind}-{job.pk}-{job.created_at:%Y%m%d%H%M%S%f}"


class Tail:
    """Reads the rows that a child has added to a JSON-lines file since the last look; a torn line waits."""

    def __init__(self, path):
        self.path, self.offset = path, 0

    def take(self, store):
        """Give the new rows, if there are any, to `store`; where it raises they are given again the next time."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        if rows := [json.loads(line) for line in whole.splitlines() if line]:
            store(rows)
        self.offset += len(whole) + len(newline)


def newest_log(run_dir):
    """The output of the child that ran last, in the directory or in one below it; None where there is none here."""
    return max(run_dir.rglob("stdout.log"), key=lambda log: log.stat().st_mtime, default=None)


def log_tail(run_dir, lines=LOG_LINES):
    """The last lines of what the child that ran last said, in the directory or in one below it."""
    path = newest_log(run_dir)
    if path is None:
        return ""
    with open(path, "rb") as log:
        log.seek(max(0, path.stat().st_size - 16_384))
        text = log.read().decode(errors="replace").replace("\0", "")
    # A progress bar writes over its own line: what it said last stands.
    shown = [line.rstrip("\r").rpartition("\r")[2] for line in text.strip().split("\n")]
    return "\n".join(shown[-lines:])
