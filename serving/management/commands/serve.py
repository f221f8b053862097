"""`manage.py serve`: the whole of Concord on one machine, until Ctrl-C."""

import os
import shutil
import time
import urllib.error
import urllib.request
from io import StringIO

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError

from serving import keeper, processes
from serving.private import make_private
from serving.running import Keeper, NotRunning, Waiting, only_one_here, tail_of, what_happened

READY_SECONDS = 60


class Command(BaseCommand):
    help = "Migrate, create the demo project once, and serve with workers and beat until Ctrl-C."

    def add_arguments(self, parser):
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (8000)")
        parser.add_argument("--no-demo", action="store_true", help="do not create the demo project")

    def handle(self, *, host, port, no_demo, **options):
        keeper.adopt_orphans()
        keeper.stop_on_signals()
        try:
            self.serve(host=host, port=port, demo=not no_demo)
        except NotRunning as error:
            raise CommandError(str(error)) from None
        except keeper.Told:
            keeper.ignore_signals()
            keeper.end_descendants()
            self.stdout.write("\nStopped.")

    def serve(self, *, host, port, demo):
        check_port(host, port)
        check_disk()
        with only_one_here():
            database = settings.DATABASES["default"]["NAME"]
            make_private(settings.VAR, *(f"{database}{end}" for end in ("", "-wal", "-shm")))
            with self.step("Preparing the database"):
                migrate()
            words = ""
            # Everybody knows the demo's password: beyond this machine no account may have it, of an earlier run either.
            not_public = host not in processes.LOOPBACK
            if demo or not_public:
                with self.step("Preparing the demo project" if demo else "Looking after the demo's accounts"):
                    told = StringIO()
                    call_command("seed_demo", stdout=told, not_public=not_public, no_project=not demo)
                    words = told.getvalue().strip()
            allow_names_of(host)
            services = processes.services(host=host, port=port)
            kept = Keeper(services, on_wait=Waiting(self.stdout), on_replace=self.tell_replaced)
            try:
                with self.step("Starting the web server, two workers and beat"):
                    wait_until_ready(kept, host, port)
                self.welcome(host, port, words)
                ending = kept.ending()
            finally:
                kept.stop()
            raise NotRunning(what_happened(ending))

    def welcome(self, host, port, words):
        shown = "127.0.0.1" if host in processes.WILDCARD else host
        address = f"http://{processes.bind_address(shown, port)}/"
        if words:
            self.stdout.write(f"\n{words}")
        self.stdout.write(f"\nConcord is ready: {self.style.SUCCESS(address)}   (Ctrl-C stops it)")
        self.stdout.write(f"Logs: {settings.VAR / 'log'}")
        self.stdout.flush()

    def tell_replaced(self, name):
        path = settings.VAR / "log" / f"{name}.log"
        self.stdout.write(
            f"{name} lived but did nothing any more, so it was started anew. What it said: {path}"
        )
        self.stdout.flush()

    def step(self, words):
        return Step(self.stdout, words)


class Step:
    """Says on one line what is being done and how long it took."""

    def __init__(self, out, words):
        self.out, self.words = out, words

    def __enter__(self):
        self.started = time.monotonic()
        self.out.write(f"{self.words} …", ending="")
        self.out.flush()

    def __exit__(self, kind, error, traceback):
        spent = time.monotonic() - self.started
        self.out.write("" if error else f" {spent:.1f} s")
        self.out.flush()


def migrate():
    try:
        call_command("migrate", verbosity=0)
    except OperationalError as error:
        raise NotRunning(
            f"The database {settings.DATABASES['default']['NAME']} cannot be used ({error}). Make it and its folder "
            "writable for this user, and see that the disk has room."
        ) from None


def check_disk():
    free = shutil.disk_usage(settings.VAR).free
    if free < settings.LEAST_FREE:
        raise NotRunning(
            f"The disk of {settings.VAR} is full: {free // 1024**2} MB are free. Free some space (docs/runbook.md says "
            "what may go), or set CONCORD_LEAST_FREE_MB lower."
        )


def check_port(host, port):
    try:
        free = processes.port_is_free(host, port)
    except OSError as error:
        raise NotRunning(f"Cannot listen on {host}:{port}: {error.strerror or error}.") from None
    if not free:
        raise NotRunning(
            f"Port {port} on {host} is in use. Stop what runs there, or take another: make run PORT={port + 1}"
        )


def allow_names_of(host):
    """Let browsers reach a server bound to more than loopback, unless the hosts were named by hand."""
    names = processes.names_of_this_machine(host)
    if names and "CONCORD_ALLOWED_HOSTS" not in os.environ:
        os.environ["CONCORD_ALLOWED_HOSTS"] = ",".join([*settings.ALLOWED_HOSTS, *names])


def wait_until_ready(kept, host, port):
    """Return once the health page answers 200; raise with the reason if it never will."""
    asked = "127.0.0.1" if host == "0.0.0.0" else "::1" if host == "::" else host
    url = f"http://{processes.bind_address(asked, port)}/healthz"
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if answers(url):
            return
        if ending := kept.ending(timeout=0.1):
            raise NotRunning(what_happened(ending))
    raise NotRunning(f"{url} did not answer 200 within {READY_SECONDS} s. {tail_of('web')}")


def answers(url):
    # An address of this machine must not go through a proxy named in the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
