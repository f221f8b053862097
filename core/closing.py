"""A project is renamed, copied, archived and brought back, or deleted."""

from django.db import transaction

from core import audit
from core.errors import Conflict, InvalidInput
from core.guidelines import current
from core.keys import same_name
from core.limits import LONGEST_WORD, check_texts
from core.locks import lock_project
from core.models import AuditEvent, Membership, Project
from core.projects import add_member, create_project, find_named, specs_of
from core.removal import hindrances_of
from core.texts import is_blank


@transaction.atomic
def rename_project(*, project, name, by, now):
    """Give the project another name; its address stays. Raises InvalidInput for none, Conflict for another's."""
    check_texts((name, LONGEST_WORD, "The name"))
    if is_blank(name):
        raise InvalidInput("Give the project a name.")
    before = lock_project(project).name
    other = find_named(name)
    if other is not None and other.pk != project.pk:
        raise Conflict(f"There is already a project called “{name}”: choose another name.")
    if name != before:
        Project.objects.filter(pk=project.pk).update(name=name)
        audit.record("project:rename", project, by=by, now=now, params={"before": before, "name": name})
    project.name = name
    return project


@transaction.atomic
def copy_project(*, project, name, by, now, with_people=False):
    """A new project with the guidelines, rubric and policy of this one, and none of its data; perhaps with its people.

    Raises what create_project raises.
    """
    rubric, policy = specs_of(project.policy)
    guidelines = current(project).text
    copy = create_project(name=name, by=by, now=now, guidelines=guidelines, rubric=rubric, policy=policy)
    Project.objects.filter(pk=copy.pk).update(base_model=project.base_model)
    if with_people:
        for membership in project.memberships.filter(user__is_active=True).select_related("user"):
            add_member(project=copy, user=membership.user, role=membership.role, by=by, now=now)
    audit.record("project:copy", copy, by=by, now=now, params={"of": project.name})
    return copy


@transaction.atomic
def archive_project(*, project, by, now):
    """Take the project out of the lists; from now on it can only be read. Raises Conflict while a job is at work.

    What people have begun in it is waited for, or refused by its audit event.
    """
    if Project.objects.select_for_update().get(pk=project.pk).archived_at is None:
        _require_rest(project)
        audit.record("project:archive", project, by=by, now=now)
        Project.objects.filter(pk=project.pk).update(archived_at=now)
        project.archived_at = now


@transaction.atomic
def bring_back_project(*, project, by, now):
    """Let an archived project go on where it stood."""
    if lock_project(project, even_archived=True).archived_at is not None:
        Project.objects.filter(pk=project.pk).update(archived_at=None)
        audit.record("project:bring_back", project, by=by, now=now)
        project.archived_at = None


@transaction.atomic
def delete_project(*, project, name, by, now):
    """Delete the project for good. It is gone for everybody at once; a sweep removes what it had (core/removal.py).

    `name` is the project's, typed by whoever deletes it: InvalidInput where it is another. Conflict while a job is at
    work. In the audit trail of the site stays what was deleted, when and by whom.
    """
    if same_name(name) != same_name(project.name):
        raise InvalidInput(
            f"Type the project’s name, “{project.name}”, to delete it: what you typed is another."
        )
    known = lock_project(project, even_archived=True)
    if known.deleted_at is not None:
        return
    _require_rest(project)
    people = known.memberships.order_by("user__username").values_list("user__username", "role")
    told = {
        "name": known.name,
        "slug": known.slug,
        "created_at": known.created_at.isoformat(),
        "stages": known.stages.count(),
        "people": [f"{username} ({role})" for username, role in people],
    }
    Membership.objects.filter(project=project).delete()
    # Its name and its address are free for another from now on.
    gone = f"deleted-{known.pk}"
    Project.objects.filter(pk=project.pk).update(deleted_at=now, name=gone, slug=gone)
    # Of no project: the project's own trail goes with it.
    AuditEvent.objects.create(
        verb="project:delete",
        target_type="project",
        target_id=known.pk,
        actor=by,
        params=told,
        created_at=now,
    )


def _require_rest(project):
    if found := hindrances_of(project):
        raise Conflict(" ".join(found))
