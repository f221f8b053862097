"""What every test stands on: real databases and brokers, people with roles, live processes, a browser.

`--database sqlite` (the default) uses a SQLite file and the filesystem broker in a temporary folder.
`--database postgres` uses the PostgreSQL and Redis named by DATABASE_URL and REDIS_URL, or starts both.
"""

import gc
import os
import secrets
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import browsing, services

STARTED = pytest.StashKey[list]()
FOLDER = pytest.StashKey[Path]()


def pytest_addoption(parser):
    parser.addoption(
        "--database",
        choices=["sqlite", "postgres"],
        default="sqlite",
        help="sqlite: a file and the filesystem broker. postgres: PostgreSQL and Redis, from DATABASE_URL and "
        "REDIS_URL or started for the tests.",
    )


def pytest_configure(config):
    """Choose the environment, start the servers, and only then load Django's settings."""
    if hasattr(config, "workerinput"):
        # A process of pytest-xdist: the servers run already; its files are its own.
        folder = Path(os.environ["CONCORD_TESTS_FOLDER"])
        os.environ["CONCORD_VAR"] = str(folder / os.environ["PYTEST_XDIST_WORKER"])
        if config.getoption("database") == "sqlite":
            os.environ["DATABASE_URL"] = f"sqlite:///{os.environ['CONCORD_VAR']}/concord.sqlite3"
        else:
            number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) + 1
            os.environ["REDIS_URL"] = services.with_database(os.environ["REDIS_URL"], number)
    else:
        folder = Path(tempfile.mkdtemp(prefix="concord-tests-"))
        folder.chmod(0o711)  # PostgreSQL, when root starts it, runs as somebody else
        config.stash[FOLDER] = folder
        config.stash[STARTED] = []
        config.add_cleanup(lambda: clean_up(config))
        os.environ.update(CONCORD_TESTS_FOLDER=str(folder), CONCORD_VAR=str(folder / "var"))
        if config.getoption("database") == "sqlite":
            os.environ.update(DATABASE_URL=f"sqlite:///{folder}/var/concord.sqlite3", REDIS_URL="")
        else:
            start_services(config, folder)
        if config.getoption("numprocesses", None):
            # The processes of pytest-xdist inherit this environment: named here, settings would load in them
            # before they have chosen their own files.
            return
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.settings",
        CONCORD_SECRET_KEY=os.environ.get("CONCORD_SECRET_KEY") or secrets.token_hex(32),
        CONCORD_BASE_MODEL=f"{os.environ['CONCORD_VAR']}/tiny-model",
        CONCORD_SWEEP_SECONDS="1",
        CONCORD_JOB_LOST_SECONDS="4",
        # The browser's synchronous driver runs an event loop in the thread in which the tests use the ORM.
        DJANGO_ALLOW_ASYNC_UNSAFE="1",
    )
    from django.conf import settings

    assert settings.DATABASES  # loads them, which tells pytest-django to go ahead


def start_services(config, folder):
    for variable, server in (("DATABASE_URL", services.Postgres), ("REDIS_URL", services.Redis)):
        if not os.environ.get(variable):
            started = server(folder / server.__name__.lower())
            config.stash[STARTED].append(started)
            os.environ[variable] = started.start().url


def clean_up(config):
    for server in reversed(config.stash[STARTED]):
        server.stop()
    shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


def pytest_report_header(config):
    chromium = browsing.find_chromium()
    return f"database: {config.getoption('database')}; browser: {chromium or browsing.NO_CHROMIUM}"


def pytest_collection_modifyitems(config, items):
    if config.getoption("database") == "postgres":
        # No news on a second database, and not cheap.
        once = [item for item in items if "once" in item.keywords]
        config.hook.pytest_deselected(items=once)
        items[:] = [item for item in items if "once" not in item.keywords]
        return
    teams = pytest.mark.skip(reason="needs PostgreSQL and Redis: runs with --database postgres")
    for item in items:
        if "teams" in item.keywords:
            item.add_marker(teams)


def pytest_collection_finish(session):
    """Leave what is loaded by now out of every later garbage collection: statsmodels asks for one at each Holm."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """On SQLite, test in a file, as in life: other threads and processes must be able to open it."""
    from django.conf import settings

    if settings.EMBEDDED:
        settings.DATABASES["default"].setdefault("TEST", {})["NAME"] = str(settings.VAR / "test.sqlite3")


@pytest.fixture(autouse=True)
def nothing_kept():
    """What a process keeps in memory of one test's database must not answer for the next one's."""
    from django.core.cache import cache

    from core import guidelines, policies
    from jobs import pulse

    # No worker runs beside a test that asks for /healthz, however long the tests have been running.
    for name in (pulse.SWEEP, *pulse.QUEUES):
        pulse.show(name)

    guidelines.forget()
    policies.forget()
    cache.clear()


@pytest.fixture
def now():
    from django.utils import timezone

    return timezone.now()


@pytest.fixture
def personas(db, now):
    """A project with three experts, a lead, an admin, and a stranger to it. See tests/personas.py."""
    from tests.personas import make_personas

    return make_personas(now=now)


@pytest.fixture(scope="session")
def tiny_model():
    """The folder of a tiny random-weight model, which settings.BASE_MODEL names during tests."""
    from django.conf import settings

    from tests.tiny_model import build_tiny_model

    folder = Path(settings.BASE_MODEL)
    if not folder.exists():
        build_tiny_model(folder)
    return folder


@pytest.fixture
def concord(transactional_db):
    """Concord's real processes on the test's own database: start those you need, by name (tests/live.py)."""
    from tests.live import Live

    live = Live()
    live.empty_broker()
    yield live
    live.stop()


@pytest.fixture
def concord_server(concord, tiny_model):
    """All of Concord, running: web, worker, gpu-worker and beat."""
    concord.start("web", "worker", "gpu-worker", "beat")
    return concord


@pytest.fixture(scope="session")
def browser():
    """A Chromium, driven by Playwright; tests that need it are skipped where there is none."""
    if not browsing.find_chromium():
        pytest.skip(browsing.NO_CHROMIUM)
    with browsing.launched() as browser:
        yield browser


@pytest.fixture
def people(browser, concord):
    """Opens pages as somebody: `people.open(username)`. Fails the test on a script error or a CSP violation."""
    opened = browsing.People(browser, concord)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def aside():
    """Start a task in a thread with a connection of its own; returns its Future."""
    from django.db import connection

    def run(task):
        try:
            return task()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=12) as threads:
        yield lambda task: threads.submit(run, task)
