"""Who may see and do what. Pages load and authorise in one line through these."""

from functools import wraps

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404

from core.models import Membership

EXPERT, LEAD, ADMIN = Membership.Role.EXPERT, Membership.Role.LEAD, Membership.Role.ADMIN


def project_view(*allowed):
    """Turn `view(request, project, …)` into a page at …/<slug>/… for people with one of the roles.

    Without roles named, any member may enter. A stranger gets 404, so that names of projects don't leak; a
    member without the role gets 403. Sets request.project and request.roles.
    """

    def decorate(view):
        @login_required
        def admitted(request, slug, **kwargs):
            project, roles = request.session.project, request.session.roles
            if project is None:
                raise Http404("No such project.")
            request.project, request.roles = project, roles
            if allowed and not roles & set(allowed):
                names = " or ".join(Membership.Role(role).label.lower() for role in allowed)
                raise PermissionDenied(f"This page is for the project's {names}.")
            return view(request, project, **kwargs)

        @wraps(view)
        def inner(request, slug, **kwargs):
            request.session.enter(slug)
            return admitted(request, slug, **kwargs)

        inner.allowed_roles = frozenset(allowed or Membership.Role.values)
        return inner

    return decorate
