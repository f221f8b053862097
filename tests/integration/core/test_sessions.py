"""Who asks, and what they may do: read at once, and kept for no longer than the request."""

import importlib

import pytest
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore as DjangosStore
from django.urls import reverse

from core.models import Membership, Session
from core.projects import add_member, remove_member


@pytest.fixture
def page(personas):
    return reverse("annotation:guidelines", args=[personas.project.slug])


class TestARequest:
    def test_asks_once_who_it_is_and_what_they_may_do(
        self, client, personas, page, now, django_assert_num_queries
    ):
        expert = personas.experts[0]
        add_member(project=personas.project, user=expert, role=Membership.Role.LEAD, by=None, now=now)
        client.force_login(expert)
        client.get(page)  # the text of the guidelines is kept from then on

        with django_assert_num_queries(1):
            answer = client.get(page)

        assert answer.status_code == 200
        assert answer.context["user"] == expert and answer.context["roles"] == {"expert", "lead"}


class TestAtOnceAnEnd:
    """Nothing is remembered past the request: what is taken away counts from the next one on."""

    def test_comes_with_signing_out_also_for_a_copied_cookie(self, client, personas, page):
        client.force_login(personas.experts[0])
        key = client.cookies["sessionid"].value
        client.post(reverse("logout"))
        client.cookies["sessionid"] = key

        assert client.get(page)["Location"].startswith(reverse("login"))
        assert not Session.objects.exists()

    def test_comes_with_the_last_role(self, client, personas, page, now):
        expert = personas.experts[0]
        client.force_login(expert)
        assert client.get(page).status_code == 200
        remove_member(
            project=personas.project, user=expert, role=Membership.Role.EXPERT, by=personas.admin, now=now
        )

        assert client.get(page).status_code == 404

    def test_comes_with_an_account_that_is_switched_off(self, client, personas, page):
        expert = personas.experts[0]
        client.force_login(expert)
        type(expert).objects.filter(pk=expert.pk).update(is_active=False)

        assert client.get(page)["Location"].startswith(reverse("login"))

    def test_comes_with_a_password_changed_elsewhere(self, client, personas, page):
        expert = personas.experts[0]
        client.force_login(expert)
        expert.set_password("another password altogether")
        expert.save()

        assert client.get(page)["Location"].startswith(reverse("login"))
        assert not Session.objects.exists()

    def test_comes_when_the_session_is_out_of_date(self, client, personas, page, now):
        client.force_login(personas.experts[0])
        Session.objects.update(expire_date=now)

        assert client.get(page)["Location"].startswith(reverse("login"))


class TestTheMove:
    def test_from_djangos_table_keeps_everybody_signed_in(self, client, personas, page):
        client.force_login(personas.experts[0])
        of_a_guest = DjangosStore()
        of_a_guest["seen"] = "the sign-in page"
        of_a_guest.create()
        before = Session.objects.get()
        DjangosStore.get_model_class().objects.create(
            session_key=before.pk, session_data=before.session_data, expire_date=before.expire_date
        )
        Session.objects.all().delete()
        move = importlib.import_module("core.migrations.0002_session")

        move.keep_everybody_signed_in(apps, None)

        assert client.get(page).status_code == 200
        assert Session.objects.get(pk=before.pk).user == personas.experts[0]
        assert Session.objects.get(pk=of_a_guest.session_key).user is None
        assert not DjangosStore.get_model_class().objects.exists()

    def test_takes_over_what_a_server_of_the_revision_before_still_writes(self, client, personas, page):
        expert = personas.experts[0]
        former = DjangosStore()
        former["_auth_user_id"] = str(expert.pk)
        former["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        former["_auth_user_hash"] = expert.get_session_auth_hash()
        former.create()
        client.cookies["sessionid"] = former.session_key

        assert [client.get(page).status_code for _ in range(2)] == [200, 200]
        assert Session.objects.get(pk=former.session_key).user == expert
        assert not DjangosStore.get_model_class().objects.exists()
