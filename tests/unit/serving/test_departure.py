import socket
import threading
import time

import pytest

from serving import departure
from serving.departure import Departure, Room
from tests.full_disk import largest_file

BLOCKS = [bytes([number]) * 100_000 for number in range(100)]
"""Ten megabytes: no system takes that much of an answer that nobody reads."""


@pytest.fixture
def ends():
    """(the server's end of a connection, the client's)"""
    server, client = socket.socketpair()
    server.setblocking(False)
    client.settimeout(10)
    with server, client:
        yield server, client


def read(client, size, *, meanwhile=lambda: None):
    got = bytearray()
    while len(got) < size:
        meanwhile()
        got += client.recv(1_000_000)
    return bytes(got)


class TestDeparture:
    def test_waits_for_nobody_and_loses_no_byte(self, ends, tmp_path):
        server, client = ends
        room = Room(folder=tmp_path, most=100_000_000, waiting=1)
        answer = Departure(server, room)
        began = time.monotonic()
        for block in BLOCKS:
            answer.sendall(block)
        assert time.monotonic() - began < 5
        assert answer.left == room.used > 5_000_000
        assert read(client, 10_000_000, meanwhile=answer.hand_on) == b"".join(BLOCKS)
        assert (answer.left, room.used) == (0, 0)

    def test_hands_on_while_more_is_written(self, ends):
        server, client = ends
        room = Room(folder=None, most=10_000_000, waiting=1)
        answer = Departure(server, room)
        got = b""
        for block in BLOCKS:
            answer.sendall(block)
            got += client.recv(1_000_000)
        got += read(client, 10_000_000 - len(got), meanwhile=answer.hand_on)
        assert got == b"".join(BLOCKS)

    def test_sends_a_part_of_a_file(self, ends, tmp_path):
        server, client = ends
        path = tmp_path / "file"
        path.write_bytes(b"".join(BLOCKS[:3]))
        answer = Departure(server, Room(folder=None, most=1_000_000, waiting=1))
        with open(path, "rb") as file:
            answer.sendfile(file, 50_000, 100_000)
            answer.sendfile(file, 250_000)
        assert read(client, 150_000) == BLOCKS[0][:50_000] + BLOCKS[1][:50_000] + BLOCKS[2][:50_000]

    @pytest.mark.parametrize("cause", ["others put much aside", "the disk is full"])
    def test_waits_for_the_client_where_nothing_more_can_be_put_aside(self, ends, cause):
        server, client = ends
        room = Room(folder=None, most=300_000 if cause.startswith("others") else 100_000_000, waiting=1)
        answer = Departure(server, room)
        got = []
        reader = threading.Thread(target=lambda: got.append(read(client, 10_000_000)))
        with largest_file(300_000):
            reader.start()
            for block in BLOCKS:
                answer.sendall(block)
        while answer.left:
            answer.hand_on()
        reader.join(20)
        assert got == [b"".join(BLOCKS)]
        assert room.used == 0

    def test_lets_a_bounded_number_of_threads_wait_and_a_bounded_time(self, ends, monkeypatch):
        monkeypatch.setattr(departure, "TAKING_SECONDS", 0.5)
        server, _ = ends
        room = Room(folder=None, most=0, waiting=1)
        with pytest.raises(BrokenPipeError, match="does not take"):
            for block in BLOCKS:
                Departure(server, room).sendall(block)
        with room.a_thread_waits(), pytest.raises(BrokenPipeError, match="Too many"):
            Departure(server, room).sendall(BLOCKS[0])
        assert room.used == 0


class TestIsLate:
    def test_counts_pauses_and_the_pace_on_the_whole(self, ends):
        answer = Departure(ends[0], Room(folder=None, most=100_000_000, waiting=1))
        for block in BLOCKS:
            answer.sendall(block)
        answer.count_from_now()
        now = time.monotonic()
        assert not answer.is_late(now + departure.TAKING_SECONDS - 1)
        assert answer.is_late(now + departure.TAKING_SECONDS + 1)
        answer.taken_at = later = now + 10_000
        assert answer.is_late(later)
        answer.forget()
