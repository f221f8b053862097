import pytest

from core.compiled import Compiled, Given
from core.models import AuditEvent, Membership, User
from tests.factories.core import NOW, make_project

pytestmark = pytest.mark.django_db


def members(**where):
    rows = Membership.objects.select_related("user", "project").order_by("pk")
    return rows.defer("project__seed").filter(**where)


class TestCompiled:
    def test_gives_what_the_queryset_gives_for_every_value(self):
        compiled = Compiled(lambda: members(user=Given("user", User._meta.pk)))
        for person in User.objects.filter(pk__in=[each.pk for each in make_project(experts=3).experts]):
            rows, same = compiled(user=person.pk), members(user=person)
            assert rows == list(same) != []
            for row, other in zip(rows, same, strict=True):
                assert vars(row.user) | {"_state": None} == vars(other.user) | {"_state": None}
                assert row.project.get_deferred_fields() == {"seed"}
                assert row.created_at == other.created_at

    def test_gives_nothing_where_nothing_is(self):
        assert Compiled(lambda: members(user=Given("user", User._meta.pk)))(user=0) == []

    def test_prepares_values_and_reads_back_as_their_fields_do(self):
        params, moment = {"rows": [1, None]}, AuditEvent._meta.get_field("created_at")
        AuditEvent.objects.create(verb="a:b", target_type="t", target_id=1, params=params, created_at=NOW)
        compiled = Compiled(lambda: AuditEvent.objects.filter(verb="a:b", created_at=Given("at", moment)))
        (event,) = compiled(at=NOW)
        assert (event.params, event.created_at, event.actor) == (params, NOW, None)
