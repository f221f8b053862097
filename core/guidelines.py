"""The guidelines of a project, in versions: written here, and kept in memory, since a version never changes."""

from functools import lru_cache

from django.db import transaction

from core import audit
from core.errors import Conflict
from core.limits import LONGEST_REMARK, check_texts
from core.locks import lock_project
from core.models import Guidelines, Project
from core.texts import tidy

KEPT = 256


class Overtaken(Conflict):
    """Somebody saved other guidelines first. `newest` is their version; what was not saved is with the caller."""

    def __init__(self, newest):
        super().__init__(
            f"{newest.created_by or 'Somebody'} saved version {newest.version} while you were writing. Both texts are "
            "below: take over what you want to keep, and save again."
        )
        self.newest = newest


def current(project):
    """The newest version of the project's guidelines, as the project in hand knows it. Read it, never change it."""
    return version_of(project.pk, project.guidelines_version)


@lru_cache(maxsize=KEPT)
def version_of(project, version):
    """The version of this number of the project with this key, kept. Raises Guidelines.DoesNotExist."""
    return Guidelines.objects.get(project=project, version=version)


def shown_version(project, shown, *, newest):
    """The version that was `shown` to whoever judged; the newest where it is None, or one that there is not."""
    return version_of(project, shown if shown and shown <= newest else newest)


def forget():
    """Keep nothing. For tests, whose databases give the same keys again."""
    version_of.cache_clear()


@transaction.atomic
def write_guidelines(*, project, text, by, now, expected_version=None):
    """Write the next version and return it; what equals the newest makes no new one.

    `expected_version` is the one that the person saw: Overtaken, which shows both, if it is no longer the newest.
    Raises InvalidInput for a text that is too long.
    """
    text = tidy(text)
    check_texts((text, LONGEST_REMARK, "The guidelines"))
    known = lock_project(project).guidelines_version
    newest = Guidelines.objects.select_related("created_by").get(project=project, version=known)
    if newest.text == text:
        project.guidelines_version = known
        return newest
    if expected_version is not None and expected_version != known:
        raise Overtaken(newest)
    written = store_version(project, text=text, by=by, now=now, version=known + 1)
    Project.objects.filter(pk=project.pk).update(guidelines_version=written.version)
    project.guidelines_version = written.version
    audit.record("project:guidelines", project, by=by, now=now, params={"version": written.version})
    return written


def store_version(project, *, text, by, now, version=1):
    """Store a text, checked already, as a version of the guidelines. For whoever makes a project or writes on."""
    return Guidelines.objects.create(
        project=project, version=version, text=text, created_by=by, created_at=now
    )
