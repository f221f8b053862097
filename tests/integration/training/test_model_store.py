import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from core.models import ModelVersion
from jobs import life
from jobs.life import Attempt, NotFinished, Refused
from tests.factories.core import NOW, make_project
from tests.factories.training import make_base_stage
from training.model_store import ARTIFACT, is_kept, keep_model, ready_folder
from training.models import GenerationRun
from training.trainer.hashing import hash_folder

NAME = "models/project/training-1"


@pytest.fixture
def attempt(transactional_db, tiny_model):
    run = make_base_stage().generation_runs.get()
    claimed = life.claim(GenerationRun, run.pk, now=timezone.now())
    attempt = Attempt(claimed, clock=timezone.now, stopping=lambda: False)
    attempt.begin()
    return attempt


@pytest.fixture
def finished(tmp_path, tiny_model):
    """A model folder as a trainer leaves it."""
    shutil.copytree(tiny_model, tmp_path / "run" / "final")
    return tmp_path / "run" / "final"


@pytest.fixture
def file_system(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "artifacts"


def make_model(location, sha256=""):
    return ModelVersion.objects.create(
        project=make_project().project, name="v1", location=location, weights_sha256=sha256, created_at=NOW
    )


@pytest.mark.usefixtures("file_system")
class TestKeepModel:
    def test_keeping_moves_the_folder_and_does_it_once(self, attempt, finished):
        sha256 = hash_folder(finished)
        assert not is_kept(NAME)
        location = keep_model(finished, NAME, attempt=attempt)
        assert location == ARTIFACT + NAME
        assert is_kept(NAME) and not finished.exists()
        assert keep_model(finished, NAME, attempt=attempt) == location
        assert hash_folder(ready_folder(make_model(location, sha256), attempt=attempt)) == sha256

    def test_changed_weights_are_refused(self, attempt, finished):
        location = keep_model(finished, NAME, attempt=attempt)
        with pytest.raises(Refused, match="not the ones it had"):
            ready_folder(make_model(location, "0" * 64), attempt=attempt)

    def test_missing_weights_are_told(self, attempt):
        with pytest.raises(Refused, match="missing from the storage"):
            ready_folder(make_model(f"{ARTIFACT}models/gone"), attempt=attempt)


class SlowWeights:
    """Weights on a slow file system: a pipe through which the bytes come drop by drop."""

    def __init__(self, path, content, drops=12, pause=0.25):
        os.mkfifo(path)
        self.path, self.content, self.drops, self.pause = path, content, drops, pause
        threading.Thread(target=self.pour, daemon=True).start()

    def pour(self):
        size = len(self.content) // self.drops + 1
        with open(self.path, "wb", buffering=0) as pipe:
            for start in range(0, len(self.content), size):
                pipe.write(self.content[start : start + size])
                time.sleep(self.pause)


class TestASlowFileSystem:
    """What takes longer than a silence may last, which is 4 s in these tests, goes on saying that the job lives."""

    @pytest.fixture
    def folder(self, tmp_path, tiny_model):
        folder = tmp_path / "slow"
        shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns("*.safetensors"))
        content = (tiny_model / "model.safetensors").read_bytes()
        SlowWeights(folder / "model.safetensors", content, drops=24)
        return folder

    @pytest.fixture
    def beats(self, attempt):
        """The heartbeats that the row shows, looked at every tenth of a second."""
        seen, done = set(), threading.Event()

        def look():
            while not done.wait(0.1):
                seen.add(GenerationRun.objects.get(pk=attempt.job.pk).heartbeat_at)
            connection.close()

        thread = threading.Thread(target=look)
        thread.start()
        yield seen
        done.set()
        thread.join()

    def test_hashing_weights_sends_heartbeats(self, attempt, folder, beats, tiny_model):
        began = time.monotonic()
        model = make_model(str(folder), hash_folder(tiny_model))
        assert ready_folder(model, attempt=attempt) == folder.resolve()
        assert time.monotonic() - began > 4
        assert len(beats) >= 4

    def test_copying_weights_to_another_file_system_sends_heartbeats(
        self, attempt, folder, beats, settings, tiny_model
    ):
        shared_memory = Path("/dev/shm")
        if not shared_memory.exists() or shared_memory.stat().st_dev == folder.stat().st_dev:
            pytest.skip("there is only one file system here")
        with tempfile.TemporaryDirectory(dir=shared_memory) as other:
            settings.MEDIA_ROOT = other
            keep_model(folder, NAME, attempt=attempt)
            assert hash_folder(Path(other) / NAME) == hash_folder(tiny_model)
        assert len(beats) >= 4
        assert not folder.exists()


class TestSources:
    def test_a_model_known_by_name_only_is_refused(self, attempt):
        with pytest.raises(Refused, match="known by name only"):
            ready_folder(make_model(""), attempt=attempt)

    def test_the_hash_of_weights_seen_for_the_first_time_is_noted(self, attempt, tiny_model):
        model = make_model(str(tiny_model))
        assert ready_folder(model, attempt=attempt) == tiny_model.resolve()
        assert ModelVersion.objects.get(pk=model.pk).weights_sha256 == hash_folder(tiny_model)

    def test_a_source_that_is_nowhere_is_told(self, attempt):
        with pytest.raises(NotFinished, match="not installed"):
            ready_folder(make_model("package:no-such-model"), attempt=attempt)
