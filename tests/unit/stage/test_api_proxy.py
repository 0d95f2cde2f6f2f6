"""The API fault proxy between a client and an API server of three paths, all on loopback."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from support.background import Background
from support.faults.api_effects import (
    Delay,
    Drop,
    Hang,
    Refuse,
    Say,
    StreamError,
    StreamGarbage,
    Truncate,
)
from support.faults.api_proxy import ApiProxy
from support.faults.api_request import (
    LISTS,
    POD_CREATES,
    STATUS_WRITES,
    WATCHES,
)
from support.stage.waiting import until

PODS = "/api/v1/namespaces/media/pods"
# Of the answer, not of the connection before it, which takes long where a machine has much to do.
IMPATIENT = httpx.Timeout(10, read=0.3)
POOL_STATUS = "/apis/runnerpool.dev/v1alpha1/namespaces/media/transcodingrunnerpools/vod/status"


@dataclass(slots=True)
class ApiServer:
    """Counts what reaches it; a watch tells what the test says."""

    url: str = ""
    reached: list[str] = field(default_factory=list)
    credentials: set[str | None] = field(default_factory=set)
    open_watches: int = 0
    told: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.credentials.add(request.headers.get("Authorization"))
        if request.query.get("watch"):
            return await self._watch(request)
        self.reached.append(request.method)
        body = {"method": request.method, "path": request.raw_path, "body": await request.text()}
        return web.json_response(body, status=201 if request.method == "POST" else 200)

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        self.open_watches += 1
        try:
            while True:
                await response.write(await self.told.get())
        finally:
            self.open_watches -= 1


@asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[None]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    background: Background
    server: ApiServer
    proxy: ApiProxy
    client: httpx.Client

    def tell(self, line: bytes) -> None:
        """Let the API server's watches tell a line."""
        self.background.call(self.server.told.put(line))

    @property
    def reached(self) -> list[str]:
        return list(self.server.reached)


@pytest.fixture
def link(tmp_path: Path) -> Iterator[Link]:
    with Background() as background:
        server = ApiServer()
        background.enter(serving(server))
        proxy = ApiProxy(
            background, upstream=server.url, context=ssl.create_default_context(), directory=tmp_path
        )  # fmt: skip
        trust = ssl.create_default_context(cafile=str(proxy.authority))
        headers = {"Authorization": "Bearer of-the-operator"}
        with httpx.Client(verify=trust, base_url=proxy.url, headers=headers, timeout=10, trust_env=False) as client:
            yield Link(background=background, server=server, proxy=proxy, client=client)


def test_without_a_fault_a_request_arrives_as_it_was_sent_and_is_recorded(link: Link) -> None:
    answer = link.client.post(f"{PODS}?fieldManager=a%2Fb", content=b'{"kind":"Pod"}')

    assert answer.status_code == 201
    assert answer.json() == {"method": "POST", "path": f"{PODS}?fieldManager=a%2Fb", "body": '{"kind":"Pod"}'}
    assert link.server.credentials == {"Bearer of-the-operator"}
    (record,) = link.proxy.writes(POD_CREATES)
    assert (str(record.asked), record.body, record.status) == ("create pods", b'{"kind":"Pod"}', 201)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(403, "Forbidden"), (409, "Conflict"), (410, "Expired"), (429, "TooManyRequests"), (500, "InternalError"),
     (503, "ServiceUnavailable")],
)  # fmt: skip
def test_a_refusal_looks_like_the_api_servers_own(link: Link, code: int, reason: str) -> None:
    with link.proxy.fault(Refuse(code=code, retry_after=7), LISTS) as fault:
        answer = link.client.get(PODS)
    assert answer.status_code == code
    assert answer.headers["Retry-After"] == "7"
    status = answer.json()
    assert (status["kind"], status["code"], status["reason"]) == ("Status", code, reason)
    assert (fault.hits, link.reached) == (1, [])
    assert link.client.get(PODS).status_code == 200


