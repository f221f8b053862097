"""Locks of the rows that whole use cases wait for, in the one order of docs/architecture.md.

Lock one row, then read. PostgreSQL finds a joined row before it waits for the lock, and looks no further after it:
where the key that joins them moved meanwhile, the locked row itself falls out of the result. So nothing is joined
here by a key that can change. None of these locks keeps others from adding rows that point at the locked one.
"""

from core.models import Project, Stage


def lock_project(project):
    """The project as it is now, locked until the transaction ends: its versions, people and stages change in turn."""
    return Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def lock_stage(stage):
    """The stage as it is now, locked until the transaction ends. Its project comes along, which never changes.

    Policy and model may have moved while this waited: they are read when they are asked for.
    """
    stages = Stage.objects.select_for_update(of=("self",), no_key=True)
    return stages.select_related("project").get(pk=stage.pk)
