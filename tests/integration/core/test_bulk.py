import pytest
from django.db.models import F

from core.bulk import Among
from core.models import User

pytestmark = pytest.mark.django_db


class TestAmong:
    @pytest.fixture
    def people(self):
        return [User.objects.create(username=f"person-{number}") for number in range(3)]

    def test_finds_the_rows_of_the_keys_that_exist(self, people):
        first, _, last = people
        asked = [last.pk, first.pk, 10**9]
        assert list(User.objects.filter(Among(F("pk"), asked)).order_by("pk")) == [first, last]

    def test_finds_none_among_no_keys(self, people):
        assert not User.objects.filter(Among(F("pk"), [])).exists()

    def test_takes_more_keys_than_a_statement_may_name(self, people):
        assert User.objects.filter(Among(F("pk"), list(range(300_000)))).count() >= 3
