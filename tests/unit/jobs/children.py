"""`python -m tests.unit.jobs.children MODE RUN_DIR`: children that behave and that don't.

None of them loads a model.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

MODE, RUN_DIR = sys.argv[1], Path(sys.argv[2])


def emit(kind, **fields):
    with open(RUN_DIR / "events.jsonl", "a") as log:
        log.write(json.dumps({"kind": kind, "time": time.time(), **fields}) + "\n")


def framed():
    """A child in the real frame that works until it is stopped."""
    from jobs.child import Child

    with Child(RUN_DIR) as child:
        child.events.emit("start", pid=os.getpid())
        while True:
            time.sleep(0.02)
            child.go_on()
    return child.exit_code


def launcher():
    """Starts a framed child in a session of its own, as torchrun starts its ranks."""
    return subprocess.run(
        [sys.executable, "-m", "tests.unit.jobs.children", "framed", RUN_DIR], start_new_session=True
    ).returncode


def leaves_one_behind():
    left = subprocess.Popen(["sleep", "60"], start_new_session=True)
    emit("start", pid=left.pid)
    time.sleep(0.3)
    emit("end", status="succeeded")


def deaf():
    """Hears neither CANCEL nor SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    emit("start", pid=os.getpid())
    time.sleep(60)


def stalls():
    emit("start", pid=os.getpid())
    time.sleep(60)


def succeeds():
    emit("start", number=1)
    emit("log", step=1)
    emit("end", status="succeeded")


def hangs_after_its_end():
    succeeds()
    time.sleep(60)


def fails():
    emit("error", code="oom", message="Memory ran out.")
    return 1


def is_surprised():
    emit("error", code="error", message="KeyError: 'x'")
    return 1


def says_nothing():
    print("first line\nSegmentation something\n")
    return 9


def is_killed():
    emit("start")
    os.kill(os.getpid(), signal.SIGKILL)


def supervisor():
    """A worker that supervises the child named in the third argument, to be killed by the test."""
    from jobs.supervisor import python_child, supervise

    supervise(python_child("tests.unit.jobs.children", sys.argv[3], RUN_DIR), RUN_DIR, poll=0.02)


if __name__ == "__main__":
    sys.exit(globals()[MODE]())
