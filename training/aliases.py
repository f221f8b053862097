"""Names that point at model versions, such as "champion": an admin's act each time, with its history."""

import re

from django.db import transaction

from core import audit
from core.access import ADMIN
from core.errors import InvalidInput, NotAllowed
from core.limits import asked_text
from core.locks import lock_project
from training.models import ModelAlias

CHAMPION = "champion"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


@transaction.atomic
def point_alias(*, model_version, name, reason, by, now):
    """Let a name point at a model version, and no longer where it did. Returns the ModelAlias.

    Pointing it where it points already changes nothing. Raises NotAllowed for whoever is no admin, InvalidInput for a
    name that is none or without a reason.
    """
    project = lock_project(model_version.project)
    if not project.memberships.filter(user=by, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can name a model.")
    name = name.strip().lower()
    if not NAME.fullmatch(name):
        raise InvalidInput("Name it in small letters, digits, - and _ (at most 40), such as champion.")
    reason, fault = asked_text(reason, "Say in a sentence why the name points here.")
    if fault:
        raise InvalidInput(fault)
    current = ModelAlias.objects.filter(project=project, name=name, ended_at=None)
    former = current.select_related("model_version").first()
    if former is not None and former.model_version_id == model_version.pk:
        return former
    current.update(ended_at=now)
    alias = ModelAlias.objects.create(
        project=project, name=name, model_version=model_version, reason=reason, set_by=by, created_at=now
    )
    params = {"alias": name, "model": model_version.name, "before": former and former.model_version.name}
    audit.record("alias:point", alias, by=by, now=now, params=params, detail=reason)
    return alias


@transaction.atomic
def take_alias_away(*, alias, by, now):
    """Let a name point at no model any more; its history stays. Twice is the same as once."""
    project = lock_project(alias.project)
    if not project.memberships.filter(user=by, role=ADMIN).exists():
        raise NotAllowed("Only an admin of this project can take a name away.")
    if ModelAlias.objects.filter(pk=alias.pk, ended_at=None).update(ended_at=now):
        params = {"alias": alias.name, "model": alias.model_version.name}
        audit.record("alias:take_away", alias, by=by, now=now, params=params)
