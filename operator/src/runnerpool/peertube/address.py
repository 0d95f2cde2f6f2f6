"""Where a server is: its public origin, which is its identity, and the address that it is called at."""

from dataclasses import dataclass

from runnerpool.api.origin import Origin, parse_origin


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """A server's address.

    Attributes:
        public: The origin that the server knows itself by.
        internal: The origin that it is called at instead, such as that of a Service.
    """

    public: Origin
    internal: Origin | None = None

    @classmethod
    def parse(cls, url: str, internal_url: str | None = None) -> "ServerAddress":
        """The address that a pool's `spec.server` gives.

        Raises:
            ValueError: One of the two is no origin.
        """
        return cls(public=parse_origin(url), internal=None if internal_url is None else parse_origin(internal_url))

    @property
    def base_url(self) -> str:
        """Where calls go."""
        return str(self.internal or self.public)

    @property
    def host_header(self) -> str:
        """The public `host[:port]`: PeerTube hands out its OAuth client under that name only (recording 03)."""
        return self.public.authority

    def __str__(self) -> str:
        """How messages name the server."""
        via = f" (called at {self.internal})" if self.internal else ""
        return f"PeerTube at {self.public}{via}"
