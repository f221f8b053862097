"""The append-only event log of a run: one JSON line an event, with `kind` and `time` (Unix seconds)."""

import os
import time

from jobs.files import cut_torn_line, encode_line


class EventLog:
    """Writes events, each in one write, so that a reader sees whole lines and a kill tears at most the last.

    Without a path they are printed, for whoever runs a child by hand. A silent log says nothing.
    """

    BEAT_SECONDS = 5.0

    def __init__(self, path=None, *, silent=False):
        self.last, self.silent = 0.0, silent
        self.descriptor = None
        if path is not None and not silent:
            cut_torn_line(path)
            self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def emit(self, kind, **fields):
        self.last = time.monotonic()
        line = encode_line({"kind": kind, "time": round(time.time(), 3), **fields})
        if self.descriptor is not None:
            os.write(self.descriptor, line)
        elif not self.silent and kind != "beat":
            print(line.decode().rstrip(), flush=True)

    def beat(self, **fields):
        """Say that there is progress, at most every few seconds."""
        if time.monotonic() - self.last >= self.BEAT_SECONDS:
            self.emit("beat", **fields)
