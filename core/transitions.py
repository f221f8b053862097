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


def transition(obj, to, *, by, now, detail="", only_if=None, **fields):
    """Move `obj` to status `to` and write `fields` with it, or raise.

    `only_if`: further conditions on the row (a dict of lookups), part of the same compare-and-set.
    Raises ValueError for a move the table does not know (a bug), StatusConflict where someone was first.
    """
    model, old = type(obj), obj.status
    if to not in model.TRANSITIONS[old]:
        raise ValueError(f"{model.__name__} {obj.pk} cannot go from {old} to {to}.")
    with transaction.atomic():
        changed = model._base_manager.filter(pk=obj.pk, status=old, **(only_if or {})).update(
            status=to, **fields
        )
        if changed != 1:
            raise StatusConflict(
                f"This {model._meta.verbose_name} has changed meanwhile: reload to see its state."
            )
        audit.record(
            f"{model._meta.model_name}:{to}",
            obj,
            by=by,
            now=now,
            from_status=old,
            to_status=to,
            detail=detail,
        )
    obj.status = to
    for name, value in fields.items():
        setattr(obj, name, value)
    return obj


def transition_all(queryset, *, old, to, by, now, about, verb, detail="", **fields):
    """Move every row of `queryset` that has status `old` to `to`; one audit event on `about` for all.

    For moves of whole sets (a stage's responses, lapsed leases), where an event a row would say nothing
    more. Returns how many rows moved.
    """
    model = queryset.model
    if to not in model.TRANSITIONS[old]:
        raise ValueError(f"{model.__name__} cannot go from {old} to {to}.")
    with transaction.atomic():
        changed = queryset.filter(status=old).update(status=to, **fields)
        if changed:
            rows = (
                f"{changed} {model._meta.verbose_name_plural if changed != 1 else model._meta.verbose_name}"
            )
            audit.record(
                verb, about, by=by, now=now, from_status=old, to_status=to, detail=f"{rows}. {detail}".strip()
            )
    return changed


def models_with_status():
    """Every concrete model that has a table of moves, in the apps' order."""
    return [model for model in apps.get_models() if hasattr(model, "TRANSITIONS")]
