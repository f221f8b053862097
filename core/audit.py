"""Writing the audit trail.

Every use case ends here, with all its locks, and here a person's act is refused whose project was archived while it
waited: the event's project is read anew, and held, in the statement that writes it.
"""

from django.db import connection

from core.bulk import insert_rows
from core.errors import Archived
from core.models import Project
from core.models.audit import AuditEvent

NAMES = (
    "project",
    "actor",
    "verb",
    "target_type",
    "target_id",
    "from_status",
    "to_status",
    "params",
    "detail",
    "created_at",
)
AT_ONCE = 500
"""Events a statement, where each is written with a look at its project."""
PARAMS, CREATED_AT = (AuditEvent._meta.get_field(name) for name in ("params", "created_at"))


class Trail:
    """The events of one use case, written in one statement when its block ends well.

    Raises Archived, instead of writing what a person did, where the project can only be read meanwhile.
    `with transaction.atomic(), audit.Trail() as trail:`, and `trail` goes along to whatever tells it something.
    """

    def __init__(self):
        self._events = []

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None:
            if any(project and actor for project, actor, *_ in self._events):
                _insert_where_open(self._events)
            else:
                insert_rows(AuditEvent, NAMES, self._events)

    def record(
        self, verb, target, *, by, now, from_status="", to_status="", params=None, detail="", project=None
    ):
        """Add one event about `target`; `project`: the key of its project, where the caller has it at hand."""
        self._events.append(
            (
                project or _project_of(target),
                by and by.pk,
                verb,
                target._meta.model_name,
                target.pk,
                from_status,
                to_status,
                PARAMS.get_db_prep_save(params, connection),
                detail,
                CREATED_AT.get_db_prep_save(now, connection),
            )
        )


def record(verb, target, **event):
    """Write one event about `target`, as `Trail.record` takes it. Call it inside the transaction that makes it true."""
    with Trail() as trail:
        trail.record(verb, target, **event)


def _insert_where_open(events):
    columns = ", ".join(AuditEvent._meta.get_field(name).column for name in NAMES)
    # Whoever archives the project waits for who reads it here, and the other way round.
    held = " FOR KEY SHARE" if connection.features.has_select_for_update else ""
    project = f"(SELECT id FROM {Project._meta.db_table} WHERE id = %s AND archived_at IS NULL{held})"
    place = f"({', '.join([project, *['%s'] * (len(NAMES) - 1)])})"
    into = f"INSERT INTO {AuditEvent._meta.db_table} ({columns}) VALUES "
    with connection.cursor() as cursor:
        for start in range(0, len(events), AT_ONCE):
            some = events[start : start + AT_ONCE]
            values = [value for event in some for value in event]
            cursor.execute(f"{into}{', '.join([place] * len(some))} RETURNING project_id", values)
            for (written,), (meant, *_) in zip(cursor.fetchall(), some, strict=True):
                if written != meant:
                    raise Archived(Project.objects.get(pk=meant))


def _project_of(target):
    """The key of the project a row belongs to: itself, its own, or its stage's, response's or run's."""
    if target._meta.label == "core.Project":
        return target.pk
    if hasattr(target, "project_id"):
        return target.project_id
    for step in ("stage", "response", "run"):
        if hasattr(target, step):
            return _project_of(getattr(target, step))
    return None
