"""What management commands share: finding a project, and telling a fault of the domain as the command's."""

from contextlib import contextmanager

from django.core.management import CommandError

from core.errors import DomainError
from core.models import Project


def find_project(slug=None):
    """The project with that slug, or the newest. Raises CommandError, naming those there are."""
    projects = Project.objects.filter(deleted_at=None).order_by("-created_at", "-id")
    if not projects.exists():
        raise CommandError("There is no project yet: create one, or run `make demo`.")
    if slug is None:
        return projects[0]
    found = projects.filter(slug=slug).first()
    if found is None:
        known = ", ".join(projects.values_list("slug", flat=True)[:20])
        raise CommandError(f"There is no project “{slug}”. There are: {known}.")
    return found


@contextmanager
def telling_faults():
    """Ends the command with what a DomainError says, every fault of a file on a line of its own."""
    try:
        yield
    except DomainError as error:
        raise CommandError("\n".join([str(error), *getattr(error, "errors", [])])) from None
