"""The listening side of the server, as far as it changes while it runs."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator

from aiohttp import web

from peers.peertube.tls import TlsFiles


class Listener:
    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._context: ssl.SSLContext | None = None
        self._files: TlsFiles | None = None
        self._busy: set[asyncio.BaseTransport | None] = set()

    def attach(self, runner: web.AppRunner, context: ssl.SSLContext | None, files: TlsFiles | None) -> None:
        self._runner, self._context, self._files = runner, context, files

    def reload_certificate(self) -> None:
        """Read the files again, and end each connection after the answer that it waits for, as nginx does.

        Raises:
            ValueError: The server listens without TLS, or the files hold no certificate; the old one stays then.
        """
        if self._context is None or self._files is None:
            raise ValueError("The server listens without TLS; start it with a certificate")
        try:
            # A context that has taken one file and refused the other would be good for nothing.
            self._files.context()
            self._files.load_into(self._context)
        except OSError as error:
            raise ValueError(f"The certificate's files cannot be used: {error}") from error
        self._end_connections()

    @contextlib.contextmanager
    def serving(self, connection: asyncio.BaseTransport | None) -> Iterator[None]:
        """While a request of this connection waits for its answer."""
        self._busy.add(connection)
        try:
            yield
        finally:
            self._busy.discard(connection)

    def _end_connections(self) -> None:
        server = self._runner.server if self._runner is not None else None
        for connection in server.connections if server is not None else ():
            connection.close()  # the busy ones, when they have answered
            if connection.transport is not None and connection.transport not in self._busy:
                connection.transport.close()


LISTENER = web.AppKey("listener", Listener)
