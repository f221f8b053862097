"""The embedded broker: kombu's file system transport, made whole.

Upstream opens a message's file under its final name and then writes into it, so on a busy machine a worker may
pick up an empty file and die of it; an exchange's table has the same gap. Here a file appears only once it is
complete, and what cannot be read is dropped with a warning: a message only says "look now", the sweep finds
the row without it.
"""

import fcntl
import logging
import os
import uuid
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import monotonic_ns

from kombu.transport import filesystem
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)


def write_whole(path, content):
    """Let `path` appear, or be replaced, with all of `content` in it at once."""
    path = Path(path)
    unfinished = path.with_name(f".{uuid.uuid4()}.unfinished")
    unfinished.write_bytes(str_to_bytes(dumps(content)))
    unfinished.replace(path)


class Channel(filesystem.Channel):
    """A channel whose messages and tables are complete from the moment they can be seen."""

    def get_table(self, exchange):
        try:
            table = loads(bytes_to_str(self._exchange_file(exchange).read_bytes()))
        except FileNotFoundError:
            return []
        return [filesystem.exchange_queue_t(*queue) for queue in table]

    def _queue_bind(self, exchange, routing_key, pattern, queue):
        bound = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._tables_locked():
            queues = self.get_table(exchange)
            if bound not in queues:
                write_whole(self._exchange_file(exchange), [bound, *queues])

    def _delete(self, queue, exchange, routing_key, pattern, *args, **kwargs):
        # The grandparent's part; the parent rewrites the table in place.
        super(filesystem.Channel, self)._delete(queue, exchange, routing_key, pattern, *args, **kwargs)
        gone = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._tables_locked():
            queues = self.get_table(exchange)
            if gone in queues:
                write_whole(self._exchange_file(exchange), [each for each in queues if each != gone])

    def _put(self, queue, payload, **kwargs):
        # The name sorts by time, so that messages come out in the order they went in.
        name = f"{monotonic_ns():020d}_{uuid.uuid4()}.{queue}.msg"
        write_whole(Path(self.data_folder_out) / name, payload)

    def _get(self, queue):
        folder = Path(self.data_folder_in)
        for name in sorted(os.listdir(folder)):
            if name.partition(".")[2] != f"{queue}.msg":
                continue
            taken = folder / f".{uuid.uuid4()}.taken"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker was first
            content = taken.read_bytes()
            taken.unlink()
            try:
                return loads(bytes_to_str(content))
            except ValueError:
                logger.warning("Dropped the unreadable message %s (%d bytes).", name, len(content))
        raise Empty

    @contextmanager
    def _tables_locked(self):
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with open(self.control_folder / ".lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    """`broker_transport` of the embedded default."""

    Channel = Channel
