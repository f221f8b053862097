import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from evaluation import keeping
from evaluation.keeping import fingerprint, keep_report, report_body, report_figures, stale_projects
from evaluation.models import KeptReport, ScoringRun
from jobs.models import Job
from jobs.reasons import as_fields, reason, told
from tests.factories.core import NOW, make_project, make_user
from tests.factories.evaluation import ALIGNED, make_labeled_stage, make_paper_stages, score_stage
from tests.factories.jobs import claimed

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # on PostgreSQL the access matrix asks every page

PAGES = {
    "evaluation:report": {"lead", "admin"},
    "evaluation:report-json": {"lead", "admin"},
    "evaluation:figure": {"lead", "admin"},
}


@pytest.fixture
def team():
    return make_project()


@pytest.fixture
def few(team):
    """A final stage of few responses, with cosines."""
    score_stage(make_labeled_stage(team.project, [ALIGNED] * 3), [0.2, 0.6, 0.7])
    return team


@pytest.fixture
def paper(team):
    make_paper_stages(team, rated=False)
    keep_report(team.project.pk, now=NOW)
    return team


def get(client, user, name, team, *args, **kwargs):
    client.force_login(user)
    return client.get(reverse(name, args=[team.project.slug, *args]), **kwargs)


def people(team):
    return {"expert": team.experts[0], "lead": team.lead, "admin": team.admin}


class TestRights:
    @pytest.mark.parametrize("name", PAGES)
    @pytest.mark.parametrize("role", ["expert", "lead", "admin"])
    def test_each_page_opens_to_its_roles(self, client, few, name, role):
        answer = get(client, people(few)[role], name, few)
        assert answer.status_code == (200 if role in PAGES[name] else 403)

    @pytest.mark.parametrize("name", [*PAGES, "evaluation:stage-panel"])
    def test_strangers_find_nothing(self, client, few, name):
        number = [0] if name == "evaluation:stage-panel" else []
        assert get(client, make_user(), name, few, *number).status_code == 404

    @pytest.mark.parametrize("name", PAGES)
    def test_nobody_enters_without_signing_in(self, client, few, name):
        assert client.get(reverse(name, args=[few.project.slug])).status_code == 302

    def test_the_panel_is_for_leads_and_admins(self, client, few):
        codes = {
            role: get(client, user, "evaluation:stage-panel", few, 0).status_code
            for role, user in people(few).items()
        }
        assert codes == {"expert": 403, "lead": 200, "admin": 200}

    def test_only_an_admin_resumes_and_cancels(self, client, few):
        for name in ("evaluation:resume-scoring", "evaluation:cancel-scoring"):
            client.force_login(few.lead)
            assert client.post(reverse(name, args=[few.project.slug, 0])).status_code == 403
            assert client.get(reverse(name, args=[few.project.slug, 0])).status_code == 405


class TestReportPage:
    def test_shows_the_papers_numbers(self, client, paper):
        page = get(client, paper.admin, "evaluation:report", paper).content.decode()
        for figure in ("27 %", "12 %", "6 %", "58 %", "85 %", "0.52", "0.57", "−21 pp"):
            assert figure in page
        assert "not significant" in page
        assert "round of its own" in page

    def test_says_that_a_stage_is_in_progress(self, client, team):
        make_labeled_stage(team.project, [ALIGNED] * 3)
        make_labeled_stage(team.project, [ALIGNED] * 3, final=False)
        assert "In progress" in get(client, team.lead, "evaluation:report", team).content.decode()

    def test_shows_the_banner_where_it_rests_on_simulation(self, client, team):
        make_paper_stages(team, simulated=True)
        page = get(client, team.lead, "evaluation:report", team).content.decode()
        assert 'class="simulated"' in page

    def test_shows_no_banner_where_people_rated(self, client, paper):
        assert 'class="simulated"' not in get(client, paper.lead, "evaluation:report", paper).content.decode()

    def test_of_a_new_project_says_what_is_missing(self, client, team):
        assert "Nothing to report yet" in get(client, team.lead, "evaluation:report", team).content.decode()

    def test_offers_the_export_to_admins_alone(self, client, paper):
        link = reverse("evaluation:export", args=[paper.project.slug])
        assert link in get(client, paper.admin, "evaluation:report", paper).content.decode()
        assert link not in get(client, paper.lead, "evaluation:report", paper).content.decode()

    def test_answers_from_the_kept_copy_in_a_few_queries(self, client, paper, django_assert_max_num_queries):
        client.force_login(paper.lead)
        with django_assert_max_num_queries(12):
            client.get(reverse("evaluation:report", args=[paper.project.slug]))

    def test_waits_for_the_worker_where_the_project_is_large(self, client, team, monkeypatch):
        make_labeled_stage(team.project, [ALIGNED] * 3)
        monkeypatch.setattr(keeping, "SMALL", 2)
        page = get(client, team.lead, "evaluation:report", team).content.decode()
        assert "being computed" in page
        assert 'hx-trigger="every 3s"' in page
        assert get(client, team.lead, "evaluation:report-json", team).status_code == 503
        assert "being drawn" in get(client, team.lead, "evaluation:figure", team).content.decode()
        keep_report(team.project.pk, now=NOW)
        assert "Stage by stage" in get(client, team.lead, "evaluation:report", team).content.decode()


