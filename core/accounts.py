"""Accounts: how people come in, what they may change of themselves, and what the admins of the site do for them.

A link lets its person choose a password. It is made from what the account is at the moment, so that it holds once and
for PASSWORD_RESET_TIMEOUT; nothing of it is stored.
"""

from django.contrib.auth.tokens import default_token_generator
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from core import audit
from core.bulk import Among
from core.errors import Conflict, InvalidInput
from core.keys import person_key
from core.limits import LONGEST_PERSON, check_texts, whole_number
from core.models import Membership, Session, User
from core.projects import require_another_admin
from core.texts import folded, is_blank
from core.zones import known_zones

LONGEST_KEY = User._meta.get_field("username_key").max_length


def find_people(asked):
    """Those in whose user name, name or e-mail address `asked` stands, whatever its case and accents; all for ""."""
    wanted = folded(asked[:LONGEST_PERSON])
    if not wanted:
        return User.objects.all()
    rows = User.objects.values_list("pk", "username", "first_name", "last_name", "email")
    # Databases fold few scripts, and people are not so many that a column of their own would pay.
    found = [pk for pk, *names in rows.iterator() if wanted in folded(" ".join(names))]
    return User.objects.filter(Among(F("pk"), found))


@transaction.atomic
def create_account(*, username, password, by, now, full_name="", email=""):
    """A new person's account, without any role yet; without a password (None) they come in by a link alone.

    Raises InvalidInput for a name that is too long, Conflict for a user name or e-mail address that somebody has,
    whatever its case. The caller has held the password against settings.AUTH_PASSWORD_VALIDATORS.
    """
    check_texts((username, LONGEST_PERSON, "The username"), (full_name, LONGEST_PERSON, "The full name"))
    if is_blank(username) or len(person_key(username)) > LONGEST_KEY:
        raise InvalidInput("Choose another username: one of letters that can be seen.")
    _require_free_name(username)
    _require_free_address(email)
    first_name, last_name = _names(full_name)
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                username, email=email, password=password, first_name=first_name, last_name=last_name
            )
    except IntegrityError:
        raise Conflict(f"There is already an account “{username}”: choose another name.") from None
    audit.record("account:create", user, by=by, now=now, params={"username": username})
    return user


def _require_free_name(username):
    """Raise Conflict where somebody has the user name, naming who."""
    if other := User.objects.filter(username_key=person_key(username)).first():
        raise Conflict(
            f"There is already an account “{other.username}”: add that person, or choose another name."
        )


def _require_free_address(email, *, but=None):
    """Raise Conflict where somebody else than `but` has the e-mail address, naming who."""
    if other := User.objects.with_email(email).exclude(pk=but and but.pk).first():
        raise Conflict(
            f"“{other.username}” has this e-mail address already: give another, or leave it empty."
        )


def _names(full_name):
    first_name, _, last_name = full_name.strip().partition(" ")
    return first_name, last_name


@transaction.atomic
def change_person(*, person, full_name, email, by, now, time_zone=None):
    """Change somebody's name, e-mail address and, where given, time zone ("" for that of their browser).

    Raises InvalidInput for a name that is too long or a zone that there is not, Conflict for another's address.
    """
    check_texts((full_name, LONGEST_PERSON, "The name"))
    if time_zone and time_zone not in known_zones():
        raise InvalidInput("Choose a time zone of the list.")
    _require_free_address(email, but=person)
    person = User.objects.select_for_update().get(pk=person.pk)
    new = dict(zip(("first_name", "last_name"), _names(full_name), strict=True)) | {"email": email}
    if time_zone is not None:
        new["time_zone"] = time_zone
    changed = [name for name, value in new.items() if getattr(person, name) != value]
    for name in changed:
        setattr(person, name, new[name])
    if changed:
        try:
            with transaction.atomic():
                person.save(update_fields=[*changed, "email_key"])
        except IntegrityError:
            raise Conflict("Somebody has just taken this e-mail address: give another.") from None
        audit.record("account:change", person, by=by, now=now, params={"fields": changed})
    return person


