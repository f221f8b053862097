"""Supervises one child process over a run directory. Never imports torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a child ended; see training/trainer/README.md for the table of statuses and codes."""

    status: str
    code: str = ""
    message: str = ""
    resumable: bool = False


def python_child(module, *arguments):
    """The argv that runs a module of ours with this interpreter."""
    raise NotImplementedError


def child_environment(*, hub=False, threads=None):
    """The environment of every child; `hub` lets it download."""
    raise NotImplementedError


def supervise(
    command,
    run_dir,
    *,
    on_event=None,
    should_cancel=None,
    heartbeat=None,
    check_every=2.0,
    stall_timeout=600.0,
    grace=30.0,
    poll=0.2,
    hub=False,
) -> Outcome:
    """Run `command` over `run_dir` to its end, telling its events."""
    raise NotImplementedError


def kill_leftover(run_dir) -> bool:
    """Kill the child that an earlier worker on this host left in `run_dir`. Returns whether there was one."""
    raise NotImplementedError
