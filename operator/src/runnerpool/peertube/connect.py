"""From an endpoint to a client: how the parts of this package fit together."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import PeerTubeClient
from runnerpool.peertube.connection import open_http, tls_context
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.patience import Patience
from runnerpool.peertube.session import Session
from runnerpool.peertube.telemetry import NoTelemetry, Telemetry
from runnerpool.peertube.transport import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Makes clients; those of one server share its `Patience`, whoever they log in as.

    The public authorities are read once, as that takes tens of milliseconds.
    """

    telemetry: Telemetry = field(default_factory=NoTelemetry)
    may_write: Callable[[], bool] = lambda: True
    tls: ssl.SSLContext = field(default_factory=tls_context)
    # By both addresses: whoever may name an internal one must not speak for the server that others call. Kept for good,
    # or a Secret that comes and goes would be tried at each of its comings; some hundred bytes each.
    _patience: dict[ServerAddress, Patience] = field(default_factory=dict)

    def __call__(self, endpoint: Endpoint) -> PeerTubeClient:
        """A client that has sent nothing yet; whoever asks for it closes it.

        Raises:
            BadCredentials: The login is for another origin.
        """
        address, bundle = endpoint.address, endpoint.ca_bundle
        http = open_http(address, tls=self.tls if bundle is None else tls_context(bundle))
        patience = self._patience.setdefault(address, Patience())
        transport = Transport(address, http, self.telemetry, patience=patience, may_write=self.may_write)
        return PeerTubeClient(Session(transport, endpoint.credentials))
