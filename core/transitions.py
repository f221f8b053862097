"""The only place that writes a status.

A model declares, beside its `Status`, the table `TRANSITIONS` of allowed moves. A move is a compare-and-set:
it succeeds only if the row still has the status the caller saw, and its audit event is written in the same
transaction. Whoever loses the race gets `StatusConflict` and can look again.
"""

from django.apps import apps
from django.db import transaction

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
        moved = rows.update(status=to, **fields) == 1
        if moved:
            trail.record(
                f"{model._meta.model_name}:{to}",
                obj,
                by=by,
                now=now,
                from_status=old,
                to_status=to,
                params=params,
            )
    if not moved:
        raise StatusConflict(
            f"This {model._meta.verbose_name} has changed meanwhile: reload to see its state."
        )
    obj.status = to
    for name, value in fields.items():
        setattr(obj, name, value)
    return obj


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
