"""The demo's accounts have a password that everybody knows: on this machine alone."""

from io import StringIO

import pytest
from django.core.management import call_command

from core.models import User
from evaluation.demo import ACCOUNTS, PASSWORD
from tests.factories.core import make_user

pytestmark = pytest.mark.django_db


def told(**options):
    out = StringIO()
    call_command("seed_demo", no_project=True, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def people():
    return [make_user(username, PASSWORD) for username, *_ in ACCOUNTS]


class TestSeedDemo:
    def test_tells_the_password_on_this_machine(self, people):
        assert PASSWORD in told() and "adam" in told()

    def test_gives_a_new_one_where_others_reach_the_server(self, people):
        people[0].set_password("chosen by herself")
        people[0].save()
        words = told(not_public=True)
        assert PASSWORD not in words and "ana" not in words
        new = words.split("once: ")[1].split(")")[0]
        ana, ben = (User.objects.get(username=name) for name in ("ana", "ben"))
        assert ana.check_password("chosen by herself") and ben.check_password(new)
        assert "once" not in told(not_public=True)
        assert PASSWORD not in told()
