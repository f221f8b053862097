"""The only place that writes a status.

A model declares, beside its `Status`, the table `TRANSITIONS` of allowed moves. A move is a compare-and-set:
it succeeds only if the row still has the status the caller saw, and its audit event is written in the same
transaction. Whoever loses the race gets `StatusConflict` and can look again.
"""

from django.apps import apps
from django.db import connection, transaction

from core import audit
from core.errors import Conflict


class StatusConflict(Conflict):
    """The row left the expected status meanwhile."""


def transition(obj, to, *, by, now, trail=audit, params=None, only_if=None, **fields):
    """Move `obj` to status `to` and write `fields` with it, or raise.

    `only_if`: further conditions on the row (a dict of lookups), part of the same compare-and-set. `trail`: the
    `audit.Trail` of the use case that the move is part of; without one its event is written at once. `params`: the
    event's named values.
    Raises ValueError for a move the table does not know (a bug), StatusConflict where someone was first.
    """
    model, old = type(obj), obj.status
    if to not in model.TRANSITIONS[old]:
        raise ValueError(f"{model.__name__} {obj.pk} cannot go from {old} to {to}.")
    # No savepoint: nothing is raised in here that leaves one of the two statements behind.
    with transaction.atomic(savepoint=False):
        rows = model._base_manager.filter(pk=obj.pk, status=old, **(only_if or {}))
        if rows.update(status=to, **fields) == 1:
            return _tell(obj, old, to, fields, by=by, now=now, trail=trail, params=params)
    raise StatusConflict(f"This {model._meta.verbose_name} has changed meanwhile: reload to see its state.")


def _tell(obj, old, to, fields, *, by, now, trail, params=None):
    """Note in the trail, and on the object itself, that its row has moved."""
    verb = f"{obj._meta.model_name}:{to}"
    trail.record(verb, obj, by=by, now=now, from_status=old, to_status=to, params=params)
    obj.status = to
    for name, value in fields.items():
        setattr(obj, name, value)
    return obj


def transition_first(rows, to, *, by, now, trail=audit, **fields):
    """Move the first of `rows` that can be moved, and return it; None where none can.

    The rows are of one model and status, those preferred first. It waits for nobody: what somebody else is moving at
    this moment is passed over.
    """
    if not rows:
        return None
    model, old = type(rows[0]), rows[0].status
    if to not in model.TRANSITIONS[old]:
        raise ValueError(f"{model.__name__} cannot go from {old} to {to}.")
    event = {"by": by, "now": now, "trail": trail}
    if connection.features.has_select_for_update_skip_locked:
        with transaction.atomic(savepoint=False):
            pk = _move_first(model, [row.pk for row in rows], old, {"status": to} | fields)
            moved = next((row for row in rows if row.pk == pk), None)
            return moved and _tell(moved, old, to, fields, **event)
    # SQLite lets one transaction write at a time: there is nobody to wait for.
    for row in rows:
        try:
            return transition(row, to, **event, **fields)
        except StatusConflict:
            continue
    return None


def _move_first(model, keys, old, changes):
    """The key of the first row with status `old` that is locked by nobody, changed; None without one."""
    table, columns, values = model._meta.db_table, [], []
    for name, value in changes.items():
        field = model._meta.get_field(name)
        columns.append(f"{field.column} = %s")
        values.append(field.get_db_prep_save(getattr(value, "pk", value), connection))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {', '.join(columns)} WHERE id = (SELECT free.id FROM {table} free "
            "JOIN UNNEST(%s::bigint[]) WITH ORDINALITY wanted(id, place) ON wanted.id = free.id "
            "WHERE free.status = %s ORDER BY wanted.place LIMIT 1 FOR UPDATE OF free SKIP LOCKED) RETURNING id",
            [*values, keys, old],
        )
        moved = cursor.fetchone()
    return moved[0] if moved else None


def transition_all(queryset, *, old, to, by, now, about, verb, trail=audit, params=None, **fields):
    """Move every row of `queryset` that has status `old` to `to`; one audit event on `about` for all.

    For moves of whole sets (a stage's responses, lapsed leases), where an event a row would say nothing
    more. Returns how many rows moved.
    """
    model = queryset.model
    if to not in model.TRANSITIONS[old]:
        raise ValueError(f"{model.__name__} cannot go from {old} to {to}.")
    with transaction.atomic(savepoint=False):
        changed = queryset.filter(status=old).update(status=to, **fields)
        if changed:
            told = {"rows": changed, **(params or {})}
            trail.record(verb, about, by=by, now=now, from_status=old, to_status=to, params=told)
    return changed


def models_with_status():
    """Every concrete model that has a table of moves, in the apps' order."""
    return [model for model in apps.get_models() if hasattr(model, "TRANSITIONS")]
