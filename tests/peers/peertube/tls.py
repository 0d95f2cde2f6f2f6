"""TLS with a certificate that can be changed while the server runs."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the certificate with what it is chained to, and its key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """What to listen with.

        Raises:
            OSError: A file is missing, or is no PEM (ssl.SSLError), or the two do not fit.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # Who resumes an earlier session does not look at the certificate again.
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Show the files' certificate from now on to whoever connects.

        Raises:
            OSError: As `context`.
        """
        context.load_cert_chain(self.certificate, self.key)
