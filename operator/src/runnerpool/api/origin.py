"""Origins (RFC 6454): scheme, host and port of a server, which is what a pool's server is known by."""

import re
from dataclasses import dataclass

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65535
_HOST = re.compile(r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:]*)(:(?P<port>[0-9]{1,5}))?")

EXAMPLE = "https://video.example.org"


@dataclass(frozen=True, slots=True)
class Origin:
    """A server's origin. Two are equal if a browser would call them the same: case and a default port don't matter."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host[:port]` as the Host header carries it: a default port is left out."""
        return self.host if self.port == _DEFAULT_PORTS[self.scheme] else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        """The one way to write this origin."""
        return f"{self.scheme}://{self.authority}"


def parse_origin(text: str) -> Origin:
    """Read an origin as the resource's `url` fields allow it; the CRD's rules accept the same texts.

    Raises:
        ValueError: It is none; the message says what to write instead and repeats nothing of the text, which may hold a
            password.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in _DEFAULT_PORTS:
        raise ValueError(f"must begin with https:// or http://, such as {EXAMPLE}")
    if "@" in rest:
        raise ValueError("must not hold a user or a password; put them into the Secret that credentialsRef names")
    if any(mark in rest for mark in "/?#"):
        raise ValueError(f"must be an origin alone; leave out path, query, fragment and a closing slash: {EXAMPLE}")
    match = _AUTHORITY.fullmatch(rest)
    if not match or not _HOST.fullmatch(match["host"]):
        raise ValueError(
            f"must name a host, and a port only as :1 to :65535, such as {EXAMPLE} or {EXAMPLE}:8443; write "
            "international names in their ASCII form (xn--…)"
        )
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    if not 0 < port <= _MAX_PORT:
        raise ValueError(f"must have a port from 1 to 65535, such as {EXAMPLE}:8443")
    return Origin(scheme, match["host"].lower(), port)


def same_origin(one: str, other: str) -> bool:
    """Whether two texts name the same origin. Blanks around and a closing slash are forgiven; no origin equals none."""
    try:
        return parse_origin(_forgive(one)) == parse_origin(_forgive(other))
    except ValueError:
        return False


def _forgive(text: str) -> str:
    return text.strip().removesuffix("/")
