"""Clients that say nothing, stop in mid-sentence, or dribble: the others are served as if they were not there."""

import resource
import socket
import time
import urllib.request
from contextlib import ExitStack, suppress

import pytest

from serving import doorkeeper
from tests.live import BUSY, Live

pytestmark = pytest.mark.once  # nothing here asks a database
AT_ONCE = 3 * BUSY
"""Seconds within which a page must come; with gunicorn's own threads it took minutes, or never came."""
HEADERS = b"GET /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
BODY = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\nabc"
UNFINISHED = {"nothing": b"", "half of the headers": HEADERS, "the beginning of a body": BODY}


@pytest.fixture(scope="class")
def web():
    live = Live(DATABASE_URL="sqlite:///:memory:")
    live.start("web")
    yield live
    live.stop()


class Crowd(ExitStack):
    """As many connections to a server that have said that, and no more; they stay open until the end."""

    def __init__(self, server, count, said):
        super().__init__()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.connections = [self.enter_context(connect(server, said)) for _ in range(count)]


def connect(web, said=b""):
    connection = socket.create_connection(("127.0.0.1", web.port), timeout=60)
    connection.sendall(said)
    return connection


def seconds_of_a_page(web):
    began = time.monotonic()
    with urllib.request.urlopen(f"{web.url}/static/css/base.css", timeout=60) as answer:
        assert answer.status == 200
    return time.monotonic() - began


def answer_to(web, said):
    """All that comes back until the server closes or has nothing more to say."""
    with connect(web, said) as connection:
        got = connection.recv(65536)
        connection.settimeout(2)
        with suppress(TimeoutError):
            while more := connection.recv(65536):
                got += more
    return got


class TestSlowClients:
    @pytest.mark.parametrize("said", UNFINISHED.values(), ids=list(UNFINISHED))
    def test_a_hundred_of_them_keep_nobody_waiting(self, web, said):
        with Crowd(web, 100, said):
            assert max(seconds_of_a_page(web) for _ in range(5)) < AT_ONCE

    @pytest.mark.deep
    @pytest.mark.parametrize("said", UNFINISHED.values(), ids=list(UNFINISHED))
    def test_a_thousand_of_them_keep_nobody_waiting(self, web, said):
        with Crowd(web, 1000, said):
            assert max(seconds_of_a_page(web) for _ in range(20)) < AT_ONCE

    @pytest.mark.deep
    def test_more_of_them_than_the_server_holds_keep_nobody_waiting(self, web):
        with Crowd(web, 5000, HEADERS):
            assert max(seconds_of_a_page(web) for _ in range(20)) < AT_ONCE

    @pytest.mark.deep
    def test_headers_have_their_time_and_then_an_end(self, web):
        began = time.monotonic()
        with connect(web, HEADERS) as dribbling, connect(web) as silent:
            dribbling.settimeout(0.2)
            answer = None
            while answer is None and time.monotonic() - began < 60:
                dribbling.sendall(b"x")  # one letter after another: no pause is ever long
                with suppress(TimeoutError):
                    answer = dribbling.recv(1000)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert time.monotonic() - began < BUSY * (doorkeeper.HEAD_SECONDS + 2)
            assert silent.recv(10) == b""

    def test_who_does_not_close_keeps_nobody_waiting(self, web):
        asked = b"GET /static/css/base.css HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        with Crowd(web, 50, asked):
            assert seconds_of_a_page(web) < AT_ONCE

    def test_who_reads_no_answer_keeps_nobody_waiting_and_finds_it_whole(self, web):
        asked = b"GET /static/vendor/pico/pico.min.css HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        count = 60  # five megabytes: the system takes a fraction of that
        said = (count - 1) * (asked + b"\r\n") + asked + b"Connection: close\r\n\r\n"
        with Crowd(web, 40, said) as crowd:
            assert max(seconds_of_a_page(web) for _ in range(5)) < AT_ONCE
            got = b""
            while more := crowd.connections[0].recv(1_000_000):
                got += more
        first, *others = got.split(b"HTTP/1.1 200 OK\r\n")[1:]
        assert len(others) == count - 1
        assert {len(other) for other in (first, *others)} <= {
            len(first),
            len(first) - len("keep-alive") + len("close"),
        }


class TestRequests:
    """What comes in pieces or in an unusual way is answered as it should be."""

    GET = b"GET /static/css/base.css HTTP/1.1\r\nHost: 127.0.0.1\r\n"

    def test_one_byte_after_another_is_a_request(self, web):
        with connect(web) as connection:
            for byte in self.GET + b"\r\n":
                connection.sendall(bytes([byte]))
            assert connection.recv(12) == b"HTTP/1.1 200"

    def test_several_behind_each_other_are_all_answered(self, web):
        got = answer_to(web, 3 * (self.GET + b"\r\n"))
        assert got.count(b"HTTP/1.1 200 OK") == 3

    def test_a_body_of_a_file_s_size_arrives_whole(self, web):
        body = b"a=" + b"x" * 2_000_000
        head = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n" % len(body)
        got = answer_to(web, head + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n" + body)
        assert got.startswith(b"HTTP/1.1 403")  # no CSRF token: Django has read the form

    def test_a_body_beyond_the_limit_is_told_so(self, web):
        # Ten times the limit of a form's fields; the answer waits until the client has sent it.
        body = b"x" * 25 * 1024**2
        head = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n" % len(body)
        assert answer_to(web, head + b"Content-Type: text/plain\r\n\r\n" + body).startswith(b"HTTP/1.1 413")

    def test_whoever_asks_first_is_told_to_go_on(self, web):
        head = (
            b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        with connect(web, head) as connection:
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"a=b")
            assert connection.recv(1000).startswith(b"HTTP/1.1 403")

    @pytest.mark.parametrize(
        ("said", "status"),
        [
            (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
            (GET + b"X: " + b"x" * 70_000, 431),
            (GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
            (GET + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        ],
        ids=["chunks", "endless headers", "two lengths", "a length of 5,000 digits", "another protocol"],
    )
    def test_what_cannot_be_taken_in_is_refused(self, web, said, status):
        assert answer_to(web, said).startswith(b"HTTP/1.1 %d " % status)
