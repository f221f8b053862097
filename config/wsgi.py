"""WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
rooms = get_wsgi_application()
# Every room's pages, now: else the first person whom each process answers waits for them to load.
get_resolver().url_patterns  # noqa: B018


def application(environ, start_response):
    """Every request, its content type without parameters that name an encoding of their own (`charset*=x''%00`).

    No browser sends them, and Django fails at bad ones before anything of ours is asked.
    """
    if "*" in environ.get("CONTENT_TYPE", ""):
        environ["CONTENT_TYPE"] = environ["CONTENT_TYPE"].partition(";")[0]
    return rooms(environ, start_response)
