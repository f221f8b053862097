"""What a request must be before anything else reads it."""

from django.conf import settings

from core.http import bad_request, no_room, too_large
from core.limits import whole_number

BLOCK = 64 * 1024
PATIENCE = 4
"""How many times the limit is read and thrown away: a browser hears an answer only once it has sent everything."""
NO_ROOM = "HTTP_CONCORD_NO_ROOM"
"""What the web server says where it could not keep a body (serving/doorkeeper.py), which is empty then."""


class EntranceMiddleware:
    """Refuses a body that is larger than its kind may be, unread, and turns a NUL in what an address asks into a blank.

    A file is limited by settings.UPLOAD_MAX_SIZE, the fields of any form by Django's DATA_UPLOAD_MAX_MEMORY_SIZE: they
    are held in memory, several times over, before anybody knows who sends them.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        asked = request.META.get("QUERY_STRING", "")
        if "%00" in asked:
            # Nobody types one, and no database takes it. Not taken out: what stands around it could make another.
            request.META["QUERY_STRING"] = asked.replace("%00", "%20")
        if request.encoding:
            request.encoding = None  # UTF-8: a charset that a form names may be no encoding of texts at all
        if NO_ROOM in request.META:
            return no_room(request)
        size = whole_number(request.META.get("CONTENT_LENGTH") or "0")
        if size is None:
            return bad_request(request)
        is_file = request.content_type == "multipart/form-data"
        most = settings.UPLOAD_MAX_SIZE if is_file else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if size > most:
            _throw_away(request, min(size, PATIENCE * most))
            return too_large(request, most if is_file else None)
        return self.get_response(request)


def _throw_away(request, size):
    while size > 0 and (block := request.META["wsgi.input"].read(min(size, BLOCK))):
        size -= len(block)
