"""Models behind an OpenAI-compatible endpoint: which addresses may be asked, and how a location names one.

A location is `openai:BASE_URL#MODEL`. Whoever runs this installation says which base URLs there are
(`CONCORD_ENDPOINTS`), because a key is sent there; a key itself stands in an environment variable alone.
"""

from django.conf import settings

from core.errors import InvalidInput

PREFIX = "openai:"


def is_endpoint(location):
    return location.startswith(PREFIX)


def check_endpoint(location):
    """Raise InvalidInput unless the location names a model of an endpoint that may be asked."""
    url, _, model = location.removeprefix(PREFIX).partition("#")
    if url not in settings.ENDPOINTS:
        known = ", ".join(settings.ENDPOINTS) or "there is none"
        raise InvalidInput(
            f"This endpoint may not be asked: whoever runs this installation names those that may in "
            f"CONCORD_ENDPOINTS ({known})."
        )
    if not model:
        raise InvalidInput(f"Name the model of the endpoint: {PREFIX}{url}#MODEL.")


def config_of(location):
    """What the child that asks needs to know of the endpoint. Raises InvalidInput where it may not be asked."""
    check_endpoint(location)
    url, _, model = location.removeprefix(PREFIX).partition("#")
    return {
        "url": url,
        "model": model,
        "key_variable": settings.ENDPOINTS[url],
        "per_minute": settings.ENDPOINT_PER_MINUTE,
    }
