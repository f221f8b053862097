"""Accounts: how people come in and out, what they change themselves, and what an admin of the site does for them."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core import accounts
from core.errors import Conflict, InvalidInput
from core.models import AuditEvent, Session, User
from tests.browsing import PASSWORD
from tests.factories.core import NOW, make_project, make_user
from tests.interleaving import on_row_locks, outcome_after

pytestmark = pytest.mark.django_db
NEW = "four words and space "


@pytest.fixture
def boss():
    return make_user("boss", is_staff=True)


@pytest.fixture
def site(client, boss):
    client.force_login(boss)
    return client


def create(username, **more):
    return accounts.create_account(username=username, **({"password": PASSWORD} | more), by=None, now=NOW)


def enters(username, password):
    return Client().post(reverse("login"), {"username": username, "password": password}).status_code == 302


class TestCreateAccount:
    def test_makes_someone_who_can_sign_in(self):
        person = create("noor", full_name="Noor van den Berg")
        assert str(person) == "Noor van den Berg"
        assert enters("noor", PASSWORD)
        assert AuditEvent.objects.filter(verb="account:create", target_id=person.pk).exists()

    @pytest.mark.parametrize("twin", ["noor", "NOOR", "Ｎｏｏｒ", "no\u200bor"])
    def test_refuses_a_username_that_differs_in_nothing_one_would_see(self, twin):
        create("Noor")
        with pytest.raises(Conflict, match="account “Noor”"):
            create(twin)
        assert User.objects.count() == 1

    def test_refuses_an_address_that_somebody_has(self):
        create("noor", email="Noor@example.org")
        create("ana"), create("ben")  # without one, nobody stands in another's way
        with pytest.raises(Conflict, match="“noor” has this e-mail"):
            create("mia", email="nOOR@Example.ORG")

    @pytest.mark.parametrize("name", ["\u200b\u200b", "ﷺ" * 150])
    def test_refuses_a_username_that_nobody_could_read(self, name):
        with pytest.raises(InvalidInput, match="another username"):
            create(name)


class TestSigningInByName:
    @pytest.mark.parametrize("said", ["straße", "STRASSE", "Ｓtraße"])
    def test_asks_neither_case_nor_form(self, said):
        create("Straße")
        assert enters(said, PASSWORD)

    def test_takes_a_password_as_it_was_typed(self):
        create("noor", password=NEW)
        assert enters("noor", NEW) and not enters("noor", NEW.strip())

    def test_finds_each_of_two_from_before_by_their_own_spelling(self):
        one, two = create("anna"), create("bea")
        two.username = "Anna"
        User.objects.filter(pk=two.pk).update(username="Anna", username_key=f"anna#{two.pk}")
        assert User.objects.get_by_natural_key("anna") == one
        assert User.objects.get_by_natural_key("Anna") == two
        assert User.objects.get_by_natural_key("ANNA") == one
        two = User.objects.get(pk=two.pk)
        two.save()
        assert two.username_key == f"anna#{two.pk}"


class TestALink:
    @pytest.fixture
    def person(self):
        return create("noor", password=None)

    def link(self, person):
        return reverse("password-link", args=accounts.make_link(person=person, by=None, now=NOW))

    def test_lets_its_person_choose_a_password_once(self, client, person):
        link = self.link(person)
        assert "noor" in client.get(link).content.decode()
        assert client.post(link, {"new_password1": NEW, "new_password2": "other"}).status_code == 422
        assert client.post(link, {"new_password1": "short", "new_password2": "short"}).status_code == 422
        answer = client.post(link, {"new_password1": NEW, "new_password2": NEW}, follow=True)
        assert answer.context["user"] == person
        assert enters("noor", NEW)
        assert client.get(link).status_code == 404

    def test_holds_for_three_days(self, client, person, monkeypatch):
        from datetime import datetime

        link = self.link(person)
        generator = accounts.default_token_generator
        for days, status in ((2, 200), (4, 404)):
            later = datetime.now() + timedelta(days=days)
            monkeypatch.setattr(generator, "_now", lambda later=later: later)
            assert client.get(link).status_code == status

    def test_ends_with_the_next_one_and_with_the_account(self, client, person):
        first, second = self.link(person), self.link(person)
        assert [client.get(link).status_code for link in (first, second)] == [404, 200]
        accounts.switch_off(person=person, by=None, now=NOW)
        assert client.get(second).status_code == 404
        with pytest.raises(Conflict, match="switch the account on"):
            self.link(person)

    def test_that_was_made_up_is_none(self, client):
        for uid, token in (("MQ", "x-y"), ("é", "é"), ("%00", "a"), ("99999999999999999999999", "a")):
            assert client.get(reverse("password-link", args=[uid, token])).status_code == 404

    def test_resets_a_password_and_signs_out_everywhere(self, client):
        person = create("mia")
        client.force_login(person)
        link = self.link(person)
        Client().post(link, {"new_password1": NEW, "new_password2": NEW})
        assert client.get(reverse("project-list")).status_code == 302
        assert not enters("mia", PASSWORD) and enters("mia", NEW)


class TestSwitchingOff:
    def test_ends_sessions_and_lets_nobody_in_until_it_is_on_again(self, site, boss):
        person, browser = create("noor"), Client()
        browser.force_login(person)
        site.post(reverse("account-act", args=[person.pk, "off"]))
        assert browser.get(reverse("project-list")).status_code == 302
        assert not Session.objects.filter(user=person).exists() and not enters("noor", PASSWORD)
        site.post(reverse("account-act", args=[person.pk, "on"]))
        assert enters("noor", PASSWORD)
        verbs = AuditEvent.objects.filter(target_id=person.pk, actor=boss).values_list("verb", flat=True)
        assert list(verbs) == ["account:off", "account:on"]

    def test_leaves_every_project_an_admin(self, site):
        team = make_project()
        said = site.post(reverse("account-act", args=[team.admin.pk, "off"]), follow=True).content.decode()
        assert "make someone else admin first" in said
        team.admin.refresh_from_db()
        assert team.admin.is_active

    def test_leaves_the_site_an_admin(self, boss):
        other = make_user(is_staff=True)
        with pytest.raises(Conflict, match="your own account"):
            accounts.switch_off(person=boss, by=boss, now=NOW)
        accounts.switch_off(person=other, by=boss, now=NOW)
        with pytest.raises(Conflict, match="The site needs an admin"):
            accounts.unmake_site_admin(person=boss, by=boss, now=NOW)


class TestTwoSiteAdmins:
    pytestmark = [pytest.mark.django_db(transaction=True), on_row_locks]

    def test_who_take_each_other_out_at_once_leave_one(self, aside):
        one, two = make_user(is_staff=True), make_user(is_staff=True)
        refused = outcome_after(
            aside,
            lambda: accounts.switch_off(person=two, by=one, now=NOW),
            lambda: accounts.switch_off(person=one, by=two, now=NOW),
        )
        assert isinstance(refused, Conflict)
        assert User.objects.get(is_staff=True, is_active=True) == one


class TestTheSitesPages:
    def test_are_for_admins_of_the_site(self, client, site, boss):
        person = create("noor", email="noor@example.org")
        found = site.get(reverse("account-list"), {"q": "NOOR@ex"}).content.decode()
        assert "noor" in found and "never" in found and "boss</a>" not in found
        create("elin", full_name="Élin Ångström")
        for asked in ("ELIN ang", "élin", "ÅNGSTRÖM"):
            assert "ngström" in site.get(reverse("account-list"), {"q": asked}).content.decode()
        client.force_login(person)
        assert client.get(reverse("account-list")).status_code == 403

    def test_invite_by_a_link_that_is_shown_once(self, site):
        answer = site.post(
            reverse("account-invite"), {"username": "noor", "full_name": "Noor Berg", "email": ""}
        )
        link = answer.context["link"]
        assert link.startswith("http://testserver/welcome/") and link in answer.content.decode()
        assert Client().get(link.removeprefix("http://testserver")).status_code == 200
        person = User.objects.get(username="noor")
        assert "no password yet" in site.get(reverse("account-detail", args=[person.pk])).content.decode()
        again = site.post(reverse("account-invite"), {"username": "Noor"})
        assert again.status_code == 422 and "already an account" in again.content.decode()

    def test_send_the_link_where_there_is_mail(self, site, settings):
        settings.EMAIL_HOST = "mail.example.org"
        person = create("noor", email="noor@example.org")
        answer = site.post(reverse("account-link", args=[person.pk]))
        (sent,) = mail.outbox
        assert sent.to == ["noor@example.org"] and "/welcome/" in sent.body
        assert "/welcome/" not in answer.content.decode() and "noor@example.org" in answer.content.decode()

    def test_show_the_link_where_the_mail_does_not_go_out(self, site, settings):
        settings.EMAIL_BACKEND, settings.EMAIL_HOST = (
            "django.core.mail.backends.smtp.EmailBackend",
            "127.0.0.1",
        )
        settings.EMAIL_PORT = 9
        person = create("noor", email="noor@example.org")
        assert site.post(reverse("account-link", args=[person.pk])).context["link"]

    def test_make_another_admin_of_the_site(self, site):
        person = create("noor")
        site.post(reverse("account-act", args=[person.pk, "admin"]))
        person.refresh_from_db()
        assert person.is_staff
        assert site.post(reverse("account-act", args=[person.pk, "other"])).status_code == 404


class TestOnesOwn:
    @pytest.fixture
    def person(self, client):
        person = create("noor")
        client.force_login(person)
        return person

    def test_name_address_and_zone_are_changed_by_oneself(self, client, person):
        told = {"full_name": "Noor Berg", "email": "noor@example.org", "time_zone": "Pacific/Auckland"}
        client.post(reverse("account"), told)
        person.refresh_from_db()
        assert (str(person), person.email, person.time_zone) == tuple(told.values())
        assert person.email_key == "noor@example.org"
        assert "Pacific/Auckland, where it is" in client.get(reverse("account")).content.decode()

    def test_address_of_another_is_refused(self, client, person):
        create("mia", email="mia@example.org")
        answer = client.post(reverse("account"), {"full_name": "Noor", "email": "MIA@example.org"})
        assert answer.status_code == 422 and "“mia” has this" in answer.content.decode()
        assert "Noor" in answer.content.decode()

    def test_password_keeps_this_session_and_ends_the_others(self, client, person):
        other = Client()
        other.force_login(person)
        form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        client.post(reverse("password-change"), form)
        assert client.get(reverse("account")).status_code == 200
        assert other.get(reverse("account")).status_code == 302
        assert enters("noor", NEW)

    def test_sessions_elsewhere_are_ended_at_a_word(self, client, person):
        other = Client()
        other.force_login(person)
        client.post(reverse("sign-out-elsewhere"))
        assert client.get(reverse("account")).status_code == 200
        assert other.get(reverse("account")).status_code == 302


class TestLastSeen:
    def test_is_noted_every_ten_minutes(self, client):
        person = create("noor")
        client.force_login(person)
        for before, noted in ((None, True), (timedelta(minutes=5), False), (timedelta(minutes=15), True)):
            then = before and timezone.now() - before
            User.objects.filter(pk=person.pk).update(last_seen_at=then)
            client.get(reverse("account"))
            person.refresh_from_db()
            assert (person.last_seen_at != then) == noted


class TestSetup:
    def test_of_a_project_invites_by_link_as_well(self, client):
        team = make_project()
        client.force_login(team.admin)
        sent = {
            "account-username": "noor",
            "account-full_name": "",
            "account-password": "",
            "account-role": "expert",
        }
        answer = client.post(reverse("setup-account", args=[team.project.slug]), sent)
        assert "/welcome/" in answer.context["link"]
        assert team.project.memberships.filter(user__username="noor", role="expert").exists()

    def test_finds_people_whatever_the_case(self, client):
        team, person = make_project(), create("Noor")
        client.force_login(team.admin)
        sent = {"member-username": "nOOR", "member-role": "lead"}
        client.post(reverse("setup-member-add", args=[team.project.slug]), sent)
        assert team.project.memberships.filter(user=person, role="lead").exists()
