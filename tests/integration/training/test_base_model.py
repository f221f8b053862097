"""Which model a project begins with: its own choice, else that of the settings."""

import pytest
from django.urls import reverse

from core.closing import copy_project
from core.errors import Conflict, InvalidInput, NotAllowed
from core.models import Project
from core.projects import base_location
from tests.factories.annotation import make_prompts
from tests.factories.core import NOW, make_project
from training.base_model import choose_base_model
from training.generation import open_base_stage

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project()


def choose(team, location, **fields):
    choose_base_model(project=team.project, location=location, by=team.admin, now=NOW, **fields)


class TestChooseBaseModel:
    def test_is_that_of_the_settings_unless_chosen(self, team, settings):
        assert base_location(team.project) == settings.BASE_MODEL
        choose(team, " owner/some-model ")
        project = Project.objects.get(pk=team.project.pk)
        assert base_location(project) == "owner/some-model"
        copy = copy_project(project=project, name="A copy", with_people=False, by=team.admin, now=NOW)
        assert base_location(Project.objects.get(pk=copy.pk)) == "owner/some-model"
        choose(team, "")
        assert base_location(team.project) == settings.BASE_MODEL

    @pytest.mark.parametrize("location", ["a b", "owner/../other", "../x", "a/b/c", "x" * 301, "package:"])
    def test_refuses_what_names_no_model(self, team, location):
        with pytest.raises(InvalidInput):
            choose(team, location)

    def test_takes_a_folder_from_an_admin_of_the_site_alone(self, team):
        with pytest.raises(NotAllowed):
            choose(team, "/srv/models/mine")
        team.admin.is_staff = True
        choose(team, "/srv/models/mine")
        assert team.project.base_model == "/srv/models/mine"

    def test_stays_once_it_answers(self, client, team):
        choose(team, "owner/some-model")
        make_prompts(team.project)
        client.force_login(team.admin)
        assert "owner/some-model" in client.get(reverse("training:generate", args=[team.project.slug])).text
        stage = open_base_stage(project=team.project, by=team.admin, now=NOW)
        assert stage.model_version.location == "owner/some-model"
        with pytest.raises(Conflict):
            choose(team, "")


class TestItsPage:
    def test_chooses_and_says_what_is_wrong(self, client, team):
        client.force_login(team.admin)
        page = reverse("training:base-model", args=[team.project.slug])
        refused = client.post(page, {"location": "no model"})
        assert (refused.status_code, "This names no model" in refused.text) == (422, True)
        assert client.post(page, {"location": "owner/some-model"}).status_code == 302
        assert "owner/some-model" in client.get(page).text
