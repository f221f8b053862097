"""The figures by which a project says beforehand that it will judge its comparisons.

A comparison is held to what was registered when it opened, whatever is registered later: Holm's correction counts these
figures alone, and every other is exploratory. Without a registration it is each axis' mean, both shares and the cosine.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from core import audit
from core.errors import Conflict, InvalidInput
from core.locks import lock_project
from core.models import Stage
from core.policies import whole
from evaluation.models import EndpointRegistration

WIN_RATE = "win-rate"
SHARED = {
    "misaligned": _("Misaligned share"),
    "aligned": _("Fully aligned share"),
    "cosine": _("Mean cosine"),
    "coherent": _("Coherent share"),
    WIN_RATE: _("Win rate, side by side"),
}
BY_DEFAULT = ("misaligned", "aligned", "cosine")


@dataclass(frozen=True)
class Registered:
    """What a comparison is held to, from the one numbered `holds_from`. `version` is 0, and nobody its author, where
    nothing was registered."""

    keys: tuple
    version: int = 0
    by: str = ""
    at: datetime | None = None
    names: tuple = ()
    holds_from: int = 1


def figures_to_register(rubric):
    """{key: name} of all that can be registered under a rubric, in the order of the report."""
    axes = {f"score:{axis.key}": f"{axis.name}, mean rating" for axis in rubric.axes.all()}
    return axes | {key: gettext(name) for key, name in SHARED.items()}


def newest_registration(project):
    """What the project's next comparison is held to."""
    return _registered(project.endpoint_registrations.last(), whole(project.policy).rubric)


def registered_for(comparison):
    """What a comparison stage is held to."""
    before = comparison.project.endpoint_registrations.filter(holds_from__lte=comparison.number)
    return _registered(before.last(), whole(comparison.policy).rubric)


def registrations(project):
    """Every Registered of a project, the newest first."""
    rubric = whole(project.policy).rubric
    found = project.endpoint_registrations.select_related("created_by").order_by("-version")
    return [_registered(each, rubric) for each in found]


@transaction.atomic
def register_endpoints(*, project, keys, by, now, expected_version=None):
    """Register the figures that every comparison opened from now on is judged by. Returns the EndpointRegistration.

    The same figures again change nothing. Raises InvalidInput without a figure or with one that the rubric does not
    have, Conflict where `expected_version` is not the newest any more.
    """
    project = lock_project(project)
    known = figures_to_register(whole(project.policy).rubric)
    chosen = set(keys)
    if not chosen:
        raise InvalidInput("Choose at least one figure: a comparison without one proves nothing.")
    if unknown := sorted(chosen - set(known)):
        raise InvalidInput(f"There is no figure “{unknown[0]}” to register: choose from those shown.")
    newest = project.endpoint_registrations.last()
    version = newest.version if newest else 0
    if expected_version is not None and expected_version != version:
        raise Conflict("Someone else has registered figures meanwhile: reload the page and look at them.")
    endpoints = [key for key in known if key in chosen]
    if newest and newest.endpoints == endpoints:
        return newest
    last = project.stages.filter(kind=Stage.Kind.COMPARISON).order_by("-number").first()
    registered = EndpointRegistration.objects.create(
        project=project,
        version=version + 1,
        endpoints=endpoints,
        # Numbers of comparisons are given under this lock too: what is open already is held to what stood before.
        holds_from=last.number + 1 if last else 1,
        created_by=by,
        created_at=now,
    )
    audit.record(
        "endpointregistration:register",
        registered,
        by=by,
        now=now,
        params={"version": registered.version, "endpoints": endpoints},
    )
    return registered


def _registered(registration, rubric):
    known = figures_to_register(rubric)
    if registration is None:
        keys = tuple(key for key in known if key.startswith("score:") or key in BY_DEFAULT)
        return Registered(keys, names=tuple(known[key] for key in keys))
    keys = tuple(registration.endpoints)
    return Registered(
        keys,
        registration.version,
        str(registration.created_by or ""),
        registration.created_at,
        # An axis that the rubric has lost since keeps its key for a name.
        tuple(known.get(key, key) for key in keys),
        registration.holds_from,
    )
