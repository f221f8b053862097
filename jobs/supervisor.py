"""Supervises one child process over a run directory (training/trainer/README.md). Never imports torch.

The child's own event log says how it ended; its exit code only where the log is silent, because launchers
replace exit codes. Output goes to a file, never to a pipe that could fill up. Nothing outlives a run: every
descendant seen is remembered with its start mark and swept at the end, a child ends itself when its supervisor
is gone (child.py), and the next attempt kills what a lost worker left (processes.kill_leftover).
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

from jobs.memory import oom_kills
from jobs.processes import SUPERVISOR, kill, start_mark, tree
from jobs.reasons import NONE, Reason, reason, told

REPOSITORY = Path(__file__).resolve().parent.parent
JOB = "CONCORD_JOB"
"""The variable that names to whoever waits for a child what it works on (serving/keeper.py reads it)."""
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

    `reason` is for the person who looks at the job. `resumable`: the same run again, unchanged, goes on from
    what was saved, and may well succeed.
    """

    status: str
    code: str = ""
    reason: Reason = NONE
    resumable: bool = False


class NotNow(Exception):
    """Raised by a function of the caller's that cannot do its part just now: the database is away."""


def python_child(module, *arguments):
    """The argv that runs a module of ours with this interpreter. supervise() runs it in the repository."""
    return [sys.executable, "-m", module, *map(str, arguments)]


# Waiting OpenMP threads sleep instead of spinning: on a busy machine spinning ones are ten times slower. They look
# for work for a moment first, because waking one takes longer (a training step on two quiet cores: 4.7 s without,
# 3.4 s with; on two busy ones 7.5 s and 8.9 s).
THREADS = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "4000"}


def child_environment(*, name="", hub=False):
    """The environment of every child. `name` says what it works on; `hub` lets it download from a model hub, else it
    never touches the network."""
    return {
        **THREADS,
        **os.environ,
        "HF_HUB_OFFLINE": "0" if hub else "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        SUPERVISOR: f"{os.getpid()}:{start_mark(os.getpid())}",
        JOB: name,
    }


def supervise(
    command,
    run_dir,
    *,
    name="",
    on_event=lambda event: None,
    should_cancel=lambda: False,
    heartbeat=lambda: None,
    check_every=2.0,
    stall_timeout=600.0,
    grace=120.0,
    patience=900.0,
    poll=0.2,
    hub=False,
):
    """Run `command` over `run_dir` to its end and return the Outcome.

    Events that no attempt has told yet go to `on_event`, one dict each, also those an earlier attempt left.
    `heartbeat` and then `should_cancel` are called at once and then every `check_every` seconds. When it asks
    to cancel, the child gets `grace` seconds to save and stop, then as much again after SIGTERM, then SIGKILL.
    A child without an event for `stall_timeout` seconds is ended the same way, from SIGTERM on. `name` is what whoever
    waits for the child calls it.

    `on_event` and `heartbeat` may raise NotNow, as long as it takes: the child goes on, and both are asked again. Once
    it has ended they must come to an answer within `patience` seconds, and at once where it is to be cancelled;
    otherwise NotNow goes on to the caller. What else the three functions raise ends the child at once and goes on.
    """
    run_dir = Path(run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    log = EventTail(run_dir)
    log.tell(on_event)
    log.forget_end()
    (run_dir / "CANCEL").unlink(missing_ok=True)
    heartbeat()
    if should_cancel():
        return Outcome(CANCELLED, reason=reason("canceled_before"))
    oom_before = oom_kills()
    child = Child(command, run_dir, name=name, hub=hub)
    asked, stalled = False, False
    urge = Urging(child, grace)
    next_check = time.monotonic() + check_every
    try:
        while child.is_running():
            now = time.monotonic()
            try:
                log.tell(on_event)
                if now >= next_check:
                    heartbeat()
            except NotNow:
                log.look()
            if now >= next_check:
                next_check = now + check_every
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
        deadline = time.monotonic() + patience
        while not told_in_full(log, on_event, heartbeat, last=time.monotonic() > deadline or should_cancel()):
            time.sleep(min(check_every, 1.0))
    finally:
        child.sweep()
    memory_ran_out = oom_before is not None and (oom_kills() or 0) > oom_before
    return judge(log.end, child.process.returncode, asked, stalled, memory_ran_out, run_dir)


def told_in_full(log, on_event, heartbeat, *, last):
    """Whether everything is told and the caller answers. Raises NotNow where this was the `last` time to ask."""
    try:
        log.tell(on_event)
        heartbeat()
    except NotNow:
        if last:
            raise
        return False
    return True


def judge(end, returncode, asked, stalled, memory_ran_out, run_dir):
    """The Outcome, from the child's last event, and what we did to it, and how it exited, in this order."""
    if end is not None and end["kind"] == "error":
        why = Reason(end["reason"], end["params"]) if "reason" in end else told(end["message"])
        return Outcome(ERRORED if end["code"] == "error" else FAILED, end["code"], why)
    if end is not None and end["status"] == SUCCEEDED:
        return Outcome(SUCCEEDED)
    if asked:
        return Outcome(CANCELLED, reason=reason("canceled"), resumable=True)
    if stalled:
        return Outcome(FAILED, "stalled", reason("stalled"), resumable=True)
    if end is not None:
        return Outcome(INTERRUPTED, "interrupted", reason("stopped_from_outside"), resumable=True)
    if returncode == BUSY_CODE:
        return Outcome(FAILED, "busy", reason("busy"), resumable=True)
    if returncode == -signal.SIGKILL and memory_ran_out:
        return Outcome(INTERRUPTED, "oom", reason("killed_for_memory"), resumable=True)
    if returncode < 0:
        name = signal.Signals(-returncode).name
        return Outcome(INTERRUPTED, "killed", reason("killed", signal=name), resumable=True)
    last = last_line(run_dir / "stdout.log")
    return Outcome(ERRORED, "error", reason("ended_with_code", code=returncode, last_line=last))


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
        self.seen = self.offset
        self.last_event = time.monotonic()
        self.end = None

    def look(self):
        """The whole lines not told yet. Notes when the last came in, and what the child said at its end."""
        if not self.path.exists():
            return []
        with open(self.path, "rb") as handle:
            handle.seek(self.offset)
            new = handle.read()
        lines = new[: new.rfind(b"\n") + 1].splitlines(keepends=True)
        reached = self.offset + sum(map(len, lines))
        if reached > self.seen:
            self.seen, self.last_event = reached, time.monotonic()
        for event in map(json.loads, lines):
            if event["kind"] == "error" or event["kind"] == "end" and self.end is None:
                self.end = event
        return lines

    def tell(self, on_event):
        """Give every new event to `on_event`, then note how far we are, also where it raises."""
        lines = self.look()
        try:
            for line in lines:
                on_event(json.loads(line))
                self.offset += len(line)
        finally:
            if lines:
                beside = self.offset_path.with_suffix(".new")
                beside.write_text(str(self.offset))
                beside.replace(self.offset_path)

    def forget_end(self):
        """What an earlier attempt said at its end says nothing about this one."""
        self.end = None
        self.last_event = time.monotonic()


class Child:
    """The running process, in its own session, and every descendant it was ever seen to have."""

    def __init__(self, command, run_dir, *, name, hub):
        self.seen = {}
        with open(run_dir / "stdout.log", "ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=child_environment(name=name, hub=hub),
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
