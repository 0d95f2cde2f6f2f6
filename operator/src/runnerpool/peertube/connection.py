"""The HTTP client of one server. Behaviour is injected as an `httpx` transport or a TLS context."""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from runnerpool import __version__
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.transport import CONNECTIONS, TOTAL_TIMEOUT_SECONDS
from runnerpool.peertube.trust import CaBundle

USER_AGENT = f"runnerpool/{__version__}"
"""PeerTube records it with each login session (since 7.3), where an administrator should recognise it."""

# Node closes idle connections after 5 s, which is our usual period: one that old may be closed while the request is
# under way, which then fails though nothing is wrong.
_KEEP_ALIVE_SECONDS = 2.0


def open_http(
    address: ServerAddress, *, transport: httpx.AsyncBaseTransport | None = None, tls: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """A client that trusts neither proxies nor logins of the environment, follows no redirect and keeps no cookie.

    Args:
        address: Where calls go, and under which Host.
        transport: Replaces the network.
        tls: Whom to trust; default: the authorities that httpx brings.
    """
    return httpx.AsyncClient(
        base_url=address.base_url,
        headers={
            "Host": address.host_header,
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            # Unpacking could turn a small answer into a huge one, past the limit on its size.
            "Accept-Encoding": "identity",
        },
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        timeout=TOTAL_TIMEOUT_SECONDS,
        limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=_KEEP_ALIVE_SECONDS),
        follow_redirects=False,
        trust_env=False,
        transport=transport,
        verify=True if tls is None else tls,
    )


def tls_context(bundle: CaBundle | None = None) -> ssl.SSLContext:
    """Certificates are verified, always; TLS 1.2 or newer.

    Args:
        bundle: Trusted as well as the public authorities, not instead of them: a server that moves to a public
            certificate, as many do in time, keeps working, and so it is with Node's NODE_EXTRA_CA_CERTS in the pods.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 sets both by default. Node, which the runner runs on, sets neither: a certificate that only one of
    # the two accepts would make pods that never get ready, or none where they would work. Many private authorities
    # lack extensions that "strict" asks for.
    context.verify_flags &= ~(ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN)
    if bundle is not None:
        context.load_verify_locations(cadata=bundle.pem)
    return context
