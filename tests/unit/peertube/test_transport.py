"""Bad servers, on real sockets: what they do, and what it is called."""

import asyncio
import gzip
import ssl
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import trustme
from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.connect import Connector
from runnerpool.peertube.connection import open_http, tls_context
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.errors import (
    InvalidResponse,
    NotLeading,
    PeerTubeError,
    RateLimited,
    Redirected,
    ServerFailed,
    TimedOut,
    TLSFailed,
    Unreachable,
)
from runnerpool.peertube.failures import connection_failure
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import BODY_LIMIT_BYTES, CONNECTIONS, Answer, Call, Transport
from runnerpool.peertube.trust import CaBundle
from support import certificates
from support.bad_server import Behaviour, answers, bad_server, endless, says, silent
from support.certificates import Certificate
from support.scripted_peertube import Counters

BEARER = SecretStr("canary-bearer")
CALL = Call(operation=Operation.LIST_JOBS, method="GET", path="/api/v1/runners/jobs")
PATIENCE = 20.0
LITTLE_PATIENCE = 0.3


async def ask(
    url: str, *, counters: Counters | None = None, tls: ssl.SSLContext | None = None, patience: float = PATIENCE
) -> Answer:
    """One call."""
    address = ServerAddress.parse(url)
    transport = Transport(address, open_http(address, tls=tls), counters or Counters(), total_timeout=patience)
    try:
        return await transport.send(CALL, BEARER)
    finally:
        await transport.aclose()


async def trouble(behaviour: Behaviour, *, reads_request: bool = True, patience: float = PATIENCE) -> PeerTubeError:
    """The error that a server with this behaviour causes; it repeats nothing, and is counted."""
    counters = Counters()
    async with bad_server(behaviour, reads_request=reads_request) as server:
        with pytest.raises(PeerTubeError) as caught:
            await ask(f"http://127.0.0.1:{server.port}", counters=counters, patience=patience)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(counters.requests) == 1
    return caught.value


async def test_a_good_answer_is_read_and_the_login_sent_along() -> None:
    async with bad_server(answers("200 OK", b'{"ok": 1}')) as server:
        answer = await ask(f"http://127.0.0.1:{server.port}")

    assert (answer.status, answer.body, answer.ok) == (200, b'{"ok": 1}', True)
    assert "Authorization: Bearer canary-bearer" in server.requests[0]
    assert "Host: 127.0.0.1:" in server.requests[0]


@pytest.mark.parametrize(
    "behaviour",
    [
        silent,
        says(b"HTTP/1.1 200 OK\r\n", *[b"X-Drip: canary\r\n"] * 2000, pause=0.05),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", *[b"c"] * 2000, pause=0.05),
        endless(b" ", pause=0.01),
    ],
    ids=["silence", "drip-fed head", "drip-fed body", "slow endless body"],
)
async def test_the_whole_call_is_bounded_in_time_however_slowly_bytes_drip(behaviour: Behaviour) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    error = await trouble(behaviour, patience=LITTLE_PATIENCE)

    assert isinstance(error, TimedOut)
    assert error.reason is Reason.SERVER_TIMEOUT
    # Undisturbed the drip would go on for 100 s; a busy machine may be late, but not as late as that.
    assert loop.time() - began < LITTLE_PATIENCE + 15


async def test_an_endless_body_is_cut_at_the_limit() -> None:
    error = await trouble(endless(b"canary" * 200_000))

    assert isinstance(error, InvalidResponse)
    assert "longer than 5 MiB" in error.message


async def test_a_body_of_just_the_limit_is_read_and_a_byte_more_is_not() -> None:
    def server(size: int) -> httpx.MockTransport:
        return httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(b"x" * size)))

    address = ServerAddress.parse("https://video.example.org")

    async def size_read(size: int) -> int:
        transport = Transport(address, open_http(address, transport=server(size)), Counters())
        return len((await transport.send(CALL)).body)

    assert await size_read(BODY_LIMIT_BYTES) == BODY_LIMIT_BYTES
    with pytest.raises(InvalidResponse):
        await size_read(BODY_LIMIT_BYTES + 1)


async def test_a_packed_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)

    error = await trouble(answers("200 OK", bomb, "Content-Encoding: gzip"))

    assert isinstance(error, InvalidResponse)
    assert "compressed" in error.message


