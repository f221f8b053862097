"""What the report says of comparison stages, and of the figures that were registered before they opened."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from core.errors import Conflict, InvalidInput
from core.models import AuditEvent
from evaluation.endpoints import newest_registration, register_endpoints, registered_for
from evaluation.keeping import fingerprint, stale_projects
from evaluation.reports import as_json, build_report
from tests.factories.core import NOW, make_project
from tests.factories.evaluation import (
    ALIGNED,
    MISALIGNED,
    PARTLY,
    make_labeled_comparison,
    make_labeled_stage,
    make_papers_comparison,
)

pytestmark = pytest.mark.django_db
DEFAULT = (
    "score:safety",
    "score:helpfulness",
    "score:relevance",
    "misaligned",
    "aligned",
    "cosine",
)


def register(team, *keys, **fields):
    return register_endpoints(project=team.project, keys=keys, by=team.admin, now=NOW, **fields)


def compared(team, *scores):
    """A finished comparison of turns with these scores."""
    turns = [make_labeled_stage(team.project, [PARTLY] * len(each)) for each in scores]
    return make_labeled_comparison(team.project, dict(zip(turns, scores, strict=True)))


class TestThePapersTable:
    """The proportions of the paper, rated blind in one comparison, come out of the report."""

    @pytest.fixture
    def report(self):
        team = make_project()
        make_papers_comparison(team)
        return build_report(team.project)

    def test_comes_out(self, report):
        (blind,) = report.blind
        base, one, two = blind.stages
        assert [stage.title for stage in blind.stages] == ["base", "stage-1", "stage-2"]
        assert [stage.scores["safety"].value for stage in blind.stages] == pytest.approx([3.1, 4.2, 4.6])
        assert [stage.misaligned.value for stage in blind.stages] == [0.27, 0.12, 0.06]
        assert (base.aligned.value, two.aligned.value) == (0.58, 0.85)
        cosines = [(stage.coherence.mean.value, stage.coherence.share.value) for stage in (base, two)]
        assert cosines == [(pytest.approx(0.52), 0.60), (pytest.approx(0.57), 0.75)]

    def test_has_its_verdicts_over_the_registered_figures(self, report):
        (blind,) = report.blind
        assert tuple(blind.registered) == DEFAULT
        last = {change.key: change for change in blind.comparisons[1].changes}
        assert (last["score:safety"].verdict, last["score:safety"].better) == ("higher", True)
        assert (last["misaligned"].verdict, last["misaligned"].better) == ("lower", True)
        assert last["coherent"].verdict == "exploratory"

    def test_has_friedmans_test_of_all_three(self, report):
        found = {each.key: each.p for each in report.blind[0].over_all}
        assert set(found) == set(DEFAULT)
        assert found["score:safety"] < 0.001

    def test_stands_before_the_rounds_on_the_page_and_in_the_figures(self, client):
        team = make_project()
        make_papers_comparison(team)
        client.force_login(team.lead)
        page = client.get(reverse("evaluation:report", args=[team.project.slug])).content.decode()
        assert "From Comparison 1, blind" in page
        assert page.index("Comparison 1</a>") < page.index("Separate rounds")
        figures = client.get(reverse("evaluation:figure", args=[team.project.slug])).content.decode()
        assert "stage-2: 4.60" in figures

    def test_is_printed_before_the_rounds(self):
        team = make_project()
        make_papers_comparison(team)
        out = StringIO()
        call_command("report", project=team.project.slug, stdout=out)
        lines = out.getvalue().splitlines()
        places = [
            next(place for place, line in enumerate(lines) if line.startswith(opening))
            for opening in (
                "Comparison 1: rated blind",
                "stage-2 against base",
                "SEPARATE ROUNDS",
                "Stage 1 against",
            )
        ]
        assert places == sorted(places)

    def test_says_the_same_twice_and_is_json(self, report):
        from core.models import Project

        again = build_report(Project.objects.get(slug=report.slug))
        assert json.dumps(as_json(again)) == json.dumps(as_json(report))


class TestBlindReports:
    def test_leave_out_what_is_not_final(self):
        team = make_project()
        stage = compared(team, [MISALIGNED] * 8, [ALIGNED] * 8)
        type(stage).objects.filter(pk=stage.pk).update(status="rating")
        assert build_report(team.project).blind == []

    def test_make_the_kept_report_outdated(self):
        team = make_project()
        turns = [make_labeled_stage(team.project, [PARTLY] * 8) for _ in range(2)]
        before = fingerprint(team.project)
        make_labeled_comparison(team.project, {turn: [ALIGNED] * 8 for turn in turns})
        assert fingerprint(team.project) != before
        assert stale_projects(now=NOW) == [team.project.pk]

    def test_tell_how_far_the_experts_agreed_over_all_versions(self):
        team = make_project()
        turns = [make_labeled_stage(team.project, [PARTLY] * 30) for _ in range(2)]
        scores = [1, 2, 3, 4, 5] * 6
        make_labeled_comparison(team.project, dict.fromkeys(turns, scores), raters=team.experts)
        (blind,) = build_report(team.project).blind
        assert (blind.raters, blind.agreement[0].alpha) == (len(team.experts), pytest.approx(1))
        assert any("the very same answers" in caveat for caveat in blind.caveats)


class TestRegisterEndpoints:
    def test_holds_for_comparisons_that_open_later(self):
        team = make_project()
        first = compared(team, [MISALIGNED] * 8, [ALIGNED] * 8)
        register(team, "misaligned", "score:safety")
        second = compared(team, [MISALIGNED] * 8, [ALIGNED] * 8)
        register(team, "aligned")
        assert registered_for(first).keys == DEFAULT
        assert registered_for(second).keys == ("score:safety", "misaligned")
        assert newest_registration(team.project).keys == ("aligned",)
        blind = build_report(team.project).blind
        verdicts = {change.key: change.verdict for change in blind[1].comparisons[0].changes}
        assert verdicts == {
            "score:safety": "higher",
            "score:helpfulness": "exploratory",
            "score:relevance": "exploratory",
            "misaligned": "lower",
            "aligned": "exploratory",
        }

    def test_keeps_every_version_with_its_author(self):
        team = make_project()
        assert [register(team, "aligned").version, register(team, "misaligned").version] == [1, 2]
        assert register(team, "misaligned").version == 2
        kept = team.project.endpoint_registrations.all()
        assert [(each.endpoints, each.created_by) for each in kept] == [
            (["aligned"], team.admin),
            (["misaligned"], team.admin),
        ]
        assert AuditEvent.objects.filter(verb="endpointregistration:register").count() == 2

    def test_refuses_nothing_unknown_and_what_somebody_has_overtaken(self):
        team = make_project()
        with pytest.raises(InvalidInput, match="at least one figure"):
            register(team)
        with pytest.raises(InvalidInput, match="no figure “speed”"):
            register(team, "speed")
        register(team, "aligned")
        with pytest.raises(Conflict, match="meanwhile"):
            register(team, "misaligned", expected_version=0)


class TestEndpointsPage:
    def test_registers_and_shows_what_was(self, client):
        team = make_project()
        client.force_login(team.admin)
        page, form = (
            reverse(f"evaluation:{name}", args=[team.project.slug])
            for name in ("endpoints", "register-endpoints")
        )
        assert client.post(form, {"endpoints": ["aligned", "win-rate"], "version": "0"}).status_code == 302
        shown = client.get(page).content.decode()
        assert "Comparison 1" in shown and "Win rate" in shown
        answer = client.post(form, {"endpoints": ["cosine"], "version": "0"})
        assert answer.status_code == 409
        assert 'value="cosine" checked' in answer.content.decode()
