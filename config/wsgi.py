"""WSGI entry point for gunicorn."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
# Every room's pages, now: else the first person whom each process answers waits for them to load.
get_resolver().url_patterns  # noqa: B018
