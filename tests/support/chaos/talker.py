"""A pod that does nothing but greet a server on this machine, and the server: what a broken link is seen by."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

TALKER = """
import sys, time, urllib.request
while True:
    try:
        urllib.request.urlopen(sys.argv[1], data=b"x" * 20000, timeout=2).read()
    except OSError:
        pass
    time.sleep(0.1)
"""
"""Ten greetings of 20 kB a second, on a new connection each; one that does not arrive is given up after 2 s."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """The server, and how many greetings it has heard."""

    address: str
    port: int
    heard: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}/"

    def hear(self) -> None:
        with self.lock:
            self.heard += 1


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A cut connection is what this is for."""


@contextmanager
def listening(address: str) -> Iterator[Listener]:
    """A server on one of this machine's addresses for as long as the block runs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            if len(self.rfile.read(length)) == length:
                made.hear()
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the library's)
            pass

    with _Server((address, 0), Handler) as server:
        made = Listener(address=address, port=server.server_port)
        thread = threading.Thread(target=server.serve_forever, name="listener")
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