class TestReportJson:
    def test_is_the_report(self, client, paper):
        body = json.loads(get(client, paper.lead, "evaluation:report-json", paper).content)
        assert body["slug"] == paper.project.slug
        assert [stage["misaligned"]["value"] for stage in body["stages"]] == [0.27, 0.12, 0.06]


class TestFigures:
    def test_come_as_a_fragment_in_the_pages_colours(self, client, few):
        html = get(
            client, few.lead, "evaluation:figure", few, headers={"hx-request": "true"}
        ).content.decode()
        assert html.lstrip().startswith('<div id="report-figures"')
        assert "currentColor" in html and "var(--likert-4)" in html
        assert "style=" not in html
        assert "Share of responses by cosine" in html

    def test_stand_on_a_page_of_their_own_without_script(self, client, few):
        assert b"<!doctype html>" in get(client, few.lead, "evaluation:figure", few).content

    def test_can_be_taken_away_as_files(self, client, few):
        answer = get(client, few.lead, "evaluation:figure-file", few, "cosines")
        assert answer["Content-Type"] == "image/svg+xml"
        assert answer.content.startswith(b"<svg")
        assert b"var(" not in answer.content

    def test_that_could_not_be_drawn_say_so_and_leave_the_others(self, client, few):
        keep_report(few.project.pk, now=NOW)
        kept = few.project.kept_report
        kept.figures[0]["svg"] = ""
        kept.save()
        page = get(client, few.lead, "evaluation:figure", few).text
        assert page.count("This figure could not be drawn") == 1
        assert page.count("<svg role") == len(kept.figures) - 1
        assert get(client, few.lead, "evaluation:figure-file", few, "cosines").status_code == 404

    def test_that_do_not_exist_are_not_found(self, client, few):
        assert get(client, few.lead, "evaluation:figure-file", few, "nothing").status_code == 404


class TestStagePanel:
    def panel(self, client, team, user=None):
        client.force_login(user or team.admin)
        return client.get(
            reverse("evaluation:stage-panel", args=[team.project.slug, 0]), headers={"hx-request": "true"}
        ).content.decode()

    def test_shows_the_mean_the_share_and_refusals_once_all_is_scored(self, client, team):
        score_stage(make_labeled_stage(team.project, [ALIGNED] * 4), [0.1, 0.6, 0.7, 0.8], refusals=[0])
        html = self.panel(client, team)
        assert html.startswith('<section class="panel" id="evaluation-panel"')
        for text in ("0.55", "75 % of 4 responses", "1, mean cosine 0.10", "0.70"):
            assert text in html
        assert "hx-trigger" not in html

    def test_polls_while_a_run_is_active(self, client, team):
        stage = make_labeled_stage(team.project, [ALIGNED] * 4)
        ScoringRun.objects.create(stage=stage, status=Job.Status.RUNNING, total=4, done=1, created_at=NOW)
        html = self.panel(client, team)
        assert 'hx-trigger="every 2s"' in html
        assert "<strong>1</strong> of 4" in html

    def test_says_why_a_run_failed_and_lets_an_admin_resume_it(self, client, team):
        stage = make_labeled_stage(team.project, [ALIGNED] * 4)
        run = ScoringRun.objects.create(
            stage=stage, status=Job.Status.FAILED, **as_fields(told("No memory left.")), created_at=NOW
        )
        assert "No memory left." in self.panel(client, team)
        assert "Compute again" not in self.panel(client, team, team.lead)
        client.force_login(team.admin)
        answer = client.post(reverse("evaluation:resume-scoring", args=[team.project.slug, 0]))
        assert answer.status_code == 302
        run.refresh_from_db()
        assert (run.status, run.reason) == (Job.Status.QUEUED, "")

    def test_shows_the_attempts_of_a_run_that_needed_several(self, client, team):
        run = ScoringRun.objects.create(stage=make_labeled_stage(team.project, [ALIGNED] * 4), created_at=NOW)
        assert "Attempts" not in self.panel(client, team)
        claimed(run).give_back(reason("killed", signal="SIGKILL"))
        run.refresh_from_db()
        claimed(run)
        assert "Given back. The process was ended by SIGKILL." in self.panel(client, team)

    def test_refuses_to_resume_what_has_not_ended(self, client, team):
        stage = make_labeled_stage(team.project, [ALIGNED] * 4)
        run = ScoringRun.objects.create(stage=stage, status=Job.Status.RUNNING, attempt=1, created_at=NOW)
        client.force_login(team.admin)
        assert (
            client.post(reverse("evaluation:resume-scoring", args=[team.project.slug, 0])).status_code == 409
        )
        run.refresh_from_db()
        assert run.status == Job.Status.RUNNING

    def test_cancels_a_queued_run_at_once(self, client, team):
        stage = make_labeled_stage(team.project, [ALIGNED] * 4)
        run = ScoringRun.objects.create(stage=stage, created_at=NOW)
        client.force_login(team.admin)
        client.post(
            reverse("evaluation:cancel-scoring", args=[team.project.slug, 0]), headers={"hx-request": "true"}
        )
        run.refresh_from_db()
        assert run.status == Job.Status.CANCELED

    def test_of_an_unknown_stage_is_not_found(self, client, team):
        assert get(client, team.admin, "evaluation:stage-panel", team, 4).status_code == 404


