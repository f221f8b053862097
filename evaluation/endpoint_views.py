"""The figures that a project registers for its comparisons: their page, and registering others."""

from django.contrib import messages
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from core.access import ADMIN, LEAD, form_only, project_view
from core.errors import DomainError
from core.http import redirect
from core.policies import whole
from evaluation.endpoints import (
    figures_to_register,
    newest_registration,
    register_endpoints,
    registrations,
)


@require_safe
@project_view(LEAD, ADMIN)
def endpoints(request, project):
    return _page(request, project)


@form_only
@project_view(ADMIN)
def register(request, project):
    keys, version = request.POST.getlist("endpoints"), request.POST.get("version", "")
    try:
        registered = register_endpoints(
            project=project,
            keys=keys,
            by=request.user,
            now=timezone.now(),
            expected_version=int(version) if version.isdecimal() else None,
        )
    except DomainError as error:
        return _page(request, project, chosen=keys, error=error)
    said = gettext("Registered as version %(version)s.") % {"version": registered.version}
    messages.success(request, said)
    return redirect(request, reverse("evaluation:endpoints", args=[project.slug]))


def _page(request, project, *, chosen=None, error=None):
    registered = newest_registration(project)
    chosen = registered.keys if chosen is None else chosen
    known = figures_to_register(whole(project.policy).rubric)
    context = {
        "registered": registered,
        "choices": [(key, name, key in chosen) for key, name in known.items()],
        "versions": registrations(project),
        "error": error,
    }
    status = error.status_code if error else 200
    return render(request, "evaluation/endpoints.html", context, status=status)
