"""Whom to trust about a server besides the public authorities: the certificates that its administrator names."""

import hashlib
import re
import ssl
from dataclasses import dataclass

from runnerpool.api.reasons import Reason
from runnerpool.peertube.errors import BadCaBundle

LIMIT_BYTES = 512 * 1024
"""All public authorities together are less than half of it. It goes into the Secret of each pod, which holds 1 MiB."""

_BEGIN = "-----BEGIN CERTIFICATE-----"
_BLOCK = re.compile(rf"{_BEGIN}[\sA-Za-z0-9+/=]*-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class CaBundle:
    """Certificates that were read once already.

    Attributes:
        pem: Certificates alone, each once, in an order of ours: neither a comment nor a private key that stood
            between them is handed on, and a bundle that is merely written in another way is the same.
    """

    pem: str

    @classmethod
    def parse(cls, text: str) -> "CaBundle":
        """Read PEM, of which only the certificates count.

        Raises:
            BadCaBundle: It holds none, or one that cannot be read, or is too long.
        """
        if len(text) > LIMIT_BYTES:
            raise _invalid(f"is longer than {LIMIT_BYTES >> 10} KiB; name only the authorities that are needed")
        blocks = [_one_way(block) for block in _BLOCK.findall(text)]
        if not blocks:
            raise _invalid(f"holds no certificate in PEM; it must begin with {_BEGIN}")
        if len(blocks) < text.count(_BEGIN):
            raise _invalid("holds a certificate that is cut off, or is not written in Base64")
        for number, block in enumerate(blocks, start=1):
            _try(block, number)
        return cls("".join(sorted(set(blocks))))

    @property
    def digest(self) -> str:
        """Tells two bundles apart."""
        return hashlib.sha256(self.pem.encode()).hexdigest()


def _one_way(block: str) -> str:
    return "\n".join(line.strip() for line in block.splitlines() if line.strip()) + "\n"


def _try(block: str, number: int) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=block)
    except (ssl.SSLError, ValueError):
        # Not chained: nothing of the text is to be repeated.
        raise _invalid(f"holds a certificate, number {number}, that cannot be read; copy it anew") from None


def _invalid(what: str) -> BadCaBundle:
    return BadCaBundle(Reason.CA_BUNDLE_INVALID, f"the CA bundle {what}")
