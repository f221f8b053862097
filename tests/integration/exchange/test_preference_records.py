"""Preferences as JSON lines."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from annotation.models import Preference
from arbitration.labels import finalize_labels
from core.models import Stage
from exchange.preference_records import preference_lines
from tests.factories.annotation import make_prompts
from tests.factories.arbitration import make_final_stage
from tests.factories.comparing import make_comparison, prefer_all
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    team = make_project(experts=3)
    make_prompts(team.project, count=2, splits=["held-out"])
    return team


@pytest.fixture
def stage(team):
    models = [make_final_stage(team).model_version for _ in range(2)]
    stage = make_comparison(team, models, mode=Stage.Mode.PREFERRED)
    prefer_all(stage, team.experts, lambda pair, expert: pair.other)
    return stage


class TestPreferenceLines:
    def test_tell_what_stood_where_and_what_was_preferred(self, team, stage):
        assert not list(preference_lines(team.project))
        finalize_labels(stage=stage, by=team.admin, now=NOW)
        records = [json.loads(line) for line in preference_lines(team.project)]
        assert len(records) == 6
        for record, preference in zip(
            records, Preference.objects.order_by("pair__position", "pk").select_related("pair"), strict=True
        ):
            side = record["preferred"]["safety"]
            assert record[side]["id"] == preference.pair.other_id
            assert record["left"]["id"] == preference.left_id
            assert set(record["preferred"]) == {"safety", "helpfulness", "relevance"}
            assert record["expert"].startswith("person-") and not record["simulated"]
            assert record["messages"][-1]["content"] == record["prompt"]

    def test_come_from_the_command_and_the_page(self, client, team, stage):
        out = StringIO()
        call_command(
            "export_records", project=team.project.slug, preferences=True, unlabeled=True, stdout=out
        )
        assert len(out.getvalue().splitlines()) == 6
        client.force_login(team.admin)
        address = reverse("evaluation:export", args=[team.project.slug])
        answer = client.get(address, {"kind": "preferences"})
        assert "preferences.jsonl" in answer["Content-Disposition"] and not b"".join(answer.streaming_content)