class TestKeepReport:
    def test_stores_the_report_and_its_figures_under_its_fingerprint(self, paper):
        kept = KeptReport.objects.get(project=paper.project)
        assert kept.fingerprint == fingerprint(paper.project)
        assert len(kept.figures) == 4
        assert report_body(paper.project) == kept.body
        assert report_figures(paper.project) == kept.figures

    def test_does_nothing_the_second_time(self, paper):
        assert keep_report(paper.project.pk, now=NOW) is False

    def test_is_due_again_when_the_project_moves_on(self, paper):
        assert stale_projects(now=NOW) == []
        make_labeled_stage(paper.project, [ALIGNED] * 3)
        assert stale_projects(now=NOW) == [paper.project.pk]
        assert len(report_body(paper.project)["stages"]) == 4

    def test_leaves_a_report_to_the_worker_that_claimed_it_first(self, team):
        make_labeled_stage(team.project, [ALIGNED] * 3)
        KeptReport.objects.create(project=team.project, claimed=fingerprint(team.project), claimed_at=NOW)
        assert stale_projects(now=NOW) == []
        assert keep_report(team.project.pk, now=NOW) is False
        later = NOW + keeping.CLAIM
        assert stale_projects(now=later) == [team.project.pk]
        assert keep_report(team.project.pk, now=later) is True

    def test_is_not_due_without_final_labels(self, team):
        make_labeled_stage(team.project, [ALIGNED] * 3, final=False)
        assert stale_projects(now=NOW) == []


class TestReportCommand:
    def lines(self, **options):
        out = StringIO()
        call_command("report", stdout=out, **options)
        return out.getvalue().splitlines()

    def test_prints_an_aligned_table(self, paper):
        lines = self.lines(project=paper.project.slug)
        head = next(line for line in lines if "Base" in line and "Stage 2" in line)
        misaligned = next(line for line in lines if line.startswith("  Misaligned"))
        assert [cell.split()[0] for cell in re.findall(r"\d+ % \[", misaligned)] == ["27", "12", "6"]
        # The figures end where their column's title ends.
        assert [head.index("Base") + 4, len(head)] == [misaligned.index("]") + 1, len(misaligned)]
        assert any("not significant" in line for line in lines)

    def test_prints_json(self, paper):
        body = json.loads("\n".join(self.lines(project=paper.project.slug, as_json=True)))
        assert body["stages"][1]["aligned"]["value"] == 0.73

    def test_takes_the_newest_project(self, paper):
        assert self.lines()[0].startswith(paper.project.name)

    def test_says_where_ratings_are_simulated(self, team):
        make_paper_stages(team, simulated=True)
        assert any(line.startswith("SIMULATED") for line in self.lines())

    def test_says_which_projects_there_are(self, paper):
        with pytest.raises(CommandError, match=paper.project.slug):
            call_command("report", project="nowhere")

    def test_says_so_without_any_project(self):
        with pytest.raises(CommandError, match="no project yet"):
            call_command("report")
