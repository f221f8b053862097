"""Which services have stopped getting on, though their processes live: a file that each touches at work tells.

A service names its file (`pulse`) and how many seconds it may stay untouched (`patience`). Several may share one:
a sweep needs the one who sends it and the one who does it. Nothing here needs Django.
"""

import os
import time


class Pulses:
    """Watches the files of `services`. The time is this process' own, which stands still while the machine sleeps."""

    def __init__(self, services, clock=time.monotonic):
        self.clock = clock
        self.watched = [service for service in services if service.get("pulse")]
        self.usual = {service["pulse"]: service["patience"] for service in self.watched}
        self.patience = dict(self.usual)
        self.seen = {}
        self.renew()

    def renew(self):
        """Everything that is watched has its whole time again."""
        self.since = dict.fromkeys(self.patience, self.clock())

    def stalled(self):
        """The services of a file that nobody has touched for too long; [] while all get on.

        Where the one is silent the other may be so because of it: only those of the first are named, and all have
        their time again. Each time in a row that it did not help, there is twice as much.
        """
        for path in self.patience:
            touched = _touched(path)
            if touched != self.seen.get(path):
                self.seen[path], self.since[path] = touched, self.clock()
                self.patience[path] = self.usual[path]
        for path, patience in self.patience.items():
            if self.clock() - self.since[path] > patience:
                self.patience[path] = 2 * patience
                self.renew()
                return [service for service in self.watched if service["pulse"] == path]
        return []


def _touched(path):
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return None
