"""Supervises one child process over a run directory (training/trainer/README.md). Never imports torch.

The child's own event log says how it ended; its exit code only where the log is silent, because launchers
replace exit codes. Output goes to a file, never to a pipe that could fill up. Nothing outlives a run: every
descendant seen is remembered with its start mark and swept at the end, a child ends itself when its supervisor
is gone (child.py), and the next attempt kills what a lost worker left (`kill_leftover`).
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
SUPERVISOR = "CONCORD_SUPERVISOR"
"""The variable that tells a child whose death it must not survive: `pid:start mark`."""
BUSY_CODE = 73
"""How a child exits that finds its directory held by another: it must not write in the other's log."""
SUCCEEDED, CANCELLED, INTERRUPTED, FAILED, ERRORED = (
    "succeeded",
    "cancelled",
    "interrupted",
    "failed",
    "errored",
)


@dataclass(frozen=True)
class Outcome:
    """How a child ended; see README.md for the table of statuses and codes.

    `message` is for the person who looks at the job. `resumable`: the same run again, unchanged, goes on from
    what was saved, and may well succeed.
    """

    status: str
    code: str = ""
    message: str = ""
    resumable: bool = False


def python_child(module, *arguments):
    """The argv that runs a module of ours with this interpreter. supervise() runs it in the repository."""
    return [sys.executable, "-m", module, *map(str, arguments)]


# Waiting OpenMP threads sleep instead of spinning: on a busy machine spinning ones are ten times slower. They look
# for work for a moment first, because waking one takes longer (a training step on two quiet cores: 4.7 s without,
# 3.4 s with; on two busy ones 7.5 s and 8.9 s).
THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "4000"}


def child_environment(*, hub=False):
    """The environment of every child. `hub` lets it download from a model hub; else it never touches the network."""
    return {
        **THREADS,
        **os.environ,
        "HF_HUB_OFFLINE": "0" if hub else "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        SUPERVISOR: f"{os.getpid()}:{start_mark(os.getpid())}",
    }


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


