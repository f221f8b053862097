"""Guessing at passwords: counted before one is looked at, over all processes, and not in the way of others for long."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import BasePasswordHasher
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from core import signing_in
from core.models import Guess
from core.signing_in import OF_ACCOUNT_ANYWHERE, OF_ACCOUNT_HERE, OF_ADDRESS, address_of, forget_old_guesses
from tests.browsing import PASSWORD
from tests.factories.core import make_user

pytestmark = pytest.mark.django_db


def attempt(username, password="a guess", *, address="192.0.2.1", client=None):
    client = client or Client()
    return client.post(reverse("login"), {"username": username, "password": password}, REMOTE_ADDR=address)


def fail(count, username, address="192.0.2.1"):
    for _ in range(count):
        assert attempt(username, address=address).status_code == 200


class TestGuesses:
    def test_at_an_account_end_for_the_address_and_say_until_when(self, caplog):
        make_user("noor")
        fail(OF_ACCOUNT_HERE.guesses, "noor")
        refused = attempt("NOOR", PASSWORD)
        assert refused.status_code == 429
        assert 0 < int(refused["Retry-After"]) <= 15 * 60
        assert "before" in refused.content.decode() and "min)" in refused.content.decode()
        assert "noor" in caplog.text and "192.0.2.1" in caplog.text
        # Its person comes in from elsewhere, at once.
        assert attempt("noor", PASSWORD, address="192.0.2.2").status_code == 302

    def test_are_allowed_again_after_a_time(self):
        make_user("noor")
        fail(OF_ACCOUNT_HERE.guesses, "noor")
        Guess.objects.update(since=timezone.now() - OF_ACCOUNT_HERE.within)
        assert attempt("noor", PASSWORD).status_code == 302

    def test_of_an_address_end_whatever_the_accounts(self):
        for number in range(OF_ADDRESS.guesses):
            fail(1, f"nobody-{number}")
        assert attempt("nobody").status_code == 429
        assert attempt("nobody", address="192.0.2.2").status_code == 200

    def test_from_many_addresses_keep_nobody_out_who_signed_in_here_before(self):
        make_user("noor")
        known = Client()
        assert attempt("noor", PASSWORD, address="198.51.100.1", client=known).status_code == 302
        known.post(reverse("logout"))
        for number in range(OF_ACCOUNT_ANYWHERE.guesses):
            fail(1, "noor", address=f"203.0.113.{number}")
        assert attempt("noor", PASSWORD, address="198.51.100.2").status_code == 429
        assert attempt("noor", PASSWORD, address="198.51.100.2", client=known).status_code == 302
        assert OF_ACCOUNT_ANYWHERE.within <= timedelta(minutes=5)

    def test_with_a_mark_of_ones_own_count_as_anybody_elses(self):
        make_user("noor"), make_user("mallory")
        thief = Client()
        attempt("mallory", PASSWORD, client=thief)
        thief.post(reverse("logout"))
        for _ in range(OF_ACCOUNT_HERE.guesses):
            attempt("noor", client=thief)
        assert attempt("noor", client=thief).status_code == 429

    def test_that_are_right_cost_nothing(self):
        make_user("noor")
        for _ in range(OF_ACCOUNT_HERE.guesses + 2):
            assert attempt("noor", PASSWORD).status_code == 302
        assert set(Guess.objects.values_list("count", flat=True)) == {0}

    def test_are_forgotten_after_a_day(self):
        fail(1, "noor")
        forget_old_guesses(now=timezone.now() + timedelta(hours=23))
        assert Guess.objects.exists()
        forget_old_guesses(now=timezone.now() + timedelta(hours=25))
        assert not Guess.objects.exists()

    @pytest.mark.parametrize("name", ["", "x" * 151, "a\x00b", "\u200b"])
    def test_take_any_name(self, name):
        assert attempt(name).status_code == 200

    @pytest.mark.django_db(transaction=True)
    def test_that_come_at_once_are_counted_exactly(self, aside):
        now = timezone.now()
        allowance = signing_in.Allowance(5, timedelta(minutes=1))
        counted = [aside(lambda: signing_in._count("key", allowance, now)) for _ in range(12)]
        assert sum(each.result(30) for each in counted) == 5


class Slow(BasePasswordHasher):
    """Looks at a password until the test lets it go on."""

    algorithm = "slow"
    begun, go_on, at_once, most = threading.Event(), threading.Event(), 0, 0

    def salt(self):
        return "salt"

    def encode(self, password, salt):
        return f"slow${salt}${password}"

    def verify(self, password, encoded):
        cls = type(self)
        cls.at_once += 1
        cls.most = max(cls.most, cls.at_once)
        cls.begun.set()
        assert cls.go_on.wait(30)
        cls.at_once -= 1
        return encoded == self.encode(password, "salt")

    def must_update(self, encoded):
        return False

    def harden_runtime(self, password, encoded):
        pass


class TestLookingAtPasswords:
    @pytest.mark.django_db(transaction=True)
    def test_leaves_the_threads_to_others(self, aside, settings):
        settings.PASSWORD_HASHERS = [f"{__name__}.Slow"]
        make_user("noor")
        guesses = [aside(lambda n=n: attempt("noor", address=f"192.0.2.{n}").status_code) for n in range(8)]
        assert Slow.begun.wait(30)
        # All but the one that is looked at and the one that waits are answered at once.
        while sum(guess.done() for guess in guesses) < 6:
            threading.Event().wait(0.01)
        assert Client().get(reverse("login")).status_code == 200
        Slow.go_on.set()
        statuses = sorted(guess.result(30) for guess in guesses)
        assert statuses == [200, 200, *[503] * 6]
        assert Slow.most == 1


class TestAddressOf:
    @pytest.mark.parametrize(
        ("proxies", "passed", "found"),
        [
            (0, "203.0.113.7", "192.0.2.1"),
            (1, "", "192.0.2.1"),
            (1, "198.51.100.9, 203.0.113.7", "203.0.113.7"),
            (2, "198.51.100.9, 203.0.113.7", "198.51.100.9"),
            (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            (1, "::ffff:203.0.113.7", "203.0.113.7"),
            (1, "unknown", "unknown"),
        ],
    )
    def test_believes_as_many_proxies_as_there_are(self, settings, proxies, passed, found):
        settings.PROXIES = proxies
        request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=passed)
        assert address_of(request) == found
