"""The listening side of the server, as far as it changes while it runs."""

import ssl

from aiohttp import web

from peers.peertube.tls import TlsFiles


class Listener:
    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._context: ssl.SSLContext | None = None
        self._files: TlsFiles | None = None

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

    def _end_connections(self) -> None:
        if self._runner is not None and self._runner.server is not None:
            self._runner.server.pre_shutdown()


LISTENER = web.AppKey("listener", Listener)
