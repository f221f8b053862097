"""The processes that make up a running Concord on one machine, and how each is started."""

import errno
import socket
import sys

import psutil
from django.conf import settings

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
WILDCARD = {"0.0.0.0", "::"}


def bind_address(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def web(*, host, port, workers=2, threads=4):
    """gunicorn: threads for requests that wait for the database, two processes for two cores, one door for each."""
    return [
        sys.executable, "-m", "gunicorn", "config.wsgi:application",
        "--bind", bind_address(host, port),
        "--worker-class", "serving.doorkeeper.Doorkeeper", "--worker-connections", "2000",
        "--workers", str(workers), "--threads", str(threads),
        "--graceful-timeout", "2", "--timeout", "120", "--keep-alive", "15",
        "--no-control-socket", "--log-level", "warning",
    ]  # fmt: skip


def worker(*, queue, concurrency):
    """A Celery worker for one queue. It prefetches nothing: a long job must not sit on a second one.

    Its tasks run in threads: models are loaded by children of their own (jobs/supervisor.py), and processes of a pool
    would share a lock that is never given back once one of them is killed while it waits for work.
    """
    return [
        sys.executable, "-m", "celery", "-A", "config", "worker",
        "-n", f"{queue}@%h", "-Q", queue, "--pool", "threads", "--concurrency", str(concurrency),
        "--prefetch-multiplier", "1",
        "--without-gossip", "--without-mingle", "--without-heartbeat",
        "--loglevel", settings.LOG_LEVEL,
    ]  # fmt: skip


def beat():
    """Celery beat. It only sends the sweeps."""
    schedule = settings.VAR / "beat" / "schedule"
    schedule.parent.mkdir(parents=True, exist_ok=True)
    return [
        sys.executable, "-m", "celery", "-A", "config", "beat",
        "-s", str(schedule), "--pidfile", "", "--loglevel", settings.LOG_LEVEL,
    ]  # fmt: skip


def services(*, host, port):
    """Everything `manage.py serve` runs, as (name, argv, log file) for serving.keeper."""
    argvs = {
        "web": web(host=host, port=port),
        "worker": worker(queue="default", concurrency=4),
        "gpu-worker": worker(queue="gpu", concurrency=1),
        "beat": beat(),
    }
    # Beat sends the sweeps and the default worker does them: which of the two hangs, nobody can tell.
    pulses = {"worker": "default", "beat": "default", "gpu-worker": "gpu"}
    return [
        {"name": name, "argv": argv, "log": str(settings.VAR / "log" / f"{name}.log")}
        | (
            {"pulse": str(settings.PULSES / pulses[name]), "patience": settings.STALL_SECONDS}
            if name in pulses
            else {}
        )
        for name, argv in argvs.items()
    ]


def names_of_this_machine(host):
    """Names under which a browser may reach a server bound to `host`; empty for a loopback address."""
    if host in LOOPBACK:
        return []
    if host not in WILDCARD:
        return [host]
    addresses = [
        address.address.split("%")[0]
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    ]
    return [socket.gethostname(), *(f"[{name}]" if ":" in name else name for name in addresses)]


def port_is_free(host, port):
    """Whether a server could bind to the address now. Raises OSError for an address that isn't ours."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True