@pytest.mark.parametrize(
    ("behaviour", "kind", "reason"),
    [
        (answers("502 Bad Gateway", b"<html>canary</html>"), ServerFailed, Reason.SERVER_ERROR),
        (answers("500 canary", b"canary"), ServerFailed, Reason.SERVER_ERROR),
        (answers("599 canary", b"canary"), ServerFailed, Reason.SERVER_ERROR),
        (answers("429 Too Many", b"canary", "Retry-After: 7"), RateLimited, Reason.RATE_LIMITED),
        (answers("301 Moved", b"", "Location: http://canary/"), Redirected, Reason.REDIRECTED),
        (answers("304 Not Modified", b""), Redirected, Reason.REDIRECTED),
        (says(b"canary: this is not HTTP\r\n\r\n"), Unreachable, Reason.SERVER_UNREACHABLE),
        (says(), Unreachable, Reason.SERVER_UNREACHABLE),
        (says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncanary"), Unreachable, Reason.SERVER_UNREACHABLE),
        (says(b"HTTP/1.1 200 OK\r\nX: " + b"c" * 300_000), Unreachable, Reason.SERVER_UNREACHABLE),
        (
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ncanary\r\n"),
            Unreachable,
            Reason.SERVER_UNREACHABLE,
        ),
    ],
)
async def test_each_misbehaviour_has_its_name(behaviour: Behaviour, kind: type[PeerTubeError], reason: Reason) -> None:
    error = await trouble(behaviour)

    assert isinstance(error, kind)
    assert error.reason is reason
    assert error.message.startswith("PeerTube at http://127.0.0.1:")


async def test_a_connection_that_is_closed_before_the_request_is_read_is_named() -> None:
    assert isinstance(await trouble(says(), reads_request=False), Unreachable)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_replica_that_leads_no_more_asks_for_no_change(method: str) -> None:
    seen: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.method)
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    leads = True
    address = ServerAddress.parse("http://127.0.0.1:9")
    http = open_http(address, transport=httpx.MockTransport(server))
    transport = Transport(address, http, Counters(), may_write=lambda: leads)
    write = Call(operation=Operation.REGISTER, method=method, path="/")
    await transport.send(write)
    leads = False
    with pytest.raises(NotLeading, match="leads no more"):
        await transport.send(write)
    await transport.send(CALL)
    await transport.aclose()

    assert seen == [method, "GET"]


async def test_a_refused_connection_is_named() -> None:
    async with bad_server(silent) as server:
        port = server.port

    with pytest.raises(Unreachable, match="refuses the connection"):
        await ask(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("host", ["runnerpool-test.invalid", "a" * 80 + ".invalid"])
async def test_a_name_that_cannot_be_resolved_is_named(host: str) -> None:
    address = ServerAddress.parse(f"http://{host}")
    transport = Transport(address, open_http(address), Counters())

    with pytest.raises(Unreachable, match="cannot be resolved"):
        await transport.send(CALL)
    await transport.aclose()


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed_and_the_other_host_never_asked(code: str) -> None:
    async with bad_server(answers("200 OK", b"{}")) as other:
        leads_away = answers(code, b"", f"Location: http://127.0.0.1:{other.port}/api/v1/runners/jobs")
        async with bad_server(leads_away) as server:
            with pytest.raises(Redirected):
                await ask(f"http://127.0.0.1:{server.port}")

    assert len(server.requests) == 1
    assert other.requests == []


@pytest.mark.looptime
async def test_nothing_is_sent_before_the_time_that_the_server_named() -> None:
    sent = 0

    def server(_: httpx.Request) -> httpx.Response:
        nonlocal sent
        sent += 1
        return httpx.Response(429, headers={"Retry-After": "30"})

    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address, transport=httpx.MockTransport(server)), Counters())
    waits: list[float | None] = []

    for _ in range(7):
        with pytest.raises(RateLimited) as caught:
            await transport.send(CALL)
        waits.append(caught.value.retry_after)
        await asyncio.sleep(10)

    assert waits == [30.0, 20.0, 10.0, 30.0, 20.0, 10.0, 30.0]
    assert sent == 3


@pytest.mark.looptime
async def test_a_server_that_is_down_for_maintenance_is_left_alone_as_long_as_it_says() -> None:
    handler = httpx.MockTransport(lambda _: httpx.Response(503, headers={"Retry-After": "120"}))
    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address, transport=handler), Counters())

    with pytest.raises(ServerFailed) as caught:
        await transport.send(CALL)
    assert caught.value.retry_after == 120
    await asyncio.sleep(119)
    with pytest.raises(ServerFailed, match="503") as caught:
        await transport.send(CALL)
    assert caught.value.retry_after == 1


