"""Keeps a set of processes together: they start together and end together, whatever happens to who asked.

`python -m serving.keeper` reads one JSON line on stdin, a list of services (name, argv, log), starts them, and
says on stdout, one JSON line each, what it started and which one ended. It stops everything when one of them
ends, when it is told to (SIGTERM, SIGINT, SIGHUP), or when its stdin closes, which is how it learns that
whoever asked is gone, however that happened. One that lives but gets nowhere (pulses.py) is killed and started anew,
which is said too. Nothing here needs Django.

A process that works on a job names it in its environment (CONCORD_JOB). Its worker has asked it to save what it has:
it gets the time, and stdout says every second who is waited for. Being told a second time ends everything at once.

On Linux it is also the reaper of its descendants: a process whose parent died lands here and not with init,
so that nothing can slip away. Elsewhere the tree seen before stopping must do.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from serving.pulses import Pulses

GRACE_SECONDS = 3.0
"""How long processes asked to stop may take before they are killed. An idle Celery worker on the filesystem
broker would take five; it loses nothing by being killed, because what it works on is a row."""
KILL_SECONDS = 3.0
JOB = "CONCORD_JOB"
SAVING_SECONDS = 300
"""How long a job may take to save: a long training step ends first. More work than that is never unsaved."""
LOG_LIMIT = 10 * 1024 * 1024
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    """Make this process the reaper of its descendants, where the system knows such a thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants():
    """Every living process below this one, parents before their children."""
    living = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                reap(process.pid)
            else:
                living.append(process)
        except psutil.NoSuchProcess:
            continue
    return living


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # not our child, or already waited for


def end_descendants(
    *, grace=GRACE_SECONDS, ask=(), on_wait=lambda jobs, seconds: None, hurried=lambda: False
):
    """Send SIGTERM to the processes in `ask`, wait up to `grace` seconds, then kill what is left below us.

    While jobs save, the wait begins anew, for SAVING_SECONDS at most, and `on_wait(names, seconds so far)` is told
    every second; `hurried()` ends all waiting. Killed from the top down: a worker goes before the child it supervises,
    so that it never takes the child's death for a result. Returns the processes that were still alive at the end (none,
    normally).
    """
    known = descendants()
    for process in ask:
        if process.poll() is None:
            process.terminate()

    def left():
        seen = {process.pid: process for process in descendants()}
        for process in known:
            if process.is_running() and process.pid not in seen and process.status() != psutil.STATUS_ZOMBIE:
                seen[process.pid] = process
        return list(seen.values())

    began = told = time.monotonic()
    deadline = began + grace
    while (remaining := living(left)) and (now := time.monotonic()) < deadline and not hurried():
        if now - told >= 1 and (jobs := jobs_of(remaining)) and now - began < SAVING_SECONDS:
            told, deadline = now, now + grace
            on_wait(jobs, round(now - began))
        for process in ask:
            process.poll()
        time.sleep(0.05)
    deadline = time.monotonic() + KILL_SECONDS
    while remaining and time.monotonic() < deadline:
        for process in remaining:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.05)
        for process in ask:
            process.poll()
        remaining = living(left)
    return remaining


def jobs_of(processes):
    """The names of the jobs that the processes work on, each once."""
    names = set()
    for process in processes:
        try:
            names.add(process.environ().get(JOB))
        except psutil.Error:
            continue  # it has just ended
    return sorted(filter(None, names))


def living(look):
    """`look()`, again if a process vanished while being looked at."""
    while True:
        try:
            return look()
        except psutil.NoSuchProcess:
            continue


def open_log(path):
    """The log file, for appending; what was there is put aside once it is large."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(path.suffix + ".1"))
    return open(path, "ab")


def start(service):
    """Start one service in its own session, so that a terminal's Ctrl-C reaches only who is in charge."""
    with open_log(service["log"]) as log:
        return subprocess.Popen(
            service["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def say(**message):
    try:
        print(json.dumps(message), flush=True)
    except (BrokenPipeError, OSError):
        # Nobody listens any more; the closed stdin says so too.
        sys.stdout = open(os.devnull, "w")


class Told(BaseException):
    """A signal asked us to stop."""


def stop_on_signals():
    """From now on the usual signals raise Told in the main thread."""

    def told(signum, frame):
        raise Told(signal.Signals(signum).name)

    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, told)


class Hurry:
    """From now on the usual signals only say that there is no more time: `hurry()`, and `tell` if it is given."""

    def __init__(self, tell=lambda: None):
        self.wished, self.tell = False, tell
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._told)

    def _told(self, signum, frame):
        self.wished = True
        self.tell()

    def __call__(self):
        return self.wished


def ignore_signals():
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)


def watch(running, services):
    """Block until a service ends or stdin closes. Says which ended; meanwhile replaces those that get nowhere, and
    kills orphans that land here."""
    pulses = Pulses(services)
    next_look = 0.0
    while True:
        if select.select([0], [], [], 0.2)[0] and not os.read(0, 4096):
            return
        for name, process in running.items():
            if process.poll() is not None:
                say(ended=name, code=process.returncode)
                return
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + 2
            for service in pulses.stalled():
                replace(service, running)
            ours = {process.pid for process in running.values()}
            for orphan in psutil.Process().children():
                if orphan.pid not in ours:
                    # Its parent died and nobody is left to read its result.
                    living(lambda orphan=orphan: orphan.is_running() and orphan.kill())
                    reap(orphan.pid)


def replace(service, running):
    """End a service that gets nowhere, from the top down, and start it anew."""
    hung = running[service["name"]]
    below = living(lambda: psutil.Process(hung.pid).children(recursive=True))
    hung.kill()
    hung.wait()
    for process in below:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    running[service["name"]] = start(service)
    say(replaced=service["name"], pid=running[service["name"]].pid)


def main():
    adopt_orphans()
    stop_on_signals()
    running = {}
    try:
        services = json.loads(sys.stdin.readline())
        for service in services:
            running[service["name"]] = start(service)
            say(started=service["name"], pid=running[service["name"]].pid)
        watch(running, services)
    except Told:
        pass
    finally:
        left = end_descendants(
            ask=list(reversed(running.values())),
            on_wait=lambda jobs, seconds: say(waiting=jobs, seconds=seconds),
            hurried=Hurry(),
        )
    for process in left:
        say(left=process.pid)
    say(stopped=True)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
