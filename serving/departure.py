"""One answer as it goes out: the thread that makes it does not wait for whoever reads it.

What the system does not take at once is put aside in a file without a name, and the doorkeeper's loop hands it on as
the client takes it. Only where nothing more can be put aside does the thread wait.
"""

import errno
import os
import selectors
import tempfile
import threading
import time
from contextlib import contextmanager

from serving.arrival import BLOCK, SLOWEST

TAKING_SECONDS = 60
"""How long a client may take nothing of an answer."""
BLOCKS_AT_ONCE = 16


class Room:
    """What the answers of a process may put aside together: `most` bytes in `folder`, None for the system's own.

    `waiting`: how many threads at most wait for a client where that is not enough.
    """

    def __init__(self, *, folder, most, waiting):
        self.folder, self.most = folder, most
        self.used = 0
        self.lock = threading.Lock()
        self.waiting = threading.BoundedSemaphore(waiting)

    def take(self, size):
        """Whether there is room for so many bytes more; they count from now on."""
        with self.lock:
            if self.used + size > self.most:
                return False
            self.used += size
            return True

    def give_back(self, size):
        with self.lock:
            self.used -= size

    @contextmanager
    def a_thread_waits(self):
        if not self.waiting.acquire(blocking=False):
            raise BrokenPipeError(errno.EPIPE, "Too many clients do not take their answers.")
        try:
            yield
        finally:
            self.waiting.release()


class Departure:
    """What gunicorn writes an answer to, in place of the socket `client`, which does not block."""

    def __init__(self, client, room):
        self.client, self.room = client, room
        self.file = None
        self.begin = self.end = 0
        self.taken_at = time.monotonic()
        self.ends_at = float("inf")

    @property
    def left(self):
        """Bytes that are put aside."""
        return self.end - self.begin

    # --- a thread writes ---------------------------------------------------------------------------------------

    def sendall(self, data):
        """Raises OSError where the client is gone, or is given up."""
        data = memoryview(data)
        if not self.left:
            data = data[self._send(data) :]
        if data:
            if not self._put_aside(data):
                self._wait_and_send(data)
            self.hand_on()

    def send(self, data):
        self.sendall(data)
        return len(data)

    def sendfile(self, file, offset=0, count=None):
        end = float("inf") if count is None else offset + count
        while block := os.pread(file.fileno(), int(min(BLOCK, end - offset)), offset):
            self.sendall(block)
            offset += len(block)

    def gettimeout(self):
        return 0.0

    def setblocking(self, does):
        """It never does."""

    def settimeout(self, seconds):
        """Nothing waits for a client but what says so."""

    def shutdown(self, how):
        """The loop does, once all has gone out."""

    def recv(self, size):
        return b""

    def close(self):
        """The loop does."""

    # --- the loop hands on -------------------------------------------------------------------------------------

    def hand_on(self):
        """Give the client what it takes now, a megabyte at most. Raises OSError where it is gone."""
        taken = BLOCK
        end = self.begin + BLOCKS_AT_ONCE * BLOCK
        while taken and self.begin < min(end, self.end):
            taken = self._send(os.pread(self.file.fileno(), min(BLOCK, self.left), self.begin))
            self.begin += taken
        if not self.left:
            self.forget()

    def count_from_now(self):
        """Begin the time that the client has for what is put aside."""
        self.taken_at = time.monotonic()
        self.ends_at = self.taken_at + TAKING_SECONDS + self.left / SLOWEST

    def is_late(self, now):
        return now > min(self.ends_at, self.taken_at + TAKING_SECONDS)

    def forget(self):
        """Give back what is held; harmless twice."""
        if self.file is not None:
            self.file.close()
            self.room.give_back(self.end)
        self.file, self.begin, self.end = None, 0, 0

    def _send(self, data):
        """How many bytes the system took."""
        try:
            taken = self.client.send(data)
        except BlockingIOError:
            return 0
        self.taken_at = time.monotonic()
        return taken

    def _put_aside(self, data):
        """Whether there was room for it, on the disk as well."""
        if not self.room.take(len(data)):
            return False
        try:
            self.file = self.file or tempfile.TemporaryFile(buffering=0, dir=self.room.folder)
            written = 0
            while written < len(data):
                written += os.pwrite(self.file.fileno(), data[written:], self.end + written)
        except OSError:
            self.room.give_back(len(data))
            return False
        self.end += len(data)
        return True

    def _wait_and_send(self, data):
        with self.room.a_thread_waits(), selectors.DefaultSelector() as selector:
            selector.register(self.client, selectors.EVENT_WRITE)
            self.count_from_now()
            while self.left or data:
                selector.select(1)
                if self.left:
                    self.hand_on()
                else:
                    data = data[self._send(data) :]
                if self.is_late(time.monotonic()):
                    self.forget()
                    raise BrokenPipeError(errno.EPIPE, "The client does not take the answer.")
