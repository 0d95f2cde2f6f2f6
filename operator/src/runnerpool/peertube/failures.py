"""Why a connection failed, told from the exceptions that the layers below chain together."""

import socket
import ssl
from collections.abc import Iterator

from runnerpool.api.reasons import Reason
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.errors import PeerTubeError, TLSFailed, Unreachable

# OpenSSL's X509_V_ERR codes (openssl-verification-options(1)) that administrators meet.
_CERTIFICATE_FAULTS = {
    9: "is not valid yet",
    10: "has expired",
    18: "is self-signed",
    19: "is signed by an authority that is not trusted",
    20: "is signed by an authority that is not trusted, or its chain is incomplete",
    21: "is signed by an authority that is not trusted, or its chain is incomplete",
    23: "has been revoked",
    62: "is for another host name",
    64: "is for another IP address",
}


def connection_failure(error: BaseException, address: ServerAddress) -> PeerTubeError:
    """The domain error for a call that got no answer."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            fault = _CERTIFICATE_FAULTS.get(cause.verify_code, f"is not accepted (OpenSSL code {cause.verify_code})")
            message = f"the certificate of {address} {fault}; renew or correct it on the server"
            return TLSFailed(Reason.TLS_ERROR, message)
        if isinstance(cause, ssl.SSLError):
            return TLSFailed(
                Reason.TLS_ERROR,
                f"no TLS connection to {address}; check that the URL's port speaks HTTPS, with TLS 1.2 or newer",
            )
        if isinstance(cause, socket.gaierror | UnicodeError):
            return Unreachable(
                Reason.SERVER_UNREACHABLE,
                f"the host name of {address} cannot be resolved; check the URL and the cluster's DNS",
            )
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(
                Reason.SERVER_UNREACHABLE,
                f"{address} refuses the connection; check that it is up and that the URL's port is right",
            )
    return Unreachable(
        Reason.SERVER_UNREACHABLE,
        f"{address} cannot be reached, or broke the connection; check the server, the network and network policies",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what it came from, outermost first; members of groups included."""
    seen = 0
    while error is not None and seen < 20:  # noqa: PLR2004 - no chain is that long; a loop in it would be
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _causes(member)
        error = error.__cause__ or error.__context__
        seen += 1
