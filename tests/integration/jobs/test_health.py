"""What /healthz and a run's page say while something does not get on."""

import os
import time

import pytest
from django.urls import reverse

from jobs import health, pulse
from tests.factories.core import NOW
from tests.factories.training import make_run, make_trainable_stage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def all_is_well(settings, monkeypatch, tmp_path):
    """Everything has just shown itself to a server that has run for long."""
    settings.PULSES = tmp_path
    monkeypatch.setattr(health, "STARTED", time.monotonic() - 10_000)
    for name in (*pulse.QUEUES, pulse.SWEEP):
        pulse.show(name)


def parts(client):
    answer = client.get("/healthz")
    return answer.status_code, {name: words for name, words in answer.json().items() if words != "ok"}


class TestHealthz:
    def test_is_well_while_everything_gets_on(self, client):
        assert parts(client) == (200, {})

    @pytest.mark.parametrize(
        ("name", "part"), [("sweep", "sweep"), ("gpu", "queue gpu"), ("default", "queue default")]
    )
    def test_names_what_has_not_shown_itself_for_long(self, client, settings, name, part):
        long_ago = time.time() - settings.STALL_SECONDS - 5
        os.utime(settings.PULSES / name, (long_ago, long_ago))
        assert parts(client) == (503, {part: "does not get on"})
        (settings.PULSES / name).unlink()
        assert parts(client) == (503, {part: "does not get on"})

    def test_gives_a_server_that_has_just_started_the_time(self, client, settings, monkeypatch):
        monkeypatch.setattr(health, "STARTED", time.monotonic())
        for name in (*pulse.QUEUES, pulse.SWEEP):
            (settings.PULSES / name).unlink()
        assert parts(client) == (200, {})

    def test_tells_that_the_disk_is_full(self, client, settings):
        settings.LEAST_FREE = 2**62
        assert parts(client) == (503, {"disk": "is full"})


class TestFullDisk:
    def test_is_told_on_the_page_of_a_run_with_what_to_free(self, client, settings):
        run = make_run(make_trainable_stage(), now=NOW)
        project = run.stage.project
        client.force_login(project.memberships.filter(role="admin").first().user)
        url = reverse("training:run", args=[project.slug, run.pk])
        assert "The disk is full." not in client.get(url).text
        settings.LEAST_FREE = 2**62
        page = client.get(url).text
        assert "The disk is full." in page
        assert "Free some space" in page
