"""Who may see and do what. Pages load and authorise in one line through these."""

from functools import wraps
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from core.locks import require_open
from core.models import Membership

SAFE = ("GET", "HEAD", "OPTIONS")
EXPERT, LEAD, ADMIN = Membership.Role.EXPERT, Membership.Role.LEAD, Membership.Role.ADMIN


def form_only(view):
    """Turn a view into an address that forms are sent to: POST alone, and never where a sign-in leads back to."""
    inner = require_POST(view)
    inner.is_form_only = True
    return inner


def page_at(address):
    """The address, without its host, if a page is there; else that of the nearest page above it."""
    path, asked = urlsplit(address)[2:4]
    if not path.startswith("/") or _is_page(path):
        return f"{path}?{asked}" if asked else path
    while len(path) > 1 and not _is_page(path):
        path = path[: path.rstrip("/").rfind("/") + 1]
    return path or "/"


def signed_in(view):
    """Let signed-in people into a view. Others are asked to sign in, which leads back to the page they were at."""

    @wraps(view)
    def inner(request, *args, **kwargs):
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return redirect_to_login(came_from(request))

    return inner


def site_admin(view):
    """Let the admins of the site into a view, and nobody else."""

    @signed_in
    @wraps(view)
    def inner(request, *args, **kwargs):
        if not request.user.is_staff:
            raise PermissionDenied("This page is for admins of the site.")
        return view(request, *args, **kwargs)

    return inner


def project_view(*allowed, even_archived=False):
    """Turn `view(request, project, …)` into a page at …/<slug>/… for people with one of the roles.

    Without roles named, any member may enter. A stranger gets 404, so that names of projects don't leak; a
    member without the role gets 403. Sets request.project and request.roles. An archived project is only read, except
    by a view for `even_archived` ones: whatever is sent to it is refused.
    """

    def decorate(view):
        @signed_in
        def admitted(request, slug, **kwargs):
            project, roles = request.session.project, request.session.roles
            if project is None:
                raise Http404("No such project.")
            request.project, request.roles = project, roles
            if allowed and not roles & set(allowed):
                names = " or ".join(Membership.Role(role).label.lower() for role in allowed)
                raise PermissionDenied(f"This page is for the project's {names}.")
            if request.method not in SAFE and not even_archived:
                require_open(project)
            return view(request, project, **kwargs)

        @wraps(view)
        def inner(request, slug, **kwargs):
            request.session.enter(slug)
            return admitted(request, slug, **kwargs)

        inner.allowed_roles = frozenset(allowed or Membership.Role.values)
        return inner

    return decorate


def _is_page(path):
    try:
        return not getattr(resolve(path).func, "is_form_only", False)
    except Resolver404:
        return False


def came_from(request):
    """The page that a request belongs to: what was asked for, or where the form that was sent stands."""
    if request.method in ("GET", "HEAD"):
        return page_at(request.get_full_path())
    sent_from = request.headers.get("Referer", "")
    if not sent_from.startswith("http") or not url_has_allowed_host_and_scheme(
        sent_from, {request.get_host()}
    ):
        sent_from = request.get_full_path()
    return page_at(sent_from)