@transaction.atomic
def set_password(*, person, password, by, now, keep=None):
    """Give somebody another password and sign them out everywhere, but for the session with the key `keep`.

    The caller has held the password against settings.AUTH_PASSWORD_VALIDATORS.
    """
    person.set_password(password)
    person.save(update_fields=["password"])
    _end_sessions(person, keep=keep)
    audit.record("account:password", person, by=by, now=now)


def make_link(*, person, by, now):
    """What the link to the page on which `person` chooses a password is made of: (id, token). Shown to nobody else.

    Raises Conflict for an account that is switched off or not a person's.
    """
    if not person.is_active or person.is_simulated:
        raise Conflict(f"{person} cannot sign in: switch the account on first.")
    with transaction.atomic():
        if not person.has_usable_password():
            # What was unusable is made so anew: of several invitations the last one holds.
            person.set_unusable_password()
            person.save(update_fields=["password"])
        audit.record("account:link", person, by=by, now=now)
    return urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)


def person_of_link(uid, token):
    """Whose link this is; None for one that was used, has expired, or never was."""
    try:
        pk = whole_number(urlsafe_base64_decode(uid).decode("ascii"))
    except ValueError:
        return None
    person = User.objects.filter(pk=pk, is_active=True, is_simulated=False).first() if pk else None
    return person if person and default_token_generator.check_token(person, token) else None


@transaction.atomic
def switch_off(*, person, by, now):
    """Nobody signs in to the account any more, and its sessions end. What the person did stays.

    Raises Conflict for oneself, for the last admin of a project and for the last one of the site.
    """
    if by is not None and by.pk == person.pk:
        raise Conflict("Ask another admin of the site to switch your own account off.")
    roles = person.memberships.filter(role=Membership.Role.ADMIN, project__deleted_at=None)
    for membership in roles.select_related("project").order_by("project"):
        require_another_admin(membership.project, person)
    _require_another_site_admin(person)
    if User.objects.filter(pk=person.pk, is_active=True).update(is_active=False):
        _end_sessions(person)
        audit.record("account:off", person, by=by, now=now)
    person.is_active = False


@transaction.atomic
def switch_on(*, person, by, now):
    """Let somebody sign in again, with the password they had."""
    if User.objects.filter(pk=person.pk, is_active=False).update(is_active=True):
        audit.record("account:on", person, by=by, now=now)
    person.is_active = True


@transaction.atomic
def sign_out_everywhere(*, person, by, now, keep=None):
    """End all sessions of somebody, but for the one with the key `keep`."""
    _end_sessions(person, keep=keep)
    audit.record("account:sign_out", person, by=by, now=now)


@transaction.atomic
def make_site_admin(*, person, by, now):
    """Let somebody look after accounts and create projects."""
    if User.objects.filter(pk=person.pk, is_staff=False).update(is_staff=True):
        audit.record("account:site_admin", person, by=by, now=now)
    person.is_staff = True


@transaction.atomic
def unmake_site_admin(*, person, by, now):
    """Take that from somebody. Raises Conflict for the last one who can sign in."""
    _require_another_site_admin(person)
    if User.objects.filter(pk=person.pk, is_staff=True).update(is_staff=False):
        audit.record("account:no_site_admin", person, by=by, now=now)
    person.is_staff = False


def _require_another_site_admin(person):
    # Locked one after the other, so that of two who take each other out at once the second finds the first gone.
    staff = User.objects.select_for_update(no_key=True).filter(is_staff=True).order_by("pk")
    active = {each.pk for each in staff if each.is_active}
    if active == {person.pk}:
        raise Conflict("The site needs an admin: make someone else admin of the site first.")


def _end_sessions(person, *, keep=None):
    Session.objects.filter(user=person).exclude(session_key=keep).delete()
