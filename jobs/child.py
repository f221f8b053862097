"""The frame every child runs in: its events, its end, the wish to stop, and the death of its supervisor. Torch-free."""

import ctypes
import fcntl
import gc
import json
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from jobs.events import EventLog
from jobs.failures import Failure, classify
from jobs.processes import SUPERVISOR, start_mark
from jobs.reasons import reason
from jobs.supervisor import BUSY_CODE, THREADS

# The same whether a worker or a person starts a child. All of it is read when torch and transformers load, so a
# child imports this module before theirs.
for name, value in THREADS.items():
    os.environ.setdefault(name, value)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
if "RANK" not in os.environ:
    # One process drives one device; several would silently become torch's DataParallel.
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
# They load a sixth faster where Python doesn't look for garbage after every 700 objects.
gc.set_threshold(100_000)

PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
EXIT_CODES = {"bad_data": 65, "config": 78, "disk": 74, "oom": 76}
LOCK_SECONDS = 3.0
"""How long to wait for the directory: a child that lost its supervisor needs a moment to notice."""
CANCELLED_CODE = 75


class Cancelled(Exception):
    """We were asked to stop, and have."""


class Child:
    """`with Child(run_dir) as child:` the body does the work; whatever leaves it becomes the last event.

    Several processes of one run (torchrun) share the directory: the first, rank 0, alone speaks and holds the lock.
    `errors` maps exception classes of the caller's to kinds of failure. Without a run directory events are printed.
    """

    def __init__(self, run_dir, errors=None):
        self.run_dir = Path(run_dir) if run_dir else None
        self.errors = errors or {}
        self.speaks = os.environ.get("RANK", "0") == "0"
        self.told_to_stop = False
        self.exit_code = 0

    def __enter__(self):
        end_with_supervisor()
        keep_freed_memory()
        self.lock = self._lock()
        # Only now: the log belongs to who holds the lock.
        self.events = EventLog(self.run_dir and self.run_dir / "events.jsonl", silent=not self.speaks)
        self.before = signal.signal(signal.SIGTERM, self._stop)
        return self

    def _lock(self):
        """Hold the run directory; released when the process ends, however it ends. Leaves if another holds it."""
        if not self.run_dir or not self.speaks:
            return open(os.devnull)
        lock = open(self.run_dir / "lock", "w")
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return lock
            except BlockingIOError:
                if time.monotonic() > deadline:
                    print(reason("busy"))
                    sys.exit(BUSY_CODE)
            time.sleep(0.1)

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.events.emit("end", status="succeeded")
        elif isinstance(error, Cancelled):
            self.events.emit("end", status="cancelled")
            self.exit_code = CANCELLED_CODE
        elif isinstance(error, Exception):
            sys.excepthook(kind, error, traceback)  # into stdout.log
            self._fail(classify(error, self.errors))
        else:
            return False
        self.lock.close()
        signal.signal(signal.SIGTERM, self.before)
        return True

    def _stop(self, signum, frame):
        self.told_to_stop = True

    def _fail(self, failure):
        self.events.emit(
            "error",
            code=failure.kind,
            reason=failure.reason.code,
            params=failure.reason.params,
            message=str(failure.reason),
        )
        self.exit_code = EXIT_CODES.get(failure.kind, 1)

    def should_stop(self):
        """Whether we were asked to save and stop: by the CANCEL file, or by SIGTERM."""
        return self.told_to_stop or bool(self.run_dir) and (self.run_dir / "CANCEL").exists()

    def go_on(self):
        """Beat, and raise Cancelled if we were asked to stop."""
        if self.should_stop():
            raise Cancelled
        self.events.beat()

    def config(self, defaults, required=()):
        """config.json over the defaults. Raises Failure for a missing or an unknown key: a typo must not train."""
        try:
            given = json.loads((self.run_dir / "config.json").read_text())
        except (FileNotFoundError, ValueError) as error:
            raise Failure("config", "config_unreadable", words=str(error)) from error
        missing = [key for key in required if given.get(key) is None]
        unknown = sorted(given.keys() - defaults.keys() - set(required))
        if missing or unknown:
            raise Failure("config", "config_keys", missing=str(missing), unknown=str(unknown))
        return {**defaults, **given}


def run_child(work, usage, arguments):
    """A child's entry point: `work(child)` in the one run directory that `arguments` name. Returns the exit code."""
    if len(arguments) != 1:
        print(usage, file=sys.stderr)
        return 2
    with Child(arguments[0]) as child:
        work(child)
    return child.exit_code


@contextmanager
def telling_work(events, folder):
    """Beat while this process computes or the folder grows, for steps of libraries that cannot tell it themselves.

    Without, weights that take longer to convert, copy or download than a stall may last would never be done.
    """
    done = threading.Event()

    def signs():
        files = [path.stat() for path in Path(folder).rglob("*") if path.is_file()]
        return sum(os.times()[:2]), sum(file.st_size for file in files)

    def watch():
        computed, size = 0.0, -1
        while not done.wait(events.BEAT_SECONDS):
            try:
                now_computed, now_size = signs()
            except FileNotFoundError:
                continue  # a file was renamed as we looked
            if now_size != size or now_computed - computed > 0.1:
                events.beat()
            computed, size = now_computed, now_size

    thread = threading.Thread(target=watch, daemon=True, name="telling-work")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def keep_freed_memory():
    """Have glibc keep what one tensor freed for the next one, up to its largest threshold of 32 MB.

    Given back to the system and taken anew, memory comes with a page fault every 4 KB: a training step took 4.1 s
    in place of 3.0 s, a quarter of it in the kernel.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)


def end_with_supervisor():
    """See to it that this process never outlives the worker that supervises it, however that one ends.

    On Linux the kernel does it, at once, for a direct child. That signal hangs on the thread that started us, which is
    the one that waits in supervise(), and a launcher in between (torchrun) breaks it; so a thread looks as well.
    """
    name = os.environ.get(SUPERVISOR)
    if not name:
        return  # started by hand
    pid, _, mark = name.partition(":")
    pid = int(pid)
    if sys.platform == "linux" and os.getppid() == pid:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def watch():
        while start_mark(pid) == mark:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True, name="supervisor-watch").start()
