"""Processes told apart beyond their pid, and ended with all that is below them."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import psutil

SUPERVISOR = "CONCORD_SUPERVISOR"
"""The variable that tells a child whose death it must not survive: `pid:start mark`."""


def start_mark(pid):
    """When a living process began, as text that a later process under the same pid doesn't share; or None."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
        try:
            return str(psutil.Process(pid).create_time())  # macOS
        except psutil.NoSuchProcess:
            return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else fields[18]


def tree(pid):
    """Every descendant of a process with its start mark."""
    try:
        children = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return {}
    return {child.pid: mark for child in children if (mark := start_mark(child.pid))}


def kill(pid, mark):
    """SIGKILL the process if it is still the one that began at `mark`. Returns whether it was."""
    if mark is None or start_mark(pid) != mark:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def kill_leftover(run_dir, *, timeout=10.0):
    """Kill the child, with all below it, that an earlier worker on this host left in `run_dir`.

    Call it before touching the directory. Returns whether there was one. A child on another host can't be
    reached from here; it ends itself when its supervisor does, and holds the directory's lock until then.
    """
    try:
        note = json.loads((Path(run_dir) / "pid.json").read_text())
    except (FileNotFoundError, ValueError):
        return False
    if (
        note["host"] != socket.gethostname()
        or note["mark"] is None
        or start_mark(note["pid"]) != note["mark"]
    ):
        return False
    below = tree(note["pid"])
    kill(note["pid"], note["mark"])
    for pid, mark in below.items():
        kill(pid, mark)
    deadline = time.monotonic() + timeout
    while start_mark(note["pid"]) == note["mark"] and time.monotonic() < deadline:
        time.sleep(0.05)
    return True
