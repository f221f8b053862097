"""Locks of the rows that whole use cases wait for, in the one order of docs/architecture.md.

Lock one row, then read. PostgreSQL finds a joined row before it waits for the lock, and looks no further after it:
where the key that joins them moved meanwhile, the locked row itself falls out of the result. So nothing is joined
here by a key that can change. None of these locks keeps others from adding rows that point at the locked one.
"""

from core.errors import Archived
from core.models import Project, Stage


def lock_project(project, *, even_archived=False):
    """The project as it is now, locked until the transaction ends: its versions, people and stages change in turn.

    Raises Archived where it can only be read, unless `even_archived`.
    """
    found = Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    return found if even_archived else require_open(found)


def lock_stage(stage):
    """The stage as it is now, locked until the transaction ends. Its project comes along.

    Policy and model may have moved while this waited: they are read when they are asked for. Raises Archived where its
    project can only be read.
    """
    stages = Stage.objects.select_for_update(of=("self",), no_key=True)
    found = stages.select_related("project").get(pk=stage.pk)
    require_open(found.project)
    return found


def require_open(project):
    """The project, unless it is archived: then Archived is raised."""
    if project.archived_at is not None:
        raise Archived(project)
    return project
