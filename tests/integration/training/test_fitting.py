"""Prompts that the model cannot answer are told of as they come in."""

import json

import pytest
from django.core.management import call_command

from tests.factories.core import make_project
from tests.factories.exchange import make_upload
from training.fitting import Fitting

pytest.importorskip("tokenizers")
pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def project():
    return make_project().project


@pytest.fixture
def window(tiny_model):
    return json.loads((tiny_model / "config.json").read_text())["max_position_embeddings"]


def rows(window):
    return [
        {"id": "short", "prompt": "how do I"},
        {"id": "words", "prompt": "help " * (window // 4)},
        {"id": "long", "prompt": "q " * window},
    ]


class TestFitting:
    def test_names_the_prompts_that_leave_no_room_for_an_answer(self, project, window):
        upload = make_upload(project, "".join(json.dumps(row) + "\n" for row in rows(window)))
        (note,) = upload.found["notes"]
        assert note.startswith(f"1 do not fit into the model’s window of {window:,} tokens")
        assert "“long” (line 3, " in note
        assert upload.may_be_written

    def test_is_told_by_the_command_as_well(self, project, window, tmp_path, capsys):
        path = tmp_path / "prompts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows(window)))
        call_command("import_prompts", project.slug, str(path))
        assert "window of" in capsys.readouterr().out

    @pytest.mark.parametrize("location", ["package:nothing", "/nowhere", ""])
    def test_says_nothing_where_the_model_is_not_here(self, project, settings, location):
        settings.BASE_MODEL = location
        upload = make_upload(project, json.dumps({"prompt": "q " * 50_000}))
        assert upload.found["notes"] == Fitting(project).notes == []

    def test_says_what_it_does_not_know(self, project, settings, tmp_path):
        (tmp_path / "config.json").write_text('{"max_position_embeddings": 1000}')
        settings.BASE_MODEL = str(tmp_path)
        upload = make_upload(project, json.dumps({"prompt": "q " * 1000}))
        assert upload.found["notes"][0].startswith("1 may not fit into the model’s window of 1,000 tokens")
