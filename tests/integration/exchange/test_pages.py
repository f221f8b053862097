"""Files through the browser. Who may open which address stands in tests/integration/test_access_matrix.py."""

import io
import json

import pytest
from django.urls import reverse

from annotation.models import Prompt
from core.models import Stage
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


class TestImportPrompts:
    def upload(self, client, team, text, name="prompts.jsonl", **more):
        file = io.BytesIO(text.encode())
        file.name = name
        return client.post(url("import-prompts", team), {"prompts-file": file, **more})

    def test_are_imported_from_a_file(self, as_, team):
        client = as_(team.admin)
        lines = "\n".join(json.dumps({"prompt": f"P{number}"}) for number in range(3))
        checked = self.upload(client, team, lines, check="1")
        assert "3 prompts" in checked.content.decode()
        assert not Prompt.objects.exists()
        assert self.upload(client, team, lines).status_code == 302
        assert Prompt.objects.count() == 3

    @pytest.mark.parametrize(
        "text, name, words",
        [
            ('{"prompt": ""}', "p.jsonl", "Line 1, prompt: is missing or empty."),
            ("{", "p.jsonl", "Line 1: not JSON"),
            ("x", "p.docx", "neither JSONL nor CSV"),
            ("", "p.csv", "empty"),
        ],
    )
    def test_name_the_faults_of_a_bad_file(self, as_, team, text, name, words):
        answer = self.upload(as_(team.admin), team, text, name=name)
        assert answer.status_code == 422
        assert words in answer.content.decode()


class TestImportResponses:
    def test_waits_with_rating_until_every_prompt_is_answered(self, as_, team):
        make_prompts(team.project, count=2)
        make_stage(team.project)
        client = as_(team.admin)
        file = io.BytesIO(b'{"prompt_id": "q0", "text": "Zero", "model": "theirs"}')
        file.name = "r.jsonl"
        assert client.post(url("import-responses", team, 0), {"file": file}).status_code == 302
        assert Stage.objects.get().status == Stage.Status.RESPONDING
        assert "<strong>1</strong> prompt" in client.get(url("import-responses", team, 0)).content.decode()
        assert client.post(url("open-rating", team, 0)).status_code == 409

    def test_names_faults(self, as_, team):
        make_prompts(team.project, count=1)
        make_stage(team.project)
        file = io.BytesIO(b'{"prompt_id": "q5", "text": "Zero", "model": "theirs"}')
        file.name = "r.jsonl"
        answer = as_(team.admin).post(url("import-responses", team, 0), {"file": file})
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
