from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from core import audit_words
from core.audit_page import KINDS, PER_PAGE, Asked, events
from core.closing import delete_project
from core.models import AuditEvent
from tests.factories.annotation import make_rating_stage, rate
from tests.factories.core import NOW, make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def look(client, team):
    client.force_login(team.admin)

    def look(**asked):
        return client.get(reverse("project-audit", args=[team.project.slug]), asked)

    return look


def keys(page):
    return [row["event"].pk for row in page.context["rows"]]


class TestProjectAudit:
    def test_tells_who_did_what_the_latest_first(self, team, look):
        response = make_rating_stage(team.project, by=team.admin).responses.first()
        rate(response, team.experts[0])
        page = look()
        assert keys(page) == sorted(keys(page), reverse=True)
        text = page.content.decode()
        assert "Rating submitted" in text and "Role given" in text and str(team.experts[0]) in text
        assert "held by an expert → rated" in text

    def test_says_in_words_what_else_an_event_holds(self, team, look):
        held = {
            "killed": {"reason": "killed", "signal": "SIGTERM"},
            "because": {"because": "one_more", "rows": 2},
            "reasons": {"reasons": ["spread", "conflict"]},
            "role": {"role": "lead", "user": 7, "username": "ada"},
            "settings": {
                "before": {"batch_size": 8, "top_p": 1.0},
                "after": {"batch_size": 4, "top_p": 1.0},
            },
            "rest": {"edited": True, "sha256": "0f" * 200, "a_later_name": 3, "system_prompt": ""},
        }
        for name, params in held.items():
            AuditEvent.objects.create(
                project=team.project,
                verb=f"a:{name}",
                target_type="project",
                target_id=1,
                params=params,
                created_at=NOW,
            )
        page = look()
        said = {row["event"].verb.partition(":")[2]: row["params"] for row in page.context["rows"]}
        assert said["killed"] == [("why", "The process was ended by SIGTERM.")]
        assert said["because"] == [("because", "one more rating was asked for"), ("how many", "2")]
        assert said["reasons"] == [("why", "scores too far apart, labels conflict")]
        assert said["role"] == [("role", "lead reviewer"), ("username", "ada")]
        assert said["settings"] == [("batch", "8 → 4")]
        later, (edited, yes), (sha, hashed) = said["rest"]
        assert (edited, yes, sha) == ("edited by the lead", "yes", "SHA-256") and hashed.endswith("…")
        assert later == ("a later name", "3")
        assert "scores too far apart" in page.content.decode()

    def test_shows_nothing_of_another_project(self, team, look):
        make_project()
        projects = {row["event"].project_id for row in look().context["rows"]}
        assert projects == {team.project.pk}

    def test_finds_by_person_kind_and_day(self, team, look):
        stage = make_rating_stage(team.project, by=team.admin)
        one = rate(stage.responses.first(), team.experts[0], now=NOW + timedelta(days=1))
        of_one = AuditEvent.objects.filter(actor=team.experts[0]).values_list("pk", flat=True)
        assert set(keys(look(person=team.experts[0].pk))) == set(of_one)
        (event,) = look(person=team.experts[0].pk, kind="rating").context["rows"]
        assert event["event"].target_id == one.pk
        day = (NOW + timedelta(days=1)).date().isoformat()
        assert set(keys(look(day=day))) == set(of_one)
        assert keys(look(day="2001-01-01")) == [] and keys(look(person="system", kind="rating")) == []

    def test_knows_the_readers_day(self, team, look):
        late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
        event = AuditEvent.objects.create(
            project=team.project, verb="a:b", target_type="project", target_id=1, created_at=late
        )
        team.admin.time_zone = "Pacific/Auckland"
        team.admin.save()
        assert keys(look(day="2026-11-25")) == [event.pk] and keys(look(day="2026-11-24")) == []
        assert "NZDT" in look(day="2026-11-25").content.decode()

    def test_goes_on_page_by_page(self, team, look):
        AuditEvent.objects.bulk_create(
            AuditEvent(project=team.project, verb="a:b", target_type="project", target_id=1, created_at=NOW)
            for _ in range(PER_PAGE + 5)
        )
        first = look(kind="project")
        assert len(keys(first)) == PER_PAGE and first.context["newest"] is None
        second = look(**dict(pair.split("=") for pair in first.context["earlier"].split("&")))
        assert max(keys(second)) < min(keys(first)) and second.context["newest"] == "kind=project"

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Midway"])
    def test_knows_the_ends_of_the_calendar(self, day, zone):
        with timezone.override(zone):
            assert events(None, Asked.of({"day": day})) == []

    @pytest.mark.parametrize("asked", [{"person": "x"}, {"kind": "x"}, {"day": "x"}, {"before": "9" * 30}])
    def test_passes_over_what_it_does_not_understand(self, look, asked):
        assert keys(look(**asked))


class TestSiteAudit:
    def test_has_what_is_of_no_project(self, client, team):
        delete_project(project=team.project, name=team.project.name, by=team.admin, now=NOW)
        client.force_login(make_user(is_staff=True))
        page = client.get(reverse("site-audit")).content.decode()
        assert "Project deleted" in page and team.project.name in page


class TestKinds:
    def test_are_those_that_events_have(self, team):
        rate(make_rating_stage(team.project, by=team.admin).responses.first(), team.experts[0])
        assert set(AuditEvent.objects.values_list("target_type", flat=True)) <= set(KINDS)
        assert not [
            verb
            for verb in AuditEvent.objects.values_list("verb", flat=True)
            if verb not in audit_words.WORDS
        ]