def test_a_fault_with_a_number_of_times_is_used_up(link: Link) -> None:
    fault = link.proxy.fault(Refuse(code=409), STATUS_WRITES, times=2)
    codes = [link.client.patch(POOL_STATUS, json={}).status_code for _ in range(3)]
    assert codes == [409, 409, 200]
    assert fault.hits == 2
    assert [record.status for record in link.proxy.writes()] == codes


def test_of_two_faults_the_newer_meets_the_request(link: Link) -> None:
    with link.proxy.fault(Refuse(code=500)), link.proxy.fault(Say(code=502, body=b"<html>Bad Gateway</html>")):
        answer = link.client.get(PODS)
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
        assert answer.content == b"<html>Bad Gateway</html>"


def test_half_an_answer_is_delivered_as_if_it_were_all(link: Link) -> None:
    whole = link.client.get(PODS).content
    with link.proxy.fault(Truncate()):
        answer = link.client.get(PODS)
    assert answer.status_code == 200
    assert answer.content == whole[: len(whole) // 2]
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


@pytest.mark.parametrize(("forwarded", "reached"), [(True, ["POST"]), (False, [])])
def test_a_connection_breaks_before_or_after_the_api_server_has_done_it(
    link: Link, forwarded: bool, reached: list[str]
) -> None:
    with link.proxy.fault(Drop(forwarded=forwarded)), pytest.raises(httpx.TransportError):
        link.client.post(PODS, json={})
    assert link.reached == reached
    assert link.proxy.writes()[0].status is None


def test_what_hangs_is_not_answered_until_the_fault_is_lifted_and_rightly_then(link: Link) -> None:
    fault = link.proxy.fault(Hang(), POD_CREATES)
    with pytest.raises(httpx.ReadTimeout):
        link.client.post(PODS, json={}, timeout=IMPATIENT)
    assert link.reached == []
    assert link.client.get(PODS).status_code == 200
    fault.lift()
    assert link.client.post(PODS, json={}).status_code == 201


def test_a_slow_answer_is_the_right_one(link: Link) -> None:
    with link.proxy.fault(Delay(seconds=1)), pytest.raises(httpx.ReadTimeout):
        link.client.get(PODS, timeout=IMPATIENT)
    with link.proxy.fault(Delay(seconds=0.01)):
        assert link.client.get(PODS).json()["method"] == "GET"


@pytest.mark.parametrize(("forwarded", "reached"), [(True, ["POST", "PATCH"]), (False, ["POST"])])
def test_at_the_nth_write_the_test_is_called_back_and_what_follows_is_cut_off(
    link: Link, forwarded: bool, reached: list[str]
) -> None:
    calls: list[list[str]] = []
    fault = link.proxy.call_at(2, lambda: calls.append(link.reached), forwarded=forwarded)
    assert link.client.post(PODS, json={}).status_code == 201
    assert link.client.get(PODS).status_code == 200
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            link.client.patch(POOL_STATUS, json={})
    assert [[method for method in seen if method != "GET"] for seen in calls] == [reached]
    assert [method for method in link.reached if method != "GET"] == reached

    fault.lift()
    assert link.client.patch(POOL_STATUS, json={}).status_code == 200


def test_a_cut_refuses_and_breaks_all_connections_until_it_is_healed(link: Link) -> None:
    assert link.client.get(PODS).status_code == 200
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        link.proxy.cut()
        with pytest.raises(httpx.TransportError):
            list(watch.iter_lines())
    with pytest.raises(httpx.ConnectError):
        link.client.get(PODS)

    link.proxy.heal()
    assert link.client.get(PODS).status_code == 200


def test_broken_connections_are_made_anew_at_once(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        link.proxy.break_connections()
        with pytest.raises(httpx.TransportError):
            list(watch.iter_lines())
    assert link.client.get(PODS).status_code == 200


def test_an_api_server_that_is_gone_looks_gone(link: Link, tmp_path: Path) -> None:
    proxy = ApiProxy(
        link.background, upstream="http://127.0.0.1:1", context=ssl.create_default_context(), directory=tmp_path
    )
    trust = ssl.create_default_context(cafile=str(proxy.authority))
    with (
        httpx.Client(verify=trust, base_url=proxy.url, trust_env=False) as client,
        pytest.raises(httpx.TransportError),
    ):
        client.get(PODS)


def test_a_watch_is_told_on_as_it_comes_and_ends_upstream_with_its_client(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        lines = watch.iter_lines()
        for number in range(3):
            link.tell(b'{"type":"ADDED","object":%d}\n' % number)
            assert json.loads(next(lines))["object"] == number
        assert link.proxy.open_watches == 1
    until(lambda: link.server.open_watches == 0, "the watch's end", seconds=5)
    until(lambda: link.proxy.open_watches == 0, "the watch's end at the proxy", seconds=5)


def test_a_stalled_watch_stays_open_and_tells_nothing_while_all_else_is_answered(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}, timeout=IMPATIENT) as watch:
        until(lambda: link.proxy.open_watches == 1, "an open watch", seconds=5)
        with link.proxy.stalled_watches():
            link.tell(b"late\n")
            assert link.client.get(PODS).status_code == 200
            assert link.proxy.open_watches == 1
            with pytest.raises(httpx.ReadTimeout):
                next(watch.iter_lines())


def test_an_open_watch_is_told_an_error_and_ends(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        lines = watch.iter_lines()
        link.tell(b"first\n")
        assert next(lines) == "first"
        assert link.proxy.end_watches(410) == 1
        event = json.loads(next(lines))
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert list(lines) == []


def test_a_new_watch_can_open_well_and_tell_an_error_or_garbage(link: Link) -> None:
    with link.proxy.fault(StreamError(code=500), WATCHES):
        answer = link.client.get(PODS, params={"watch": "1"})
    assert answer.status_code == 200
    assert answer.json()["object"]["reason"] == "InternalError"
    with link.proxy.fault(StreamGarbage(line=b"<html>\n"), WATCHES):
        assert link.client.get(PODS, params={"watch": "1"}).content == b"<html>\n"


def test_an_open_watch_can_be_told_garbage(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        until(lambda: link.proxy.open_watches == 1, "an open watch", seconds=5)
        assert link.proxy.garble_watches() == 1
        assert list(watch.iter_lines()) == ["<html>"]


def test_a_frozen_api_server_answers_nothing_and_breaks_nothing(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        lines = watch.iter_lines()
        with link.proxy.frozen():
            link.tell(b"held\n")
            with pytest.raises(httpx.ReadTimeout):
                link.client.get(PODS, timeout=IMPATIENT)
        assert next(lines) == "held"


def test_a_watch_that_is_mute_stays_open_and_loses_what_it_is_told_while_a_new_one_hears(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as deaf:
        until(lambda: link.proxy.open_watches == 1, "an open watch", seconds=5)
        assert link.proxy.mute_watches() == 1
        link.tell(b'{"type":"ADDED"}\n')
        until(link.server.told.empty, "a line on its way", seconds=5)
        with link.client.stream("GET", PODS, params={"watch": "1"}, timeout=IMPATIENT) as fresh:
            until(lambda: link.proxy.open_watches == 2, "another watch", seconds=5)
            # Both read from one queue of the server's.
            for _ in range(4):
                link.tell(b'{"type":"MODIFIED"}\n')
            assert next(fresh.iter_lines()) == '{"type":"MODIFIED"}'
        link.proxy.run_out_watches()
        assert list(deaf.iter_lines()) == []


def test_watches_run_out_without_a_word(link: Link) -> None:
    with link.client.stream("GET", PODS, params={"watch": "1"}) as watch:
        until(lambda: link.proxy.open_watches == 1, "an open watch", seconds=5)
        assert link.proxy.run_out_watches() == 1
        assert list(watch.iter_lines()) == []
