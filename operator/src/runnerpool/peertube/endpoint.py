"""A server as one pool knows it: where it is, as whom it is called, and whom to trust about it."""

from dataclasses import dataclass

from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.trust import CaBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """All that a client needs.

    Attributes:
        ca_bundle: Authorities to trust besides the public ones; None if there are none.
    """

    address: ServerAddress
    credentials: Credentials
    ca_bundle: CaBundle | None = None
