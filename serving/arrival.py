"""One request as it comes in, piece by piece, until it is whole: before that nobody works on it.

Only how long a request is is read here, in the narrowest way; what it says is gunicorn's to read and to refuse.
"""

import io
import re
import tempfile
from contextlib import suppress

from gunicorn.http.unreader import Unreader

END = b"\r\n\r\n"
LARGEST_HEAD = 64 * 1024
IN_MEMORY = 64 * 1024
"""Bytes of a body; what is longer lies in a file without a name."""
BLOCK = 64 * 1024
SLOWEST = 8 * 1024
"""Bytes a second that a body must come with, and an answer be taken with, on the whole."""
PATIENCE = 4
"""How many times the largest body is taken in and thrown away, as core.entrance does: a browser hears an answer only
once it has sent everything."""
LENGTH = re.compile(rb"[0-9]{1,18}")


class Refused(Exception):
    """The request is not taken in; the message is the status line's end."""


class Arrival:
    """What has come of a request. `largest`: how many bytes of a body are kept; `folder`: where, if they are many.

    `whole`: all has come; `cut`: a body was longer than that, or of no length that can be relied on, and nothing may
    follow it on the connection; `rest`: bytes behind the end, of the next request; `stored`: bytes in a file;
    `wants_word`: the client waits for "100 Continue" before it sends its body; `trouble`: why its body is not here, but
    thrown away as it came.
    """

    def __init__(self, *, largest, folder=None):
        self.largest, self.folder = largest, folder
        self.head, self.body = bytearray(), None
        self.missing = self.kept = 0
        self.rest = b""
        self.whole = self.cut = self.wants_word = False
        self.trouble = ""

    @property
    def length(self):
        """Bytes of the body in all, once the head has come."""
        return self.missing + self.kept

    @property
    def stored(self):
        return self.kept if self.kept > IN_MEMORY else 0

    def take(self, data):
        """Take in the next bytes. Raises Refused."""
        if self.body is None:
            seen = max(0, len(self.head) - len(END) + 1)
            self.head += data
            end = self.head.find(END, seen)
            if end < 0 and len(self.head) <= LARGEST_HEAD:
                return
            if end < 0 or end > LARGEST_HEAD:
                raise Refused("431 Request Header Fields Too Large")
            data = bytes(self.head[end + len(END) :])
            del self.head[end + len(END) :]
            self._read_head()
        part, self.rest = data[: self.missing], data[self.missing :]
        self.missing -= len(part)
        self.whole = self.missing == 0
        if not self.trouble:
            self._keep(part[: max(0, self.largest - self.kept)])

    def _keep(self, part):
        try:
            self.body.write(part)
            if self.whole:
                self.body.seek(0)  # writes what is still in a buffer
        except OSError as error:
            self.give_up(str(error))
        else:
            self.kept += len(part)

    def give_up(self, trouble):
        """Keep nothing of the body, and throw away what still comes: a browser hears no answer before it has sent all.

        Nothing follows it on the connection.
        """
        self.forget()
        self.body, self.kept = io.BytesIO(), 0
        self.trouble, self.cut = trouble, True

    def _read_head(self):
        self.body = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=self.folder)
        lines = self.head.split(b"\r\n")
        fields = [line.split(b":", 1) for line in lines[1:] if b":" in line]
        named = [(name.strip().lower(), value.strip()) for name, value in fields]
        if any(name == b"transfer-encoding" for name, _ in named):
            raise Refused("411 Length Required")
        lengths = [value for name, value in named if name == b"content-length"]
        if len(lengths) == 1 and LENGTH.fullmatch(lengths[0]):
            self.missing = int(lengths[0])
        elif lengths:
            self.cut = True
        if self.missing > self.largest:
            self.cut, self.missing = True, min(self.missing, PATIENCE * self.largest)
        if self.missing and (b"expect", b"100-continue") in named:
            # It is told here, so that gunicorn does not tell it again.
            self.wants_word = True
            self.head = bytearray(
                b"\r\n".join(line for line in lines if not line.lower().startswith(b"expect:"))
            )

    def reader(self):
        """The whole request, as gunicorn reads one."""
        self.body.seek(0)
        return _Whole(bytes(self.head), self.body)

    def forget(self):
        """Give back what is held; harmless twice."""
        if self.body is not None:
            with suppress(
                OSError
            ):  # of a full disk: closing writes what is still in a buffer, and closes all the same
                self.body.close()


class _Whole(Unreader):
    def __init__(self, head, body):
        super().__init__()
        self.body = body
        self.buf.write(head)

    def chunk(self, size_hint=None):
        return self.body.read(size_hint or BLOCK)
