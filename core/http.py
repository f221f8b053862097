"""Small helpers of the web edge."""

import sys
from contextlib import suppress
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import reverse

from core import disk
from core.access import SAFE, came_from
from core.errors import DomainError

TAKEN = "concord-taken"
LONGEST_KEPT = 500


def render_page_or_fragment(request, page, fragment, context, status=200):
    """The fragment to htmx (but not to a boosted link), the whole page to everyone else."""
    partial = request.htmx and not request.htmx.boosted
    return render(request, fragment if partial else page, context, status=status)


def refused(request):
    """The status of a page that shows why a form was refused and leads on: htmx swaps no other in than a 422."""
    return 422 if request.htmx else 409


def reload_page():
    """To a page that was polling: what it watched has ended, load the whole page, its other panels too."""
    return HttpResponse(headers={"HX-Refresh": "true"})


def redirect(request, url):
    """Send the browser to `url`: by header to htmx, by 302 to a plain form."""
    if request.htmx:
        response = HttpResponseRedirect(url)
        response.status_code = 200
        response["HX-Redirect"] = url
        del response["Location"]
        return response
    return HttpResponseRedirect(url)


class FormsMiddleware:
    """Keeps pages out of the browser's store: Back asks for a page anew, and never shows a form that was used.

    And tells the browser that a form was taken, by a cookie with the name under which it keeps what was typed there: a
    form that was taken leads on to a page, without a word of warning, and not to the sign-in.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.method == "POST" and response.status_code == 302:
            name = request.POST.get("kept", "")[:LONGEST_KEPT]
            is_refused = any(said.level >= messages.WARNING for said in messages.get_messages(request))
            if name and not is_refused and urlsplit(response["Location"]).path != reverse("login"):
                response.set_cookie(
                    TAKEN, quote(name, safe=""), max_age=300, samesite="Lax", secure=settings.SECURE
                )
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class DomainErrorMiddleware:
    """Shows a DomainError that a view let pass: its text as a message or a plain page, never a 500.

    Where nothing can be read or sent as it was asked (405), it shows a page that leads on instead of nothing.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code == 405 and not response.content:
            allowed = response["Allow"]
            response = render(request, "405.html", status=405)
            response["Allow"] = allowed
        return response

    def process_exception(self, request, exception):
        if not isinstance(exception, DomainError):
            return None
        context = {
            "message": str(exception),
            "errors": getattr(exception, "errors", []),
            "sent": sent_texts(request),
            "onward": None if request.method in SAFE else came_from(request),
        }
        return render_page_or_fragment(
            request, "core/error.html", "core/_error.html", context, status=exception.status_code
        )


def lost_token(request, reason=""):
    """The page for a form whose token is not the browser's any more: somebody has signed in since it was opened.

    Scripts are told by the header Form-Token, get a new token and send again. A plain form, if it came from a page of
    ours, can be sent again by hand.
    """
    # A wrong origin is found before a wrong token, and told by other words.
    is_ours = "Origin" in request.headers and reason.startswith("CSRF ")
    is_whole = not request.FILES and not any("password" in name for name in request.POST)
    again = [
        (name, text)
        for name, texts in request.POST.lists()
        for text in texts
        if name != "csrfmiddlewaretoken"
    ]
    context = {
        "again": again if again and is_ours and is_whole and request.user.is_authenticated else [],
        "sent": sent_texts(request),
    }
    response = render(request, "core/lost_token.html", context, status=403)
    response["Form-Token"] = "lost"
    return response


def sent_texts(request):
    """[(name, text)] of the words in a form that was sent, for a page that could not take them to show."""
    return [
        (name.replace("_", " "), text)
        for name, text in request.POST.items()
        if " " in text.strip() and "password" not in name
    ]


def server_error(request):
    """The page for what a view did not expect: 507 for a full disk, 503 while the database is away, else 500.

    Asks no database.
    """
    if disk.ran_out(sys.exc_info()[1]):
        return no_room(request)
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return render_alone("503.html", request, status=503, headers={"Retry-After": "5"})
    return render_alone("500.html", request, status=500)


def bad_request(request, exception=None):
    """The page for a request that could not be read: 413 for too much, else 400."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return too_large(request)
    message = "The request could not be read. Go back, reload the page, and send it again."
    return render_alone("400.html", request, {"title": "That was not done", "message": message}, status=400)


def too_large(request, most=None):
    """413; `most`: how many bytes of a file are taken, None for the fields of a form."""
    message = (
        "The form holds more than can be taken at once. Nothing was saved: go back with your browser, what you "
        "typed is still there; shorten it, or save it in parts."
        if most is None
        else f"The file is larger than {most // 1024**2:,} MB. Nothing was imported: split it into several files, "
        "or ask whoever runs the server to import it from the command line or to raise CONCORD_UPLOAD_MB."
    )
    return render_alone("400.html", request, {"title": "That is too large", "message": message}, status=413)


def no_room(request):
    """507, for what could not be kept."""
    for handler in request.upload_handlers:
        if file := getattr(handler, "file", None):
            with suppress(OSError):  # closing writes the rest, and removes the file all the same
                file.close()
    message = (
        "The server has no room for what you sent: its disk is full, or many large files come in at once. Nothing of "
        "it was saved; what was saved before is safe. Whoever runs the server has to free some space (the runbook says "
        "what may go). Then go back and send it again."
    )
    return render_alone("400.html", request, {"title": "The disk is full", "message": message}, status=507)


def render_alone(template, request, context=None, **response):
    """A page without context processors, which would ask who is signed in."""
    return HttpResponse(get_template(template).render({"request": request} | (context or {})), **response)


def flash(request, text):
    messages.success(request, text)
