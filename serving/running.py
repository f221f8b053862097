"""Running Concord's processes together on this machine, under serving.keeper, one set for each state folder."""

import fcntl
import json
import os
import queue
import signal
import subprocess
import sys
import threading

from django.conf import settings

from serving import keeper

TAIL_LINES = 15


class NotRunning(Exception):
    """Concord could not start, or could not go on. The message says why and what to do."""


class only_one_here:
    """Hold the state folder: two sets of workers and beats on one embedded broker would do work twice."""

    def __enter__(self):
        path = settings.VAR / "serve.lock"
        self.file = open(path, "a+")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.seek(0)
            raise NotRunning(
                f"Concord already runs on {settings.VAR} (process {self.file.read().strip() or 'unknown'}). "
                "Stop it first, or name another folder in CONCORD_VAR."
            ) from None
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()

    def __exit__(self, *error):
        self.file.close()


class Keeper:
    """The keeper process with our services. It runs in a session of its own and ends them when we are gone.

    `on_wait(jobs, seconds)` is told every second while stopping waits for jobs to save, `on_replace(name)` of a service
    that lived but got nowhere and was started anew.
    """

    def __init__(self, services, *, on_wait=lambda jobs, seconds: None, on_replace=lambda name: None):
        self.on_wait, self.on_replace = on_wait, on_replace
        self.process = subprocess.Popen(
            [sys.executable, "-m", "serving.keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=settings.BASE_DIR,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.process.stdin.write(json.dumps(services) + "\n")
        self.process.stdin.flush()
        self.endings = queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "ended" in message:
                self.endings.put(message)
            elif "waiting" in message:
                self.on_wait(message["waiting"], message["seconds"])
            elif "replaced" in message:
                self.on_replace(message["replaced"])
        self.endings.put({"ended": None})

    def ending(self, *, timeout=None):
        """What ended, as {"ended": name, "code": n}, once something does; the keeper itself has no name."""
        try:
            return self.endings.get(timeout=timeout)
        except queue.Empty:
            return None

    def stop(self):
        """Have the keeper end everything; if it cannot, end it and what it leaves ourselves.

        Jobs are given the time to save; a signal meanwhile ends that.
        """
        keeper.Hurry(tell=lambda: self.process.send_signal(signal.SIGINT))
        self.process.stdin.close()
        try:
            self.process.wait(keeper.SAVING_SECONDS + keeper.GRACE_SECONDS + keeper.KILL_SECONDS + 2)
        except subprocess.TimeoutExpired:
            self.process.kill()
        keeper.end_descendants(grace=0.5)


class Waiting:
    """Says on a terminal for which jobs stopping waits, with the seconds: on one line, or now and then in a file."""

    EVERY = 5

    def __init__(self, out):
        self.out, self.live = out, out.isatty()

    def __call__(self, jobs, seconds):
        words = f"Waiting for {' and '.join(jobs)} to save … {seconds} s (Ctrl-C again ends it at once)"
        if self.live:
            self.out.write(f"\r{words}", ending="")
        elif seconds <= 1 or seconds % self.EVERY == 0:
            self.out.write(words)
        self.out.flush()


def what_happened(ending):
    name = ending["ended"]
    if name is None:
        return "The process that keeps the others together was ended, so everything was stopped."
    code = ending["code"]
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"{name} {how}, so everything was stopped. {tail_of(name)}"


def tail_of(name):
    path = settings.VAR / "log" / f"{name}.log"
    lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:] if path.exists() else []
    return f"The end of {path}:\n" + "\n".join(f"  {line}" for line in lines)
