"""Gunicorn for a benchmark: Concord's own command line, with this many workers and threads."""

import contextlib
import os
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
WORKERS, THREADS = 4, 4


@dataclass
class Server:
    host: str
    process: psutil.Process

    def cpu(self):
        """The processor time of gunicorn's processes so far, in ms."""
        each = [process.cpu_times() for process in self.process.children()]
        return 1000 * sum(times.user + times.system for times in each)


@contextlib.contextmanager
def served(name, application, url):
    """Gunicorn on a free port, given its time to load; yields the Server."""
    from serving.processes import web
    from tests.services import end_with_parent, free_port, wait_for

    port, log = free_port(), Path(os.environ["CONCORD_VAR"]) / f"{name}.log"
    argv = web(host="127.0.0.1", port=port, workers=WORKERS, threads=THREADS)
    argv[argv.index("config.wsgi:application")] = application
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv, env={**os.environ, "DATABASE_URL": url, "PYTHONPATH": str(HERE)}, cwd=HERE.parent,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=lambda: end_with_parent(signal.SIGTERM),
        )  # fmt: skip
    try:
        wait_for(lambda: answers(port), process, log, name)
        yield Server(f"127.0.0.1:{port}", psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(20)


def answers(port):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).status
    except (urllib.error.URLError, OSError):
        return False
