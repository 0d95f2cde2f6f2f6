"""Why a connection failed, told from the exceptions that the layers below chain together."""

import socket
import ssl
from collections.abc import Iterator

from runnerpool.api.reasons import Reason
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.errors import PeerTubeError, TLSFailed, Unreachable

_RENEW = "renew it on the server"
_NAME_THE_AUTHORITY = "name the authority's certificate in spec.server.caBundleRef"
_COMPLETE = f"{_NAME_THE_AUTHORITY}, or have the server send the whole chain"
_OTHER_NAME = "the server needs a certificate for the name that it is called by"

# OpenSSL's X509_V_ERR codes (openssl-verification-options(1)) that administrators meet, and what to do.
_CERTIFICATE_FAULTS = {
    2: ("is signed by an authority that is not trusted, or its chain is incomplete", _COMPLETE),
    9: ("is not valid yet", "see whether the clocks are right"),
    10: ("has expired, or that of its authority has", _RENEW),
    18: ("is self-signed", "name it in spec.server.caBundleRef, or give the server another one"),
    19: ("is signed by an authority that is not trusted", _NAME_THE_AUTHORITY),
    20: ("is signed by an authority that is not trusted, or its chain is incomplete", _COMPLETE),
    21: ("is signed by an authority that is not trusted, or its chain is incomplete", _COMPLETE),
    23: ("has been revoked", _RENEW),
    62: ("is for another host name", _OTHER_NAME),
    64: ("is for another IP address", _OTHER_NAME),
}


def connection_failure(error: BaseException, address: ServerAddress) -> PeerTubeError:
    """The domain error for a call that got no answer."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            unknown = (f"is not accepted (OpenSSL code {cause.verify_code})", "correct it on the server")
            fault, remedy = _CERTIFICATE_FAULTS.get(cause.verify_code, unknown)
            return TLSFailed(Reason.TLS_ERROR, f"the certificate of {address} {fault}; {remedy}")
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
