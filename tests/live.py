"""Concord's real processes (gunicorn, Celery workers, beat) on the database and broker of the running test."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
from django.conf import settings
from django.db import connection

from serving import processes
from tests.services import end_with_parent, free_port

START_SECONDS = 60
STOP_SECONDS = 0.3
"""A web server stops within it. A Celery worker takes five seconds by itself; nobody need wait for that."""


def test_database_url():
    """The address of the database the running test uses (pytest-django's, not the one in the settings)."""
    name = str(connection.settings_dict["NAME"])
    if settings.EMBEDDED:
        return f"sqlite:///{name}"
    from tests.services import with_database

    return with_database(settings.DATABASE_URL, name)


test_database_url.__test__ = False


BUSY = 3
"""How many times slower than usual a machine may be before a wait is given up."""


def wait_until(true, *, seconds=30, what="the condition"):
    """Poll until `true()` returns something true, and return that; fail the test when time is up.

    `seconds`: what it may take on a machine with nothing else to do.
    """
    seconds *= BUSY
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := true():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come true within {seconds} s")


class Live:
    """Processes by name: web, worker (default queue), gpu-worker, beat."""

    def __init__(self, **env):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = {**os.environ, "DATABASE_URL": test_database_url(), "PYTHONUNBUFFERED": "1", **env}
        self.logs = settings.VAR / "live" / str(self.port)
        self.logs.mkdir(parents=True)
        self.running = {}

    def argv(self, name):
        match name:
            case "web":
                return processes.web(host="127.0.0.1", port=self.port)
            case "worker":
                return processes.worker(queue="default", concurrency=1)
            case "gpu-worker":
                return processes.worker(queue="gpu", concurrency=1)
            case "beat":
                return processes.beat()
        raise ValueError(name)

    def start(self, *names):
        """Start the named processes and return once they are ready for work."""
        for name in names:
            self.launch(name, self.argv(name))
        for name in names:
            if name == "web":
                self.wait_ready(name, self.answers)
            elif name != "beat":
                self.wait_ready(name, lambda name=name: " ready." in self.log(name))
        return self

    def launch(self, name, argv, **env):
        """Start any command as a process that ends with the test."""
        with open(self.logs / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.env, **env},
                cwd=settings.BASE_DIR,
                start_new_session=True,
                preexec_fn=lambda: end_with_parent(signal.SIGTERM),
            )

    def wait_ready(self, name, ready):
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if self.running[name].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} did not start:\n{self.log(name)[-3000:]}")
            time.sleep(0.05)

    def answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log(self, name):
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def kill(self, name):
        """End a process and everything below it with SIGKILL, as a crash of its machine would."""
        process = psutil.Process(self.running.pop(name).pid)
        for each in [process, *process.children(recursive=True)]:
            if each.is_running():
                each.kill()
        process.wait(5)

    def stop(self, *names):
        """End the named processes (all, without names) as `manage.py serve` does: ask, then insist."""
        ending = {name: self.running.pop(name) for name in names or list(self.running)}
        trees = []
        for process in ending.values():
            if process.poll() is None:
                parent = psutil.Process(process.pid)
                trees += [parent, *parent.children(recursive=True)]
                process.terminate()
        _, left = psutil.wait_procs(trees, timeout=STOP_SECONDS)
        for process in left:
            if process.is_running():
                process.kill()
        for process in ending.values():
            process.wait(5)

    def empty_broker(self):
        """Forget messages that earlier tests left."""
        if settings.REDIS_URL:
            import redis

            with redis.Redis.from_url(settings.REDIS_URL) as client:
                client.flushdb()
        else:
            shutil.rmtree(settings.BROKER_DIR, ignore_errors=True)
            settings.BROKER_DIR.mkdir(parents=True, exist_ok=True)

    def manage(self, *arguments, check=True):
        """Run a management command on the test's database; returns the completed process, output as text."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=self.env, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(
                f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
            )
        return done
