"""A model's card and its archive, from the records."""

import hashlib
import json
import zipfile

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.urls import reverse

from core.models import ModelVersion
from exchange.model_archive import weights_of, write_archive
from exchange.model_card import card_of
from jobs.models import Job
from tests.factories.core import NOW, make_project
from tests.factories.training import make_run, make_trainable_stage
from training.aliases import point_alias
from training.model_store import place_of
from training.models import TrainingRun, TrainingSet

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(leads=2)


@pytest.fixture
def model(team, settings, tmp_path):
    """A model that a run made, from a base of the hub, with weights and an adapter on the disk."""
    settings.MEDIA_ROOT = tmp_path / "artifacts"
    stage = make_trainable_stage(team)
    base = ModelVersion.objects.create(
        project=team.project, name="base", location="someone/small-1b", created_at=NOW
    )
    run = make_run(stage, base=base)
    made = ModelVersion.objects.create(
        project=team.project, name="v1", parent=base, location="artifact:models/v1", created_at=NOW
    )
    TrainingRun.objects.filter(pk=run.pk).update(status=Job.Status.SUCCEEDED, model_version=made)
    folder = place_of("models/v1")
    (folder / "adapter").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights" * 1000)
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(b"adapter")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Base\n")
    return made


class TestCardOf:
    def test_has_the_hub_s_front_matter_and_tells_where_the_model_comes_from(self, team, model):
        card = card_of(model, weights_of(model))
        _, front, body = card.split("---\n", 2)
        fields = yaml.safe_load(front)
        sha256 = TrainingSet.objects.get().sha256
        assert fields["base_model"] == "someone/small-1b"
        assert (fields["license"], fields["pipeline_tag"]) == ("apache-2.0", "text-generation")
        assert fields["datasets"] == [f"training-set-{sha256[:12]}"]
        assert sha256 in body and "seed 0" in body and "guidelines v1" in body
        assert "in no finished comparison stage" in body

    def test_is_a_download_of_the_model_s_page(self, client, team, model):
        client.force_login(team.lead)
        answer = client.get(reverse("evaluation:model-card", args=[team.project.slug, model.pk]))
        assert answer.content.decode() == card_of(model, weights_of(model))


class TestWriteArchive:
    def test_holds_everything_under_its_hash(self, team, model, tmp_path):
        path = tmp_path / "v1.zip"
        sums = write_archive(model, path)
        with zipfile.ZipFile(path) as archive:
            listed = dict(
                reversed(line.split("  ")) for line in archive.read("SHA256SUMS").decode().splitlines()
            )
            assert listed == sums
            assert set(archive.namelist()) == {*sums, "SHA256SUMS"}
            for name, sha256 in sums.items():
                assert hashlib.sha256(archive.read(name)).hexdigest() == sha256
            training_set = TrainingSet.objects.get()
            assert sums[f"training-sets/{training_set.sha256}.jsonl"] == training_set.sha256
            assert {"weights/model.safetensors", "weights/adapter/adapter_model.safetensors"} <= sums.keys()
            assert "stages" in json.loads(archive.read("report.json"))

    def test_is_written_by_a_command_that_takes_an_alias_and_says_what_is_missing(
        self, team, model, tmp_path
    ):
        point_alias(model_version=model, name="champion", reason="It is.", by=team.admin, now=NOW)
        path = tmp_path / "champion.zip"
        call_command("export_model", "champion", str(path), project=team.project.slug)
        assert zipfile.is_zipfile(path)
        with pytest.raises(CommandError, match="has no model nobody"):
            call_command("export_model", "nobody", str(path), project=team.project.slug)
        (place_of("models/v1") / "model.safetensors").unlink()
        ModelVersion.objects.filter(pk=model.pk).update(location="artifact:gone")
        with pytest.raises(CommandError, match="not on this machine"):
            call_command("export_model", "v1", str(tmp_path / "none.zip"), project=team.project.slug)
        assert not (tmp_path / "none.zip").exists()
