"""The door of the web server: a gunicorn worker in which no client, however slow, keeps a thread from the others.

gunicorn's own threads read requests from their sockets and wait for as long as a client likes: sixteen unfinished
headers stop the site. Here the one loop that accepts connections also takes requests in (arrival.py), within bounds of
time and size, and a thread gets a request only once it is whole. Where there are too many connections, the oldest that
has not come to anything makes room. An answer of usual size the system takes whole; what it does not take of a larger
one is put aside (departure.py), and the loop hands it on as the client takes it.

A proxy that buffers does the same and more (docker-compose.yml has one); this holds without.
"""

import errno
import resource
import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from itertools import chain

from django.conf import settings
from gunicorn import http
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from serving.arrival import BLOCK, SLOWEST, Arrival, Refused
from serving.departure import Departure, Room

HEAD_SECONDS = 10
"""How long a client may take from its first moment until the end of the headers; for a kept connection anew."""
SEND_BUFFER = 1024 * 1024
"""Asked of the system, which gives some 400 KB unless it is told otherwise."""
LINGER_SECONDS = 2
MOST_STORED = 2 * 1024**3
"""Bytes of bodies on disk at a time, in each process, and of answers: more bodies are refused for the moment, more of
answers is for threads to wait with, half of them at most."""
NO_ROOM = "CONCORD-NO-ROOM"
"""The header by which core.entrance learns that there was no room for a body."""
FILES_EACH = 2
"""Of a connection: its socket, and what lies on disk of its request or its answer."""
FILES_KEPT_FREE = 128
"""Of the files that the process may open: for databases, templates, logs."""


