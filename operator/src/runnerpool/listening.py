"""How probes and metrics are served: on every address of the pod, IPv4 and IPv6 alike, from threads of their own."""

import socket
import sys
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

SILENCE_SECONDS = 5.0
"""How long a peer may neither send nor take anything; then its thread is given back."""


class Listener(ThreadingTCPServer):
    """Hands each connection to a handler in a thread of its own.

    Not `http.server.ThreadingHTTPServer`, which asks the DNS for the host's name before it answers anybody.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, handler: type[BaseRequestHandler]) -> None:
        # A cluster may have no IPv4, and a kernel no IPv6.
        self.address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        super().__init__(("", port), handler)

    def server_bind(self) -> None:
        """Take both families, whatever the kernel's default (net.ipv6.bindv6only) is."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection, and wait on it for a time only."""
        connection, address = super().get_request()
        connection.settimeout(SILENCE_SECONDS)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell what went wrong, unless it is that somebody has hung up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def listen(handler: type[BaseRequestHandler], port: int, *, name: str) -> Listener:
    """Serve until `shutdown` is called on the result.

    Args:
        handler: Answers a connection.
        port: 0 takes a free one.
        name: The thread's.

    Raises:
        OSError: The port is taken, or not ours to take.
    """
    server = Listener(port, handler)
    threading.Thread(target=server.serve_forever, name=name, daemon=True).start()
    return server
