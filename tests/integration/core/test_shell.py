import pytest
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory
from django.urls import reverse

from core.http import server_error
from core.models import Membership, ModelVersion, Project, Stage
from core.projects import add_member, create_project

pytestmark = pytest.mark.once  # on PostgreSQL the access matrix asks every page


@pytest.fixture
def stages(personas, now):
    """Base is complete, stage 1 is being rated."""
    project = personas.project
    shared = {"project": project, "policy": project.policy, "ratings_per_response": 3, "created_at": now}
    models = [
        ModelVersion.objects.create(project=project, name=name, created_at=now)
        for name in ("secret-base", "secret-1")
    ]
    return [
        Stage.objects.create(number=0, status=Stage.Status.COMPLETE, model_version=models[0], **shared),
        Stage.objects.create(number=1, status=Stage.Status.RATING, model_version=models[1], **shared),
    ]


class TestHome:
    def test_sends_a_guest_to_sign_in(self, client, db):
        assert client.get("/")["Location"] == "/login/?next=/"

    @pytest.mark.parametrize(
        ("who", "room"),
        [("admin", "project-detail"), ("lead", "arbitration:queue"), ("expert", "annotation:rate")],
    )
    def test_lands_a_member_of_one_project_at_their_work(self, client, personas, who, room):
        client.force_login(personas.experts[0] if who == "expert" else getattr(personas, who))

        assert client.get("/")["Location"] == reverse(room, args=[personas.project.slug])

    def test_shows_the_list_to_a_member_of_several(self, client, personas, now):
        other = create_project(name="Other", by=personas.admin, now=now)
        add_member(project=other, user=personas.lead, role=Membership.Role.LEAD, by=personas.admin, now=now)
        client.force_login(personas.lead)

        assert client.get("/")["Location"] == reverse("project-list")

    def test_shows_the_list_to_a_member_of_none(self, client, personas):
        client.force_login(personas.stranger)

        assert client.get("/")["Location"] == reverse("project-list")


class TestSignIn:
    def test_goes_on_to_where_one_was_headed(self, client, personas):
        from tests.browsing import PASSWORD

        answer = client.post("/login/", {"username": "admin-1", "password": PASSWORD, "next": "/projects/"})

        assert answer["Location"] == "/projects/"

    def test_says_that_the_password_is_wrong_and_keeps_the_name(self, client, personas):
        page = client.post("/login/", {"username": "admin-1", "password": "wrong"}).content.decode()

        assert "enter a correct username and password" in page
        assert 'value="admin-1"' in page

    def test_out_is_a_post(self, client, personas):
        client.force_login(personas.admin)

        assert client.get("/logout/").status_code == 405
        assert client.post("/logout/")["Location"] == "/login/"


class TestProjectList:
    def test_lists_ones_own_projects_only(self, client, personas, now):
        create_project(name="Somebody else’s", by=personas.stranger, now=now)
        client.force_login(personas.lead)

        page = client.get(reverse("project-list")).content.decode()

        assert "Test project" in page
        assert "Somebody else" not in page

    def test_tells_an_expert_nothing_of_stages(self, client, personas, stages):
        client.force_login(personas.experts[0])

        page = client.get(reverse("project-list")).content.decode()

        assert "Stage 1" not in page

    def test_asks_as_few_questions_for_many_projects(
        self, client, personas, now, django_assert_max_num_queries
    ):
        for number in range(12):
            create_project(name=f"Project {number}", by=personas.admin, now=now)
        client.force_login(personas.admin)

        with django_assert_max_num_queries(8):
            client.get(reverse("project-list"))


class TestProjectCreate:
    def test_makes_a_project_with_its_creator_as_admin(self, client, personas):
        client.force_login(personas.admin)

        answer = client.post(reverse("project-create"), {"name": "Garden advice", "guidelines": "Be kind."})

        project = Project.objects.get(slug="garden-advice")
        assert answer["Location"] == reverse("project-setup", args=["garden-advice"])
        assert project.memberships.get(user=personas.admin).role == Membership.Role.ADMIN
        assert project.policy.version == 1

    def test_says_that_a_name_is_taken_and_loses_nothing(self, client, personas):
        client.force_login(personas.admin)

        answer = client.post(
            reverse("project-create"), {"name": "Test project", "guidelines": "Precious words"}
        )

        page = answer.content.decode()
        assert answer.status_code == 422
        assert "choose another name" in page and "Precious words" in page

    @pytest.mark.parametrize("who", ["lead", "stranger"])
    def test_is_for_admins(self, client, personas, who):
        client.force_login(getattr(personas, who))

        assert client.post(reverse("project-create"), {"name": "Mine"}).status_code == 403
        assert not Project.objects.filter(name="Mine").exists()