class Doorkeeper(ThreadWorker):
    """`--worker-class serving.doorkeeper.Doorkeeper`."""

    def init_process(self):
        self.arriving = {}  # connection → until when, the oldest first
        self.departing = {}
        self.leaving = {}
        self.stored = 0
        self.next_look = 0.0
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = FILES_EACH * self.worker_connections + FILES_KEPT_FREE
        files = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
        self.most = max((files - FILES_KEPT_FREE) // FILES_EACH, self.cfg.threads + 1)
        self.worker_connections = self.most + 1  # the loop never stops accepting: see make_room
        super().init_process()

    def load_wsgi(self):
        super().load_wsgi()  # by which the settings are known
        self.room = Room(
            folder=settings.FILE_UPLOAD_TEMP_DIR, most=MOST_STORED, waiting=max(1, self.cfg.threads // 2)
        )

    # --- a request comes in ----------------------------------------------------------------------------------

    def accept(self, listener):
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK, errno.EMFILE):
                raise
            self.make_room()
            return
        self.make_room()
        self.nr_conns += 1
        with suppress(OSError):
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        conn = TConn(self.cfg, client, address, listener.getsockname())
        conn.initialized = True  # its parser is ours: nothing is to be read from the socket
        conn.parser = http.get_parser(self.cfg, (), address)
        conn.departure = Departure(client, self.room)
        self.await_request(conn)

    def make_room(self):
        """End the connection that has been of no use for longest, where there are as many as can be held."""
        if self.nr_conns < self.most:
            return
        without_head = (conn for conn in self.arriving if conn.arrival.body is None)
        useless = chain(self.leaving, without_head, self.keepalived_conns, self.departing, self.arriving)
        conn = next(useless, None)
        if conn is not None:
            self.drop(conn)

    def await_request(self, conn, sent=b""):
        """Take in what the client sends, `sent` first, without a thread."""
        conn.sock.setblocking(False)
        conn.arrival = Arrival(largest=settings.UPLOAD_MAX_SIZE, folder=settings.FILE_UPLOAD_TEMP_DIR)
        self.arriving[conn] = time.monotonic() + HEAD_SECONDS
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_sent, conn))
        if sent:
            self.take_in(conn, sent)

    def on_sent(self, conn, client):
        try:
            data = client.recv(BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.take_in(conn, data)
        else:
            self.drop(conn)

    def take_in(self, conn, data):
        arrival = conn.arrival
        had_head, stored = arrival.body is not None, arrival.stored
        try:
            arrival.take(data)
            if arrival.stored and self.stored + arrival.stored - stored > MOST_STORED:
                arrival.give_up(f"others take up {self.stored // 1024**2} MB")
            self.stored += arrival.stored - stored
        except Refused as refusal:
            self.refuse(conn, str(refusal))
        else:
            if arrival.wants_word and not had_head and not arrival.whole:
                with suppress(OSError):
                    conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            if arrival.whole:
                self.pass_on(conn)
            elif not had_head and arrival.body is not None:
                self.arriving[conn] += arrival.length / SLOWEST

    def pass_on(self, conn):
        """Give a whole request to a thread."""
        del self.arriving[conn]
        self.poller.unregister(conn.sock)
        conn.data_ready = True
        conn.parser.unreader = conn.arrival.reader()
        self.enqueue_req(conn)

    def refuse(self, conn, status):
        words = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        with suppress(OSError):
            conn.sock.send(words.encode())
        del self.arriving[conn]
        self.poller.unregister(conn.sock)
        self.see_off(conn)

    # --- it is answered --------------------------------------------------------------------------------------

    def handle(self, conn):
        client, conn.sock = conn.sock, conn.departure
        try:
            return super().handle(conn) and not conn.arrival.cut
        finally:
            conn.sock = client

    def handle_request(self, req, conn):
        if conn.arrival.trouble:
            self.log.error("A request could not be taken in: %s", conn.arrival.trouble)
            req.headers.append((NO_ROOM, "1"))
        return super().handle_request(req, conn)

    def finish_request(self, conn, fs):
        """What no client has to take any more is over; else it leaves first. In the loop."""
        rest = conn.arrival.rest
        goes_on = not fs.cancelled() and not fs.exception() and fs.result()
        self.forget(conn)
        if conn.departure.left:
            conn.departure.count_from_now()
            self.departing[conn] = goes_on, rest
            self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self.on_taking, conn))
        else:
            self.go_on(conn, goes_on, rest)

    def on_taking(self, conn, client):
        try:
            conn.departure.hand_on()
        except OSError:
            self.drop(conn)
            return
        if not conn.departure.left:
            self.poller.unregister(client)
            self.go_on(conn, *self.departing.pop(conn))

    def go_on(self, conn, goes_on, rest):
        if not goes_on:
            self.see_off(conn)
        elif rest:
            self.await_request(conn, rest)
        else:
            self.keep(conn)

    def keep(self, conn):
        conn.sock.setblocking(False)
        conn.set_timeout()
        if not self.alive:
            conn.timeout = min(conn.timeout, time.monotonic() + STOP_KEEPALIVE_LINGER)
        self.keepalived_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_client_socket_readable, conn))

    def on_client_socket_readable(self, conn, client):
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self.await_request(conn)
        self.on_sent(conn, client)

    # --- it ends ---------------------------------------------------------------------------------------------

    def see_off(self, conn):
        """Close a connection once the client has: closed at once, it might lose the end of its answer."""
        self.forget(conn)
        conn.sock.setblocking(False)
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
            return
        self.leaving[conn] = time.monotonic() + LINGER_SECONDS
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_leaving, conn))

    def on_leaving(self, conn, client):
        try:
            if client.recv(BLOCK):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self.drop(conn)

    def drop(self, conn):
        """Close a connection that no thread has."""
        if not any(held.pop(conn, None) for held in (self.arriving, self.departing, self.leaving)):
            self.keepalived_conns.remove(conn)
        self.poller.unregister(conn.sock)
        self.forget(conn)
        conn.departure.forget()
        self.nr_conns -= 1
        conn.close()

    def forget(self, conn):
        """What was held of its request."""
        self.stored -= conn.arrival.stored
        conn.arrival.forget()
        conn.arrival = Arrival(largest=0)

    def murder_pending(self):
        """End what is past its time. Called after every round of the loop."""
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + 1
        for conn, until in list(self.arriving.items()):
            if not conn.arrival.head and (until < now or not self.alive):
                self.drop(conn)
            elif until < now:
                self.refuse(conn, "408 Request Timeout")
        for conn in [conn for conn, until in self.leaving.items() if until < now]:
            self.drop(conn)
        for conn in [conn for conn in self.departing if conn.departure.is_late(now)]:
            self.drop(conn)