def supervise(
    command,
    run_dir,
    *,
    on_event=lambda event: None,
    should_cancel=lambda: False,
    heartbeat=lambda: None,
    check_every=2.0,
    stall_timeout=600.0,
    grace=30.0,
    poll=0.2,
    hub=False,
):
    """Run `command` over `run_dir` to its end and return the Outcome.

    Events that no attempt has told yet go to `on_event`, one dict each, also those an earlier attempt left.
    `heartbeat` and then `should_cancel` are called at once and then every `check_every` seconds. When it asks
    to cancel, the child gets `grace` seconds to save and stop, then as much again after SIGTERM, then SIGKILL.
    A child without an event for `stall_timeout` seconds is ended the same way, from SIGTERM on. What the three
    functions raise ends the child at once and goes on to the caller.
    """
    run_dir = Path(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    log = EventTail(run_dir)
    log.tell(on_event)
    log.forget_end()
    (run_dir / "CANCEL").unlink(missing_ok=True)
    heartbeat()
    if should_cancel():
        return Outcome(CANCELLED, message="Cancelled before it began.")
    child = Child(command, run_dir, hub=hub)
    asked, stalled = False, False
    urge = Urging(child, grace)
    next_check = time.monotonic() + check_every
    try:
        while child.is_running():
            log.tell(on_event)
            now = time.monotonic()
            if now >= next_check:
                next_check = now + check_every
                heartbeat()
                if not asked and should_cancel():
                    asked = True
                    (run_dir / "CANCEL").touch()
                    urge.begin("wait")
            if now - log.last_event > stall_timeout and not (asked or stalled):
                stalled = True
                urge.begin("term")
            if log.end is not None:
                urge.begin("wait")  # it has said its last word: it must not hang on the way out
            urge.go_on()
            time.sleep(poll)
        log.tell(on_event)
    finally:
        child.sweep()
    return judge(log.end, child.process.returncode, asked, stalled, run_dir)


def judge(end, returncode, asked, stalled, run_dir):
    """The Outcome, from the child's last event, and what we did to it, and how it exited, in this order."""
    if end is not None and end["kind"] == "error":
        if end["code"] == "error":
            return Outcome(ERRORED, "error", end["message"])
        return Outcome(FAILED, end["code"], end["message"])
    if end is not None and end["status"] == SUCCEEDED:
        return Outcome(SUCCEEDED)
    if asked:
        return Outcome(CANCELLED, message="Cancelled.", resumable=True)
    if stalled:
        return Outcome(
            FAILED,
            "stalled",
            "It stopped making progress and was ended. Resume it; if it stalls again, use smaller batches or a "
            "faster machine.",
            resumable=True,
        )
    if end is not None:
        return Outcome(
            INTERRUPTED,
            "interrupted",
            "It was asked to stop from outside, and saved what it had.",
            resumable=True,
        )
    if returncode == BUSY_CODE:
        return Outcome(FAILED, "busy", last_line(run_dir / "stdout.log"), resumable=True)
    if returncode < 0:
        name = signal.Signals(-returncode).name
        hint = " Often this is the system running out of memory." if returncode == -signal.SIGKILL else ""
        return Outcome(INTERRUPTED, "killed", f"The process was ended by {name}.{hint}", resumable=True)
    return Outcome(
        ERRORED, "error", f"The process ended with code {returncode}: {last_line(run_dir / 'stdout.log')}"
    )


def last_line(path):
    with open(path, "rb") as handle:
        handle.seek(max(0, handle.seek(0, os.SEEK_END) - 4096))
        lines = handle.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")[:500]


class EventTail:
    """Reads a run's events from where the last attempt stopped, whole lines only."""

    def __init__(self, run_dir):
        self.path = run_dir / "events.jsonl"
        self.offset_path = run_dir / "events.offset"
        self.offset = int(self.offset_path.read_text()) if self.offset_path.exists() else 0
        self.last_event = time.monotonic()
        self.end = None

    def tell(self, on_event):
        """Give every new event to `on_event`, then note how far we are."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as handle:
            handle.seek(self.offset)
            told = handle.read()
        told = told[: told.rfind(b"\n") + 1]
        if not told:
            return
        for line in told.splitlines():
            event = json.loads(line)
            if event["kind"] == "error" or event["kind"] == "end" and self.end is None:
                self.end = event
            on_event(event)
        self.last_event = time.monotonic()
        self.offset += len(told)
        beside = self.offset_path.with_suffix(".new")
        beside.write_text(str(self.offset))
        beside.replace(self.offset_path)

    def forget_end(self):
        """What an earlier attempt said at its end says nothing about this one."""
        self.end = None
        self.last_event = time.monotonic()


class Child:
    """The running process, in its own session, and every descendant it was ever seen to have."""

    def __init__(self, command, run_dir, *, hub):
        self.seen = {}
        with open(run_dir / "stdout.log", "ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=child_environment(hub=hub),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        pid = self.process.pid
        note = {"host": socket.gethostname(), "pid": pid, "mark": start_mark(pid)}
        (run_dir / "pid.json").write_text(json.dumps(note))

    def is_running(self):
        if self.process.poll() is not None:
            return False
        self.seen.update(tree(self.process.pid))
        return True

    def signal(self, signum):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signum)

    def sweep(self):
        """Kill what is left of the process and of its descendants, also those in sessions of their own."""
        if self.process.poll() is None:
            self.seen.update(tree(self.process.pid))
            kill(self.process.pid, start_mark(self.process.pid))
        for pid, mark in self.seen.items():
            kill(pid, mark)
        self.process.wait()


class Urging:
    """The way from a wish to a kill: wait `grace`, SIGTERM, wait `grace`, SIGKILL. Only ever goes forward."""

    STEPS = ("wait", "term", "kill")

    def __init__(self, child, grace):
        self.child, self.grace = child, grace
        self.step, self.since = None, None

    def begin(self, step):
        if self.step is None:
            self._take(step)

    def go_on(self):
        if self.step not in (None, "kill") and time.monotonic() - self.since > self.grace:
            self._take(self.STEPS[self.STEPS.index(self.step) + 1])

    def _take(self, step):
        self.step, self.since = step, time.monotonic()
        if step != "wait":
            self.child.signal(signal.SIGTERM if step == "term" else signal.SIGKILL)


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
