"""Writing the audit trail."""

from django.db import connection

from core.bulk import insert_rows
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
PARAMS, CREATED_AT = (AuditEvent._meta.get_field(name) for name in ("params", "created_at"))


class Trail:
    """The events of one use case, written in one statement when its block ends well.

    `with transaction.atomic(), audit.Trail() as trail:`, and `trail` goes along to whatever tells it something.
    """

    def __init__(self):
        self._events = []

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if error is None:
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
