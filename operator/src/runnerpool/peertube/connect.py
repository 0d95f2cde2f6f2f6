"""From an address and a login to a client: how the parts of this package fit together."""

import ssl
from dataclasses import dataclass, field

from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import PeerTubeClient
from runnerpool.peertube.connection import default_tls, open_http
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.session import Session
from runnerpool.peertube.telemetry import NoTelemetry, Telemetry
from runnerpool.peertube.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Makes clients. Whom to trust is read once, as loading the authorities takes tens of milliseconds."""

    telemetry: Telemetry = field(default_factory=NoTelemetry)
    tls: ssl.SSLContext = field(default_factory=default_tls)

    def __call__(self, address: ServerAddress, credentials: Credentials) -> PeerTubeClient:
        """A client that has sent nothing yet; whoever asks for it closes it.

        Raises:
            BadCredentials: The login is for another origin.
        """
        http = open_http(address, tls=self.tls)
        return PeerTubeClient(Session(Transport(address, http, self.telemetry), credentials))