class TestProjectDetail:
    def test_draws_the_loop_for_those_who_run_it(self, client, personas, stages):
        client.force_login(personas.admin)

        page = client.get(reverse("project-detail", args=[personas.project.slug])).content.decode()

        assert "secret-base" in page and "secret-1" in page
        assert "Stage 2" in page and "has final labels" in page

    def test_says_how_to_begin_before_there_is_a_stage(self, client, personas):
        client.force_login(personas.admin)

        page = client.get(reverse("project-detail", args=[personas.project.slug])).content.decode()

        assert "Before the first turn" in page

    def test_shows_an_expert_guidelines_and_neither_stage_nor_model(self, client, personas, stages):
        client.force_login(personas.experts[0])

        page = client.get(reverse("project-detail", args=[personas.project.slug])).content.decode()

        assert "Guidelines" in page
        assert "secret" not in page and "Stage" not in page and "Base" not in page

    def test_does_not_exist_for_strangers(self, client, personas):
        client.force_login(personas.stranger)

        assert client.get(reverse("project-detail", args=[personas.project.slug])).status_code == 404


class TestStageDetail:
    def test_loads_the_panel_of_each_room(self, client, personas, stages):
        client.force_login(personas.admin)

        page = client.get(reverse("stage-detail", args=[personas.project.slug, 1])).content.decode()

        for app in ("annotation", "arbitration", "training", "evaluation"):
            assert f'hx-get="{reverse(f"{app}:stage-panel", args=[personas.project.slug, 1])}"' in page

    def test_leads_to_its_neighbours(self, client, personas, stages):
        client.force_login(personas.lead)

        page = client.get(reverse("stage-detail", args=[personas.project.slug, 1])).content.decode()

        assert f'rel="prev" href="{reverse("stage-detail", args=[personas.project.slug, 0])}"' in page

    def test_is_closed_to_experts(self, client, personas, stages):
        client.force_login(personas.experts[0])

        answer = client.get(reverse("stage-detail", args=[personas.project.slug, 1]))

        assert answer.status_code == 403
        assert "secret" not in answer.content.decode()

    def test_knows_no_stage_that_has_not_begun(self, client, personas, stages):
        client.force_login(personas.admin)

        assert client.get(reverse("stage-detail", args=[personas.project.slug, 7])).status_code == 404


class TestTopBar:
    @pytest.mark.parametrize(
        ("who", "shown", "hidden"),
        [
            ("expert", ["Rate"], ["Arbitrate", "Stages", "Report"]),
            ("lead", ["Arbitrate", "Stages", "Report"], ["Rate"]),
            ("admin", ["Stages", "Report"], ["Rate", "Arbitrate"]),
        ],
    )
    def test_shows_each_role_its_workplaces(self, client, personas, who, shown, hidden):
        client.force_login(personas.experts[0] if who == "expert" else getattr(personas, who))

        page = client.get(reverse("project-detail", args=[personas.project.slug])).content.decode()

        bar = page[page.index("<header") : page.index("</header>")]
        places = bar[bar.index('aria-label="Workplaces"') : bar.index("topbar__end")]
        assert [name for name in shown if f">{name}</a>" not in places] == []
        assert [name for name in hidden if f">{name}</a>" in places] == []


class TestHeaders:
    def test_allow_no_inline_script_or_style(self, client, db):
        policy = client.get("/login/")["Content-Security-Policy"]

        assert "script-src 'self'" in policy and "style-src 'self'" in policy
        assert "unsafe" not in policy


class TestServerError:
    def answer(self, error):
        request = RequestFactory().get("/projects/x/?page=2")
        try:
            raise error
        except type(error):
            return server_error(request)

    @pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
    def test_says_that_the_database_is_away_and_where_to_try_again(self, error):
        answer = self.answer(error)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "The database does not answer just now" in answer.content.decode()
        assert 'href="/projects/x/?page=2"' in answer.content.decode()

    def test_takes_nothing_else_for_that(self):
        answer = self.answer(KeyError("x"))
        assert answer.status_code == 500
        assert "Something broke on our side" in answer.content.decode()
