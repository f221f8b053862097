"""Small helpers of the web edge."""

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.shortcuts import render

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


def flash(request, text):
    messages.success(request, text)
