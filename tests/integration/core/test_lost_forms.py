"""A form that comes too late: the session is over, or somebody has signed in since its page was opened."""

import pytest
from django.test import Client
from django.urls import reverse

from core.access import page_at
from tests.browsing import PASSWORD
from tests.factories.core import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return make_project(name="Garden advice")


class TestPageAt:
    @pytest.mark.parametrize(
        ("form", "page"),
        [
            (("annotation:submit", 5), ("annotation:rate",)),
            (("annotation:decline", 5), ("annotation:decline", 5)),
            (("arbitration:resolve", 5), ("arbitration:case", 5)),
            (("arbitration:claim-next",), ("arbitration:queue",)),
            (("setup-member-remove", 5), ("project-setup",)),
        ],
    )
    def test_is_the_address_or_the_nearest_page_above(self, form, page):
        def at(name, *args):
            return reverse(name, args=["garden", *args])

        assert page_at(at(*form)) == at(*page)

    @pytest.mark.parametrize(
        ("address", "page"),
        [
            ("/projects/garden/?reason=axis&page=2", "/projects/garden/?reason=axis&page=2"),
            ("/nowhere/at/all/", "/"),
            ("https://elsewhere.example/projects/", "/projects/"),
            ("//elsewhere.example//x", "/"),
            ("https://here.example//elsewhere.example/x", "/"),
            ("", ""),
        ],
    )
    def test_names_no_other_host(self, address, page):
        assert page_at(address) == page


class TestASignInAfterAForm:
    def test_leads_back_to_the_page_that_the_form_stood_on(self, client, team):
        setup = reverse("project-setup", args=[team.project.slug])
        answer = client.post(
            reverse("setup-guidelines", args=[team.project.slug]),
            headers={"Referer": f"http://testserver{setup}"},
        )
        assert answer["Location"] == f"/login/?next={setup}"

    @pytest.mark.parametrize("sent_from", ["", "https://elsewhere.example/x/", "no address"])
    def test_leads_to_the_page_above_it_where_none_is_told(self, client, team, sent_from):
        submit = reverse("annotation:submit", args=[team.project.slug, 7])
        answer = client.post(submit, headers={"Referer": sent_from, "HX-Request": "true"})
        assert answer["Location"] == f"/login/?next={reverse('annotation:rate', args=[team.project.slug])}"

    def test_leads_to_a_page_also_from_one_that_answered_a_form(self, client, team):
        rubric = reverse("setup-rubric", args=[team.project.slug])
        answer = client.post(rubric, headers={"Referer": f"http://testserver{rubric}"})
        setup = reverse("project-setup", args=[team.project.slug])
        assert answer["Location"] == f"/login/?next={setup}"
        form = {"username": team.admin.username, "password": PASSWORD, "next": rubric}
        team.admin.set_password(PASSWORD)
        team.admin.save()
        assert client.post("/login/", form)["Location"] == setup


class TestALostToken:
    @pytest.fixture
    def client(self, team):
        client = Client(enforce_csrf_checks=True)
        client.force_login(team.admin)
        return client

    def send(self, client, team, **headers):
        address = reverse("setup-guidelines", args=[team.project.slug])
        form = {"guidelines": "Half an hour of <thought>.\nAnd more.", "csrfmiddlewaretoken": "x" * 64}
        return client.post(address, form, headers=headers)

    def test_is_told_to_scripts_and_shows_what_was_sent(self, client, team):
        answer = self.send(client, team)
        page = answer.content.decode()
        assert (answer.status_code, answer["Form-Token"]) == (403, "lost")
        assert "Half an hour of &lt;thought&gt;." in page and "data-message" in page
        assert "Send it again" not in page

    def test_offers_a_form_of_our_own_to_be_sent_again(self, client, team):
        client.get("/here/")
        page = self.send(client, team, Origin="http://testserver").content.decode()
        assert f"Send it again as {team.admin}" in page
        assert "<textarea" in page and 'name="guidelines"' in page

    def test_never_offers_what_came_from_elsewhere(self, client, team):
        page = self.send(client, team, Origin="https://elsewhere.example").content.decode()
        assert "Send it again" not in page

    def test_is_mended_by_a_fresh_one(self, client, team):
        found = client.get("/here/").json()
        assert found["account"] == team.admin.pk
        address = reverse("setup-guidelines", args=[team.project.slug])
        answer = client.post(address, {"guidelines": "x"}, headers={"X-CSRFToken": found["token"]})
        assert answer.status_code == 302

    def test_is_nobodys_where_nobody_is_signed_in(self, db):
        assert Client().get("/here/").json()["account"] is None


class TestPages:
    def test_are_never_stored_by_the_browser(self, client, team):
        client.force_login(team.admin)
        for address in ("/login/", "/projects/", reverse("project-setup", args=[team.project.slug])):
            assert "no-store" in client.get(address)["Cache-Control"]


class TestTheCookie:
    """By which a browser lets go of what it kept of a form."""

    def send(self, client, team, address, **form):
        name = f"concord-kept|{team.admin.pk}|a form|x"
        answer = client.post(reverse(address, args=[team.project.slug]), form | {"kept": name})
        return answer.cookies["concord-taken"].value if "concord-taken" in answer.cookies else None

    def test_comes_with_what_was_taken_alone(self, client, team):
        guidelines = {"guidelines": "Be kind."}
        assert self.send(client, team, "setup-guidelines", **guidelines) is None  # to the sign-in
        client.force_login(team.admin)
        assert self.send(client, team, "setup-guidelines", **guidelines).startswith("concord-kept%7C")
        assert self.send(client, team, "setup-member-add", **{"member-username": "nobody"}) is None

    def test_does_not_come_with_a_warning(self, client, team):
        client.force_login(team.admin)
        only_admin = team.project.memberships.get(role="admin")
        address = reverse("setup-member-remove", args=[team.project.slug, only_admin.pk])
        answer = client.post(address, {"kept": "x"}, follow=False)
        assert answer.status_code == 302 and "concord-taken" not in answer.cookies