async def test_cookies_of_the_server_are_not_kept() -> None:
    seen: list[str | None] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Cookie"))
        return httpx.Response(200, headers={"Set-Cookie": "a=b; Path=/"}, stream=httpx.ByteStream(b"{}"))

    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address, transport=httpx.MockTransport(server)), Counters())

    await transport.send(CALL)
    await transport.send(CALL)

    assert seen == [None, None]


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bad_server(silent) as proxy, bad_server(answers("200 OK", b"{}")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert (await ask(f"http://127.0.0.1:{server.port}")).ok

    assert proxy.requests == []


async def test_a_cancelled_call_is_counted_and_stays_cancelled() -> None:
    counters = Counters()
    asked = asyncio.Event()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await silent(reader, writer)

    async with bad_server(note) as server:
        asking = asyncio.create_task(ask(f"http://127.0.0.1:{server.port}", counters=counters))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    assert [code for _, _, code in counters.requests] == ["cancelled"]


CA = trustme.CA()
OTHER_CA = trustme.CA()
GOOD = certificates.of(CA.issue_cert("localhost"))
BUNDLE = CaBundle.parse(CA.cert_pem.bytes().decode())
BY_ITSELF = certificates.self_signed("localhost")


async def ask_by_tls(certificate: Certificate, bundle: CaBundle = BUNDLE) -> Answer:
    """Call a server that shows this certificate; one that is not accepted sees no request."""
    async with bad_server(answers("200 OK", b"{}"), tls=certificate.server_context()) as server:
        try:
            return await ask(f"https://localhost:{server.port}", tls=tls_context(bundle))
        except TLSFailed:
            assert server.requests == []
            raise


@pytest.mark.parametrize(
    ("certificate", "bundle"),
    [
        (GOOD, BUNDLE),
        (certificates.of(CA.create_child_ca().issue_cert("localhost")), BUNDLE),
        (GOOD, CaBundle.parse((OTHER_CA.cert_pem.bytes() + CA.cert_pem.bytes()).decode())),
        (BY_ITSELF, CaBundle.parse(BY_ITSELF.chain[0].decode())),
    ],
    ids=["authority", "authority's child", "one of two authorities", "itself"],
)
async def test_a_certificate_that_the_bundle_vouches_for_is_accepted(
    certificate: Certificate, bundle: CaBundle
) -> None:
    assert (await ask_by_tls(certificate, bundle)).ok


IN_BUNDLE = "spec.server.caBundleRef"


@pytest.mark.parametrize(
    ("certificate", "fault", "remedy"),
    [
        (CA.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1)), "has expired", "renew"),
        (CA.issue_cert("localhost", not_before=datetime.now(UTC) + timedelta(days=1)), "is not valid yet", "clocks"),
        (CA.issue_cert("canary.example.org"), "is for another host name", "certificate for the name"),
        (OTHER_CA.issue_cert("localhost"), "is signed by an authority that is not trusted", IN_BUNDLE),
    ],
    ids=["expired", "not yet", "other host", "unknown authority"],
)
async def test_a_bad_certificate_is_told_by_its_fault_with_the_remedy_and_no_login_is_sent(
    certificate: trustme.LeafCert, fault: str, remedy: str
) -> None:
    with pytest.raises(TLSFailed, match=fault) as caught:
        await ask_by_tls(certificates.of(certificate))

    assert caught.value.reason is Reason.TLS_ERROR
    assert remedy in caught.value.message
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("certificate", "fault"),
    [
        (BY_ITSELF, "is self-signed"),
        (certificates.without_chain(CA.create_child_ca().issue_cert("localhost")), "chain is incomplete"),
        (
            Certificate(
                (leaf := OTHER_CA.issue_cert("localhost")).private_key_pem.bytes(),
                [leaf.cert_chain_pems[0].bytes(), OTHER_CA.cert_pem.bytes()],
            ),
            "is signed by an authority that is not trusted",
        ),
    ],
    ids=["self-signed", "incomplete", "unknown root"],
)
async def test_a_certificate_that_nobody_vouches_for_is_told_to_belong_into_the_bundle(
    certificate: Certificate, fault: str
) -> None:
    with pytest.raises(TLSFailed, match=fault) as caught:
        await ask_by_tls(certificate)

    assert IN_BUNDLE in caught.value.message


async def test_the_public_authorities_stay_trusted_beside_the_bundle() -> None:
    public = {cert["serialNumber"] for cert in tls_context().get_ca_certs()}

    assert public
    assert public < {cert["serialNumber"] for cert in tls_context(BUNDLE).get_ca_certs()}


async def test_a_plain_server_called_by_https_is_told_as_that() -> None:
    async with bad_server(says(b"HTTP/1.1 400 canary\r\n\r\n"), reads_request=False) as server:
        with pytest.raises(TLSFailed, match="port speaks HTTPS"):
            await ask(f"https://localhost:{server.port}", tls=tls_context(BUNDLE))


async def test_old_tls_is_not_spoken() -> None:
    assert tls_context().minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls_context().verify_mode == ssl.CERT_REQUIRED
    assert tls_context().check_hostname


def test_a_certificate_fault_without_words_of_ours_is_told_by_its_number() -> None:
    error = ssl.SSLCertVerificationError()
    error.verify_code = 47

    told = connection_failure(error, ServerAddress.parse("https://video.example.org"))

    assert "OpenSSL code 47" in told.message


