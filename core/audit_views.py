"""The pages of the audit trail."""

from urllib.parse import urlencode

from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from core.access import ADMIN, project_view, site_admin
from core.audit_page import KINDS, PER_PAGE, SYSTEM, Asked, events, people_of
from core.audit_words import status_told, told

LONGEST_VALUE = 200
NUMBERED = {"stage", "policy", "generationrun", "trainingset", "trainingrun", "rehearsal", "scoringrun"}
"""Things whose number an admin knows from other pages."""


@require_safe
@project_view(ADMIN)
def project_audit(request, project):
    return _page(request, project)


@require_safe
@site_admin
def site_audit(request):
    """What belongs to no project: accounts, and projects that are deleted."""
    return _page(request, None)


def _page(request, project):
    asked = Asked.of(request.GET)
    found = events(project, asked)
    shown = found[:PER_PAGE]
    filters = {"person": asked.person, "kind": asked.kind, "day": asked.day and asked.day.isoformat()}
    filters = {name: value for name, value in filters.items() if value}
    context = {
        "project": project,
        "rows": [_row(event) for event in shown],
        "asked": asked,
        "people": people_of(project),
        "system": SYSTEM,
        "kinds": [(kind, gettext(words)) for kind, words in KINDS.items()],
        "newest": urlencode(filters) if asked.before else None,
        "earlier": urlencode(filters | {"before": shown[-1].pk}) if len(found) > PER_PAGE else None,
    }
    return render(request, "core/audit.html", context)


def _row(event):
    named = (event.params or {}).items()
    return {
        "event": event,
        "told": told(event.verb),
        "moved": [status_told(event.verb, each) for each in (event.from_status, event.to_status) if each],
        "number": event.target_id if event.target_type in NUMBERED else "",
        "params": [
            (name.replace("_", " "), _short(name, value))
            for name, value in named
            if _says_something(name, value)
        ],
    }


def _says_something(name, value):
    # The key of an account stands beside its name, that of a setting aside beside its reason on the page of what it is.
    return name not in ("user", "aside") and value not in ("", None, [])


def _short(name, value):
    if name == "because":
        return str(value).replace("_", " ")
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
