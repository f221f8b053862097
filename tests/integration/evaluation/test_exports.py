"""The report as files to take away."""

import csv
import io
import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from core.models import ModelVersion
from evaluation.exports import as_csv, as_html, harmless
from evaluation.figures import draw
from evaluation.reports import as_json, build_report
from tests.factories.core import make_project
from tests.factories.evaluation import make_papers_comparison

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def team():
    team = make_project()
    make_papers_comparison(team)
    return team


def report_of(team):
    return as_json(build_report(team.project))


class TestAsHtml:
    def test_holds_everything_and_asks_nobody(self, team):
        report = report_of(team)
        page = as_html(report, draw(report))
        assert page.count("<svg") == 4
        for text in ("4.60", "−21 pp", "Separate rounds, exploratory", "Registered before it opened"):
            assert text in page
        assert not re.search(r"""(?:src|href)\s*=|url\(|@import|<script|<link""", page)
        assert set(re.findall(r"https?://[^\s\"]+", page)) <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1999/xlink",
        }

    def test_is_the_same_to_the_byte(self, team):
        one, other = report_of(team), report_of(team)
        assert as_html(one, draw(one)) == as_html(other, draw(other))

    def test_says_that_experts_were_simulated(self, team):
        report = report_of(team) | {"simulated": True}
        assert "ratings by simulated experts" in as_html(report, [])


class TestAsCsv:
    def test_has_a_row_for_each_figure_and_change(self, team):
        report = report_of(team)
        rows = list(csv.DictReader(io.StringIO(as_csv(report))))
        figures = [
            row for row in rows if row["of"] == "Comparison 1: stage-2" and row["kind"] == "blind comparison"
        ]
        assert {row["figure"]: float(row["value"]) for row in figures}["Safety"] == pytest.approx(4.6)
        changes = [row for row in rows if row["kind"] == "change, blind comparison"]
        assert {row["verdict"] for row in changes} >= {"higher", "lower", "exploratory"}
        assert as_csv(report_of(team)) == as_csv(report)

    def test_is_executed_by_no_spreadsheet(self, team):
        ModelVersion.objects.filter(name="stage-2").update(name='=HYPERLINK("http://x")')
        rows = csv.reader(io.StringIO(as_csv(report_of(team))))
        cells = [cell for row in rows for cell in row if "HYPERLINK" in cell]
        assert cells and not [cell for cell in cells if cell.startswith("=")]

    @pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "  =1", "\r=1"])
    def test_marks_what_begins_like_a_formula(self, text):
        assert harmless(text) == f"'{text}"


class TestFiles:
    @pytest.mark.parametrize("kind", ["html", "csv"])
    def test_come_as_attachments_and_from_the_command_alike(self, client, team, kind):
        client.force_login(team.lead)
        answer = client.get(reverse(f"evaluation:report-{kind}", args=[team.project.slug]))
        assert answer["Content-Disposition"] == f'attachment; filename="{team.project.slug}-report.{kind}"'
        out = StringIO()
        call_command("report", project=team.project.slug, format=kind, stdout=out)
        assert out.getvalue().strip() == answer.content.decode().strip()
