"""The pages of the audit trail."""

from urllib.parse import urlencode

from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from core.access import ADMIN, project_view, site_admin
from core.audit_page import KINDS, PER_PAGE, SYSTEM, Asked, events, people_of
from core.audit_params import params_told
from core.audit_words import status_told, told

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
    return {
        "event": event,
        "told": told(event.verb),
        "moved": [status_told(event.verb, each) for each in (event.from_status, event.to_status) if each],
        "number": event.target_id if event.target_type in NUMBERED else "",
        "params": params_told(event.params),
    }
