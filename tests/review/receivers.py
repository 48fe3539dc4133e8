"""Receivers of webhooks that run in a thread: a good one, and the ways in which others are bad."""

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent in ``taken`` as (headers, body); ``answer`` decides what it says."""

    daemon_threads = True

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.taken = []
        self.hold = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook?key=1"

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.headers, body))
        self.server.answer(self)

    def do_GET(self):
        self.server.taken.append((self.headers, b"GET"))

    def log_message(self, *args):
        """Quiet."""


def says(status, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"ok")

    return answer


def says_nothing(handler):
    handler.server.hold.wait(20)


def drips(handler):
    """Send a header line, byte by byte, as slowly as it takes to outlast any timeout of a read."""
    line = b"HTTP/1.1 200 OK\r\nX-Slow: "
    handler.wfile.write(line)
    while not handler.server.hold.wait(0.05):
        handler.wfile.write(b"a")


def pours(handler):
    """Send an answer without end, and remember how much of it was taken."""
    handler.server.poured = 0
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
    while not handler.server.hold.is_set():
        handler.wfile.write(b"x" * 65536)
        handler.server.poured += 65536


def is_no_http(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.0\r\n")
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def receiver(answer=None):
    server = Receiver(answer or says(200))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.hold.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
