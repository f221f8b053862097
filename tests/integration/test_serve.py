"""`manage.py serve` as a person starts and stops it, and as a machine kills it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest
from django.conf import settings

from jobs import pulse
from serving import keeper
from tests.live import BUSY, wait_until
from tests.services import end_with_parent, free_port

pytestmark = pytest.mark.once  # serve is the embedded mode


class Served:
    """One `manage.py serve` with a state folder of its own."""

    def __init__(self, var):
        self.var = var
        self.port = free_port()
        self.process = None
        self.seen = []

    def start(self, *arguments, port=None):
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port or self.port), *arguments],
            env={**env, "CONCORD_VAR": str(self.var), "DATABASE_URL": "", "PYTHONUNBUFFERED": "1"},
            cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True, preexec_fn=lambda: end_with_parent(signal.SIGTERM),
        )  # fmt: skip
        return self

    def ready(self):
        """Read on until the address is printed; returns what was printed."""
        words = ""
        for line in self.process.stdout:
            words += line
            if "Concord is ready" in line:
                self.seen = psutil.Process(self.process.pid).children(recursive=True)
                return words
        raise AssertionError(f"serve ended with {self.process.wait()}:\n{words}")

    def end(self):
        """Wait for the end; returns (exit code, what was still printed)."""
        words = self.process.stdout.read()
        return self.process.wait(30), words

    def left(self):
        return [process for process in self.seen if process.is_running() and process.status() != "zombie"]

    def find(self, *words):
        return next(p for p in self.seen if all(word in p.cmdline() for word in words))

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return response.status, response.read().decode()


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path / "var")
    yield served
    if served.process and served.process.poll() is None:
        served.process.kill()
    wait_until(lambda: not served.left(), seconds=15, what="the end of everything that serve started")


class TestServe:
    def test_serves_the_sign_in_page_and_leaves_nothing_behind_on_ctrl_c_and_starts_again(self, served):
        words = served.start().ready()
        assert f"http://127.0.0.1:{served.port}/" in words
        assert len(served.seen) >= 7  # the keeper, gunicorn and its two, two workers, beat
        status, page = served.get("/login/")
        assert status == 200
        assert 'name="password"' in page
        accounts = [
            re.split(r"\s{2,}|\s*[|·]\s*", line.strip())
            for line in words.splitlines()
            if "expert" in line.lower()
        ]
        assert len(accounts) >= 3, words

        served.process.send_signal(signal.SIGINT)
        started = time.monotonic()
        code, words = served.end()
        assert time.monotonic() - started < 8 * BUSY
        assert code == 0
        assert "Stopped." in words
        assert served.left() == []

        started = time.monotonic()
        served.start().ready()
        assert time.monotonic() - started < 15 * BUSY
        assert set(json.loads(served.get("/healthz")[1]).values()) == {"ok"}
        served.process.terminate()
        assert served.end()[0] == 0
        assert served.left() == []

    @pytest.mark.deep
    def test_leaves_nothing_behind_when_killed(self, served):
        served.start("--no-demo").ready()
        served.process.kill()
        wait_until(lambda: not served.left(), seconds=10, what="the end of everything that serve started")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", served.port)) != 0

    @pytest.mark.deep
    def test_refuses_a_second_one_on_its_folder_and_leaves_nothing_behind_when_its_keeper_is_killed(
        self, served
    ):
        served.start("--no-demo").ready()
        code, words = Served(served.var).start("--no-demo").end()
        assert code == 1
        assert f"already runs on {served.var} (process {served.process.pid})" in words

        served.find("serving.keeper").kill()
        code, words = served.end()
        assert code == 1
        assert "so everything was stopped" in words
        assert served.left() == []

    def test_says_which_process_died_and_stops_the_others(self, served):
        served.start("--no-demo").ready()
        served.find("celery", "beat").kill()
        code, words = served.end()
        assert code == 1
        assert "beat was ended by signal 9, so everything was stopped" in words
        assert served.left() == []

    def test_refuses_a_port_in_use_and_says_what_to_do(self, served):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            code, words = served.start("--no-demo", port=port).end()
        assert code == 1
        assert f"Port {port} on 127.0.0.1 is in use" in words
        assert f"make run PORT={port + 1}" in words

    def test_refuses_a_full_disk_and_says_what_to_do(self, served, monkeypatch):
        monkeypatch.setenv("CONCORD_LEAST_FREE_MB", str(2**40))
        code, words = served.start("--no-demo").end()
        assert code == 1
        assert "is full" in words and "Free some space" in words


class TestCtrlC:
    @pytest.mark.deep
    def test_in_the_middle_of_a_training_gives_it_the_time_to_save(self, served, tiny_model):
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        env |= {"CONCORD_VAR": str(served.var), "DATABASE_URL": ""}

        def ask(*arguments):
            return subprocess.run(
                [sys.executable, "manage.py", *arguments],
                env=env, cwd=settings.BASE_DIR, capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip

        ask("migrate", "-v0")
        ask(
            "shell", "-v0", "-c",
            "from django.utils import timezone; from tests.factories.training import make_run, make_trainable_stage;"
            "from tests.factories.evaluation import score_stage; stage = make_trainable_stage();"
            "score_stage(stage, [0.5] * stage.responses.count());"
            "make_run(stage, now=timezone.now(), epochs=100, batch_size=1)",
        )  # fmt: skip
        served.start("--no-demo").ready()
        runs = served.var / "runs"
        wait_until(
            lambda: any('"log"' in path.read_text() for path in runs.glob("training-*/events.jsonl")),
            seconds=120,
            what="the first steps",
        )
        served.seen = psutil.Process(served.process.pid).children(recursive=True)
        served.process.send_signal(signal.SIGINT)
        code, words = served.end()
        assert code == 0 and "Stopped." in words
        assert served.left() == []
        (folder,) = runs.glob("training-*")
        events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
        assert events[-1]["kind"] == "end" and events[-1]["status"] == "cancelled"
        assert events[-2]["kind"] == "checkpoint"
        row = ask(
            "shell", "-v0", "-c",
            "from training.models import TrainingRun; run = TrainingRun.objects.get();"
            "print(run.status, run.fruitless, run.reason_code)",
        )  # fmt: skip
        assert row.split() == ["queued", "0", "worker_stopped"]


class TestHungWorkers:
    @pytest.mark.deep
    @pytest.mark.parametrize("hung", ["default@", "gpu@"])
    def test_is_told_at_healthz_and_replaced_and_work_goes_on(self, served, monkeypatch, hung):
        monkeypatch.setenv("CONCORD_STALL_SECONDS", "15")
        served.start("--no-demo").ready()
        # Until each has shown itself once, the server is patient with who has only just been started.
        shown = [served.var / "pulses" / name for name in (pulse.SWEEP, *pulse.QUEUES)]
        wait_until(lambda: all(path.exists() for path in shown), seconds=40, what="the first sign of life")
        worker = next(p for p in served.seen if any(word.startswith(hung) for word in p.cmdline()))
        worker.suspend()
        wait_until(lambda: self.health(served) == 503, seconds=40, what="the news of it")
        wait_until(lambda: not worker.is_running(), seconds=40, what="its end")
        served.seen = psutil.Process(served.process.pid).children(recursive=True)
        wait_until(lambda: self.health(served) == 200, seconds=60, what="work going on")
        served.process.send_signal(signal.SIGINT)
        code, words = served.end()
        assert code == 0
        assert "lived but did nothing any more, so it was started anew" in words

    def health(self, served):
        try:
            return served.get("/healthz")[0]
        except urllib.error.HTTPError as error:
            return error.code

    @pytest.mark.deep
    def test_no_process_of_a_worker_waits_for_another(self, served):
        """Of a pool of processes one that is killed while it waits for work takes the lock with it that all share."""
        served.start("--no-demo").ready()
        workers = [p for p in served.seen if "worker" in p.cmdline()]
        assert len(workers) == 2
        assert [p.children() for p in workers] == [[], []]


class TestKeeper:
    def test_replaces_what_lives_but_gets_nowhere_with_all_below_it(self, tmp_path):
        pulse, log = tmp_path / "pulse", tmp_path / "worker.log"
        deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"
        worker = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {deaf!r}])"
        service = {"name": "worker", "argv": [sys.executable, "-c", worker], "log": str(log)}
        with subprocess.Popen(
            [sys.executable, "-m", "serving.keeper"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR,
        ) as kept:  # fmt: skip
            kept.stdin.write(json.dumps([service | {"pulse": str(pulse), "patience": 3}]) + "\n")
            kept.stdin.flush()
            first = psutil.Process(json.loads(kept.stdout.readline())["pid"])
            below = wait_until(first.children, what="its child")
            said = json.loads(kept.stdout.readline())
            assert said["replaced"] == "worker"
            wait_until(lambda: not any(each.is_running() for each in (first, *below)), what="their end")
            assert psutil.pid_exists(said["pid"])
            kept.stdin.close()
            assert '"stopped": true' in kept.stdout.read()

    def test_ends_a_trainer_in_a_session_of_its_own_when_its_worker_is_killed(self, tmp_path):
        """The trainer is the worker's child, leads its own session, and ignores SIGTERM."""
        trainer = (
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
            "print('deaf', flush=True); time.sleep(99)"
        )
        worker = (
            "import subprocess, sys, time; "
            f"subprocess.Popen([sys.executable, '-c', {trainer!r}], start_new_session=True); time.sleep(99)"
        )
        log = tmp_path / "worker.log"
        kept = subprocess.Popen(
            [sys.executable, "-m", "serving.keeper"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR,
        )  # fmt: skip
        service = {"name": "worker", "argv": [sys.executable, "-c", worker], "log": str(log)}
        kept.stdin.write(json.dumps([service]) + "\n")
        kept.stdin.flush()
        parent = psutil.Process(json.loads(kept.stdout.readline())["pid"])
        wait_until(lambda: "deaf" in log.read_text(), what="the start of the trainer")
        child = parent.children()[0]
        parent.kill()
        assert json.loads(kept.stdout.readline()) == {"ended": "worker", "code": -9}
        assert kept.wait(keeper.GRACE_SECONDS + keeper.KILL_SECONDS + 2) == 0
        assert not child.is_running()

    def kept_job(self, tmp_path, child):
        """A keeper whose worker runs a child that names a job, and hears SIGTERM as `child` says."""
        worker = (
            "import os, subprocess, sys, time; "
            "env = {**os.environ, 'CONCORD_JOB': 'Training run 7'}; "
            f"subprocess.Popen([sys.executable, '-c', {child!r}], env=env); "
            "time.sleep(99)"
        )
        kept = subprocess.Popen(
            [sys.executable, "-m", "serving.keeper"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=settings.BASE_DIR,
        )  # fmt: skip
        log = tmp_path / "worker.log"
        service = {"name": "worker", "argv": [sys.executable, "-c", worker], "log": str(log)}
        kept.stdin.write(json.dumps([service]) + "\n")
        kept.stdin.flush()
        kept.stdout.readline()
        wait_until(lambda: "works" in log.read_text(), what="the child's start")
        return kept

    def test_gives_a_job_the_time_to_save_and_says_so(self, tmp_path):
        saves = "import time; print('works', flush=True); time.sleep(6); print('saved', flush=True)"
        kept = self.kept_job(tmp_path, saves)
        kept.stdin.close()
        said = [json.loads(line) for line in kept.stdout]
        waits = [message for message in said if "waiting" in message]
        assert len(waits) >= 3 and waits[0]["waiting"] == ["Training run 7"]
        assert [message["seconds"] for message in waits] == sorted(message["seconds"] for message in waits)
        assert said[-1] == {"stopped": True}
        assert "saved" in (tmp_path / "worker.log").read_text()

    def test_ends_a_job_at_once_when_told_a_second_time(self, tmp_path):
        deaf = "import time; print('works', flush=True); time.sleep(99)"
        kept = self.kept_job(tmp_path, deaf)
        kept.send_signal(signal.SIGINT)
        assert json.loads(kept.stdout.readline())["waiting"] == ["Training run 7"]
        kept.send_signal(signal.SIGINT)
        told = time.monotonic()
        assert kept.wait(10) == 0
        assert time.monotonic() - told < 5
