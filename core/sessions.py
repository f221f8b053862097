"""Who asks, and what they may do: session, person, project and roles in one read.

Nothing of it is kept in memory from one request to the next: signing out, a changed password, an account that is
switched off and a role that is taken away count from the next request on.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions import models as djangos
from django.contrib.sessions.backends import db
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject

from core import zones
from core.compiled import Compiled, Given
from core.models import Membership, Project, Session


class SessionStore(db.SessionStore):
    """A session in the database that knows whose it is.

    `person` is the account named in the session, read along with it and not yet verified. After `enter(slug)`,
    `project` and `roles` are what that person is in the project of this slug: None and empty for a stranger.
    """

    def __init__(self, session_key=None):
        super().__init__(session_key)
        self.person = self.project = self._slug = None
        self.roles = frozenset()

    def _validate_session_key(self, key):
        # A cookie can spell anything, also what no database takes.
        return super()._validate_session_key(key) and key.isascii() and key.isalnum()

    @classmethod
    def get_model_class(cls):
        return Session

    def create_model_instance(self, data):
        row = super().create_model_instance(data)
        row.user_id = data.get(auth.SESSION_KEY)
        return row

    def enter(self, slug):
        """Have the session say what its person is in the project of this slug."""
        self._slug = slug
        if hasattr(self, "_session_cache"):  # it was read before the project was known
            self._become(self._memberships(self.get(auth.SESSION_KEY)))
        else:
            self._get_session()

    def load(self):
        if self._slug is not None:
            found = _of_session(session_key=self.session_key, slug=self._slug, now=timezone.now())
            if found:
                self._become(found)
                self.person = found[0].user
                return self.decode(found[0].data)
        return super().load()

    def _become(self, memberships):
        """Take over what the rows say, which are all memberships of one person in the project, with the project."""
        if memberships:
            self.project = memberships[0].project
            self.roles = frozenset(row.role for row in memberships)

    def _memberships(self, person):
        here = Membership.objects.filter(user=person, project__slug=self._slug)
        return list(here.select_related("project").order_by())

    def _get_session_from_db(self):
        named = {"session_key": self.session_key, "expire_date__gt": timezone.now()}
        row = self.model.objects.select_related("user").filter(**named).first() or self._taken_over(named)
        if row is None:
            self._session_key = None
            return None
        self.person = row.user
        return row

    def _taken_over(self, named):
        """A session that stands in Django's own table, moved into ours; None where there is none.

        While an upgrade rolls over several servers, the old ones go on writing there after the migration.
        """
        former = djangos.Session.objects.filter(**named).first()
        if former is None:
            return None
        data = {"session_data": former.session_data, "expire_date": former.expire_date}
        person = (
            auth.get_user_model()
            .objects.filter(pk=self.decode(former.session_data).get(auth.SESSION_KEY))
            .first()
        )
        row, _ = self.model.objects.get_or_create(
            session_key=former.session_key, defaults=data | {"user": person}
        )
        former.delete()
        if self._slug is not None:
            self._become(self._memberships(person))
        return row


def _memberships_of_session():
    session = {"user__sessions__session_key": Given("session_key", Session._meta.pk)}
    session["user__sessions__expire_date__gt"] = Given("now", Session._meta.get_field("expire_date"))
    rows = Membership.objects.filter(**session).annotate(data=F("user__sessions__session_data"))
    rows = rows.filter(project__slug=Given("slug", Project._meta.get_field("slug")))
    return rows.select_related("user", "project").order_by()


_of_session = Compiled(_memberships_of_session)


SEEN_EVERY = timedelta(minutes=10)


class SignedInMiddleware(AuthenticationMiddleware):
    """`request.user`, from the row that came with the session where that row proves to be the signed-in person.

    Once it is known who asks, times are told in their zone, and it is noted now and then that they were seen.
    """

    def process_request(self, request):
        super().process_request(request)
        zones.tell_times_as_the_site()
        request.user = SimpleLazyObject(lambda: _know(request))


def _know(request):
    person = _signed_in(request)
    zones.tell_times_in(getattr(person, "time_zone", ""), request.COOKIES.get(zones.COOKIE, ""))
    now = timezone.now()
    if person.is_authenticated and (person.last_seen_at is None or now - person.last_seen_at > SEEN_EVERY):
        auth.get_user_model().objects.filter(pk=person.pk).update(last_seen_at=now)
    return person


def _signed_in(request):
    session = request.session
    named = session.get(auth.SESSION_KEY)
    person = session.person
    if (
        person is not None
        and str(person.pk) == named
        and person.is_active
        and session.get(auth.BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(session.get(auth.HASH_SESSION_KEY, ""), person.get_session_auth_hash())
    ):
        return person
    # Nobody, or a session that does not hold: Django says which, and ends the session if it must.
    return auth.get_user(request)
