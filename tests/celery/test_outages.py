"""A database or a broker that is gone for a while, and come back, under a working Concord.

On servers of their own: those of the other tests must not go away.
"""

import itertools
import json
import os
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from tests import services
from tests.live import Live, wait_until

pytestmark = [pytest.mark.deep, pytest.mark.teams, pytest.mark.usefixtures("tiny_model")]

AWAY_SECONDS = 20
PATIENCE = 240

BEGIN = {
    "generation": """
from tests.factories.training import make_base_stage
run = make_base_stage(prompts=60, now=timezone.now(), batch_size=1, max_new_tokens=150).generation_runs.get()
""",
    "training": """
from tests.factories.training import make_run, make_trainable_stage
from tests.factories.evaluation import score_stage
stage = make_trainable_stage()
score_stage(stage, [0.5] * stage.responses.count())
run = make_run(stage, now=timezone.now(), epochs=90, batch_size=1)
""",
    "scoring": """
from annotation.models import Response
from evaluation.coherence import open_runs
from tests.factories.annotation import make_rating_stage
from tests.factories.core import make_project
stage = make_rating_stage(make_project().project, prompts=20, candidates=20)
Response.objects.filter(stage=stage).update(text="An egg wants six minutes and a pinch of salt. " * 15)
open_runs(now=timezone.now())  # or the sweep was a moment faster
run = stage.scoring_runs.get()
""",
}
"""Each leaves `run`, a queued job that takes longer than the outage."""

LOOK = """
from jobs.queries import attempts_of
from jobs.run_dir import run_dir_of
from core.models import User
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
admin = run.stage.project.memberships.filter(role="admin").first().user
session = SessionStore()
session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(admin.pk), "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = admin.get_session_auth_hash()
session.save()
tell(pk=run.pk, folder=str(run_dir_of(run)), session=session.session_key,
     page=f"/projects/{run.stage.project.slug}/stages/{run.stage.number}/")
"""

FRAME = """
import json, itertools
from django.utils import timezone
from tests.factories import core
core._number = itertools.count({first})  # names that no earlier process has given
def tell(**what):
    print("TOLD" + json.dumps(what))
"""

NAMES = {"generation": "GenerationRun", "training": "TrainingRun", "scoring": "ScoringRun"}
STATE = """
from training.models import GenerationRun, TrainingRun
from evaluation.models import CoherenceScore, ScoringRun
from jobs.queries import attempts_of
run = {model}.objects.get(pk={pk})
stage = run.stage
steps = list(run.measures.filter(kind="train").values_list("step", flat=True)) if hasattr(run, "measures") else []
tell(status=run.status, attempt=run.attempt, reason=run.reason, attempts=len(attempts_of(run)), steps=steps,
     total=getattr(run, "total_steps", None), responses=stage.responses.count(),
     scores=CoherenceScore.objects.filter(response__stage=stage).count())
"""


class Concord(Live):
    """All of Concord on a PostgreSQL and a Redis that can be stopped and started again."""

    def __init__(self, folder):
        self.servers = {
            # What it has confirmed must survive: the hasty server of the other tests may forget its last commits.
            "postgres": services.Postgres(folder / "postgres", services.DURABLE).start(),
            "redis": services.Redis(folder / "redis").start(),
        }
        self.numbers = itertools.count(1000, 100)
        super().__init__(DATABASE_URL=self.servers["postgres"].url, REDIS_URL=self.servers["redis"].url)
        self.manage("migrate", "-v0")
        self.start("web", "worker", "gpu-worker", "beat")

    @contextmanager
    def without(self, gone):
        """The named servers stopped, and started again whatever came of it: other tests need them."""
        for name in gone:
            self.servers[name].stop()
        try:
            yield
        finally:
            for name in gone:
                self.servers[name].launch()

    def ask(self, code):
        """What the code tells by `tell(name=value)`, run in a process of its own."""
        said = self.manage("shell", "-v0", "-c", FRAME.format(first=next(self.numbers)) + code).stdout
        return json.loads(said.rpartition("TOLD")[2])

    def get(self, path, session):
        """(status, text) of a page, as the person whose session it is sees it."""
        request = urllib.request.Request(self.url + path, headers={"Cookie": f"sessionid={session}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture(scope="module")
def concord():
    # Where PostgreSQL may be started again, when root starts it: pytest closes its own folders to others.
    # Each process of the tests has servers of its own.
    folder = Path(tempfile.mkdtemp(prefix="outages-", dir=os.environ["CONCORD_TESTS_FOLDER"]))
    folder.chmod(0o711)
    concord = Concord(folder)
    yield concord
    concord.stop()
    for server in concord.servers.values():
        server.stop()


class TestAnOutage:
    @pytest.mark.parametrize("kind", BEGIN)
    @pytest.mark.parametrize("gone", [("postgres",), ("redis",), ("postgres", "redis")], ids="+".join)
    def test_costs_a_running_job_nothing(self, concord, kind, gone):
        about = concord.ask(BEGIN[kind] + LOOK)
        folder = settings.RUNS_DIR / about["folder"]
        wait_until(
            lambda: '"progress"' in events_in(folder) or '"log"' in events_in(folder),
            seconds=PATIENCE,
            what="the job under way",
        )
        child = child_of(folder)
        before = events_of(folder)
        with concord.without(gone):
            struck = time.monotonic()
            if "postgres" in gone:
                assert wait_until(
                    lambda: concord.get(about["page"], about["session"])[0] == 503,
                    what="the page that says so",
                )
                assert "does not answer just now" in concord.get(about["page"], about["session"])[1]
            time.sleep(max(0, AWAY_SECONDS - (time.monotonic() - struck)))
            assert events_of(folder) > before or is_over(folder)
        assert child_of(folder) == child or is_over(folder)
        assert wait_until(
            lambda: concord.get(about["page"], about["session"])[0] == 200, what="the page, come back"
        )

        state = wait_until(lambda: self.ended(concord, kind, about), seconds=PATIENCE, what="the job's end")
        assert (state["status"], state["reason"]) == ("succeeded", "")
        assert (state["attempt"], state["attempts"]) == (1, 1)
        match kind:
            case "generation":
                assert state["responses"] == 60
            case "training":
                assert sorted(state["steps"]) == list(range(1, state["total"] + 1))
            case "scoring":
                assert state["scores"] == state["responses"] == 400
        assert all(process.poll() is None for process in concord.running.values())

    def ended(self, concord, kind, about):
        state = concord.ask(STATE.format(model=NAMES[kind], pk=about["pk"]))
        return state["status"] not in ("queued", "running") and state


def events_in(folder):
    """What the job's children have written, in all its directories."""
    try:
        return "".join(path.read_text() for path in folder.rglob("events.jsonl"))
    except FileNotFoundError:  # cleared away while we read
        return ""


def events_of(folder):
    return events_in(folder).count("\n")


def is_over(folder):
    """Whether the job has come to its own end, on a quick machine within the outage.

    A worker that still has its database clears the folder away once it has stored the result.
    """
    return not folder.exists() or '"status":"succeeded"' in events_in(folder)


def child_of(folder):
    """The living process that works in the job's directory, or in one below it."""
    for note in folder.rglob("pid.json"):
        pid = json.loads(note.read_text())["pid"]
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return pid
    return None