def test_a_chain_of_causes_that_bites_its_tail_ends() -> None:
    one, two = OSError("one"), OSError("two")
    one.__cause__, two.__cause__ = two, one

    assert isinstance(connection_failure(one, ServerAddress.parse("https://video.example.org")), Unreachable)


def test_a_cause_inside_a_group_is_found() -> None:
    group = ExceptionGroup("all tries", [OSError("x"), ConnectionRefusedError()])

    told = connection_failure(group, ServerAddress.parse("https://video.example.org"))

    assert "refuses the connection" in told.message


def test_a_group_without_a_known_cause_is_no_connection() -> None:
    group = ExceptionGroup("all tries", [OSError("canary")])

    told = connection_failure(group, ServerAddress.parse("https://video.example.org"))

    assert "cannot be reached" in told.message
    assert "canary" not in told.message


@pytest.mark.looptime
async def test_calls_that_wait_for_their_turn_are_not_the_servers_slowness() -> None:
    at_once = most = 0

    async def slow(_: httpx.Request) -> httpx.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(4)
        at_once -= 1
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address, transport=httpx.MockTransport(slow)), Counters())

    answers = await asyncio.gather(*(transport.send(CALL) for _ in range(40)))

    assert all(answer.ok for answer in answers)
    assert most == CONNECTIONS


def test_the_message_names_both_addresses_where_there_are_two() -> None:
    address = ServerAddress.parse("https://video.example.org", "http://peertube.media.svc:9000")

    assert str(address) == "PeerTube at https://video.example.org (called at http://peertube.media.svc:9000)"


@pytest.mark.looptime
async def test_a_wish_without_end_is_cut_to_ten_minutes() -> None:
    handler = httpx.MockTransport(lambda _: httpx.Response(429, headers={"Retry-After": "99999999"}))
    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address, transport=handler), Counters())

    with pytest.raises(RateLimited) as caught:
        await transport.send(CALL)

    assert caught.value.retry_after == 600


@pytest.mark.looptime
@pytest.mark.parametrize("operation", [Operation.LOGIN, Operation.OAUTH_CLIENT])
async def test_a_server_that_spares_itself_logins_is_asked_other_things(operation: Operation) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/login":
            return httpx.Response(429, headers={"Retry-After": "300"})
        return httpx.Response(200, stream=httpx.ByteStream(b"{}"))

    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address, transport=httpx.MockTransport(server)), Counters())

    with pytest.raises(RateLimited):
        await transport.send(Call(operation=operation, method="POST", path="/login"))

    assert (await transport.send(CALL)).ok
    with pytest.raises(RateLimited):
        transport.patience.heed_for_logins()


def endpoint(url: str, *, internal_url: str | None = None, ca_bundle: CaBundle | None = None) -> Endpoint:
    address = ServerAddress.parse(url, internal_url)
    login = Credentials(origin=address.public, username="u", password=SecretStr("p"))
    return Endpoint(address=address, credentials=login, ca_bundle=ca_bundle)


async def failure_of(connect: Connector, at: Endpoint) -> PeerTubeError:
    """Why a client that is made anew gets no answer."""
    client = connect(at)
    with pytest.raises(PeerTubeError) as caught:
        await client.change_mark()
    await client.aclose()
    return caught.value


async def test_the_connector_makes_clients_that_trust_what_their_pool_names() -> None:
    counters = Counters()
    connect = Connector(telemetry=counters)
    async with bad_server(answers("502 Bad Gateway", b""), tls=GOOD.server_context()) as server:
        url = f"https://localhost:{server.port}"
        distrusting = await failure_of(connect, endpoint(url))
        trusting = await failure_of(connect, endpoint(url, ca_bundle=BUNDLE))

    assert isinstance(distrusting, TLSFailed)
    assert isinstance(trusting, ServerFailed)
    assert counters.requests == [
        (f"localhost:{server.port}", "oauth_client", "TLSError"),
        (f"localhost:{server.port}", "oauth_client", "502"),
    ]


async def test_clients_of_one_server_heed_together_and_another_address_speaks_for_itself_alone() -> None:
    connect = Connector()
    async with bad_server(answers("429 Too Many", b"", "Retry-After: 300")) as server:
        url = f"http://127.0.0.1:{server.port}"
        for at in (endpoint(url), endpoint(url), endpoint("https://video.example.org", internal_url=url)):
            assert isinstance(await failure_of(connect, at), RateLimited)

    assert len(server.requests) == 2


async def test_a_closed_transport_says_so_and_sends_nothing() -> None:
    address = ServerAddress.parse("https://video.example.org")
    transport = Transport(address, open_http(address), Counters())
    await transport.aclose()

    with pytest.raises(Unreachable, match="has been closed"):
        await transport.send(CALL)
