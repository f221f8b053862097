"""Small helpers of the web edge."""

import sys

from django.contrib import messages
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import get_template

from core.errors import DomainError


def render_page_or_fragment(request, page, fragment, context, status=200):
    """The fragment to htmx (but not to a boosted link), the whole page to everyone else."""
    partial = request.htmx and not request.htmx.boosted
    return render(request, fragment if partial else page, context, status=status)


def redirect(request, url):
    """Send the browser to `url`: by header to htmx, by 302 to a plain form."""
    if request.htmx:
        response = HttpResponseRedirect(url)
        response.status_code = 200
        response["HX-Redirect"] = url
        del response["Location"]
        return response
    return HttpResponseRedirect(url)


class DomainErrorMiddleware:
    """Shows a DomainError that a view let pass: its text as a message or a plain page, never a 500."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if not isinstance(exception, DomainError):
            return None
        context = {"message": str(exception), "errors": getattr(exception, "errors", [])}
        return render_page_or_fragment(
            request, "core/error.html", "core/_error.html", context, status=exception.status_code
        )


def server_error(request):
    """The page for what a view did not expect: 503 while the database is away, else 500. Asks no database."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return render_alone("503.html", request, status=503, headers={"Retry-After": "5"})
    return render_alone("500.html", request, status=500)


def render_alone(template, request, **response):
    """A page without context processors, which would ask who is signed in."""
    return HttpResponse(get_template(template).render({"request": request}), **response)


def flash(request, text):
    messages.success(request, text)
