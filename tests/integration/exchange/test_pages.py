"""Files through the browser. Who may open which address stands in tests/integration/test_access_matrix.py."""

import io
import json

import pytest
from django.urls import reverse

from annotation.models import Prompt
from core.models import Stage
from exchange.models import FileImport
from tests.factories.annotation import make_prompts, make_stage
from tests.factories.core import make_project, make_user
from tests.factories.evaluation import ALIGNED, make_labeled_stage
from tests.integration.annotation.pages import url

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def as_(client):
    def sign_in(user):
        client.force_login(user)
        return client

    return sign_in


def export(client, team, **asked):
    return client.get(reverse("evaluation:export", args=[team.project.slug]), asked)


class TestRights:
    @pytest.mark.parametrize("role", ["expert", "lead", "admin", "stranger"])
    @pytest.mark.parametrize(
        ("method", "name", "arguments"),
        [
            ("post", "annotation:import-prompts", []),
            ("get", "annotation:import-responses", [0]),
            ("get", "evaluation:export", []),
        ],
    )
    def test_are_the_admins_alone(self, as_, team, role, method, name, arguments):
        make_stage(team.project)
        people = {"expert": team.experts[0], "lead": team.lead, "admin": team.admin, "stranger": make_user()}
        answer = getattr(as_(people[role]), method)(reverse(name, args=[team.project.slug, *arguments]))
        assert answer.status_code == {"admin": 422 if method == "post" else 200, "stranger": 404}.get(
            role, 403
        )


def named(name, text):
    file = io.BytesIO(text.encode())
    file.name = name
    return file


class TestImportPrompts:
    def upload(self, client, team, text, name="prompts.jsonl"):
        return client.post(url("import-prompts", team), {"prompts-file": named(name, text)})

    def test_are_shown_before_they_are_imported(self, as_, team):
        client = as_(team.admin)
        lines = "\n".join(json.dumps({"prompt": f"P{number}", "split": "train"}) for number in range(3))
        answer = self.upload(client, team, lines)
        assert answer.status_code == 302 and not Prompt.objects.exists()
        page = client.get(answer["Location"]).content.decode()
        assert "3 prompts: 3 train" in page and "Import 3 prompts" in page
        assert "prompts.jsonl" in client.get(url("prompts", team)).content.decode()
        write = url("import-write", team, FileImport.objects.get().pk)
        assert client.post(write)["Location"] == url("prompts", team)
        assert "3 prompts imported." in client.get(url("prompts", team)).content.decode()
        client.post(write)
        assert Prompt.objects.count() == 3
        assert "prompts.jsonl" not in client.get(url("prompts", team)).content.decode()

    @pytest.mark.parametrize(
        "text, name, words",
        [
            ('{"prompt": ""}', "p.jsonl", "Line 1, prompt: is missing or empty."),
            ("{", "p.jsonl", "Line 1: not JSON"),
            ("x", "p.docx", "neither JSONL nor CSV"),
            ("", "p.csv", "empty"),
            ("prompt\n", "p.csv", "no records"),
        ],
    )
    def test_name_the_faults_of_a_bad_file(self, as_, team, text, name, words):
        answer = self.upload(as_(team.admin), team, text, name=name)
        assert answer.status_code == 422
        assert words in answer.content.decode()

    def test_are_read_from_columns_of_other_names(self, as_, team):
        client = as_(team.admin)
        answer = self.upload(client, team, "Frage;Nummer;Notiz\nWarum?;7;x\nWozu?;8;\n", "p.csv")
        assert answer.status_code == 422
        assert answer.content.decode().count("<li>Line") == 1
        upload = FileImport.objects.get()
        asked = url("import-columns", team, upload.pk)
        assert client.post(asked, {"column-0": "prompt", "column-1": "prompt"}).status_code == 422
        assert client.post(asked, {"column-0": "what"}).status_code == 422
        client.post(asked, {"column-0": "prompt", "column-1": "id", "column-2": ""})
        client.post(url("import-write", team, upload.pk))
        assert list(Prompt.objects.values_list("external_id", "text")) == [("7", "Warum?"), ("8", "Wozu?")]


class TestImportResponses:
    def upload(self, client, team, *rows):
        text = "\n".join(map(json.dumps, rows))
        return client.post(url("import-responses", team, 0), {"file": named("r.jsonl", text)})

    def test_waits_with_rating_until_every_prompt_is_answered(self, as_, team):
        make_prompts(team.project, count=2)
        make_stage(team.project)
        client = as_(team.admin)
        first = {"prompt_id": "q0", "text": "Zero", "model": "theirs"}
        assert self.upload(client, team, first).status_code == 302
        client.post(url("import-write", team, FileImport.objects.first().pk))
        assert Stage.objects.get().status == Stage.Status.RESPONDING
        assert "<strong>1</strong> prompt" in client.get(url("import-responses", team, 0)).content.decode()
        assert client.post(url("open-rating", team, 0)).status_code == 409

        answer = self.upload(client, team, first, first | {"prompt_id": "q1"})
        assert "1 is there already and left out: line 1." in client.get(answer["Location"]).content.decode()
        client.post(url("import-write", team, FileImport.objects.first().pk))
        assert Stage.objects.get().status == Stage.Status.RATING
        assert self.upload(client, team, first).status_code == 409

    def test_names_faults(self, as_, team):
        make_prompts(team.project, count=1)
        make_stage(team.project)
        answer = self.upload(as_(team.admin), team, {"prompt_id": "q5", "text": "Zero", "model": "theirs"})
        assert answer.status_code == 422
        assert "Line 1, prompt_id: the project has no prompt “q5”." in answer.content.decode()


class TestExport:
    @pytest.fixture
    def few(self, team):
        make_labeled_stage(team.project, [ALIGNED] * 3)
        return team

    def test_streams_one_line_a_response(self, as_, few):
        answer = export(as_(few.admin), few)
        assert answer.streaming
        lines = b"".join(answer.streaming_content).decode().splitlines()
        assert len(lines) == 3
        assert json.loads(lines[0])["stage"] == 0
        assert f'filename="{few.project.slug}.jsonl"' in answer["Content-Disposition"]

    def test_may_be_of_one_stage(self, as_, few):
        answer = export(as_(few.admin), few, stage="0")
        assert {json.loads(line)["stage"] for line in b"".join(answer.streaming_content).splitlines()} == {0}

    @pytest.mark.parametrize("stage", ["9", "x", "-1"])
    def test_of_an_unknown_stage_is_not_found(self, as_, few, stage):
        assert export(as_(few.admin), few, stage=stage).status_code == 404

    def test_never_holds_ratings_in_progress(self, as_, team):
        make_labeled_stage(team.project, [ALIGNED] * 3, raters=team.experts, final=False)
        answer = export(as_(team.admin), team)
        assert b"".join(answer.streaming_content) == b""
