import shutil

import pytest
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
