"""A proxy between runner and server that writes their conversation down as `runner-0.6.0.jsonl` has it.

Downloads are passed on and not written down, as in the recording; a test may hold them, and so keep a job in hand for
as long as it likes.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

import aiohttp
from aiohttp import web

from peers.runner.program import PATIENCE_SECONDS

_HOP_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "keep-alive"}
_PIECES_A_SECOND = 10
"""Of a download that is spread over some time."""
_WRITTEN_HEADERS = ("content-type", "accept")

Event = dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """What was said so far, in the order in which it began."""

    events: list[Event] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def add(self, event: Event) -> Event:
        self.events.append(event)
        return event

    async def settle(self) -> None:
        """Tells those who wait that an event was added or has got its answer."""
        async with self.changed:
            self.changed.notify_all()

    def count(self, path_end: str, *, answered: bool = True) -> int:
        """How many calls to a path that ends so there were."""
        return sum(
            event["kind"] == "http" and event["path"].endswith(path_end) and ("status" in event or not answered)
            for event in self.events
        )

    async def wait_for(self, predicate: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        try:
            async with asyncio.timeout(seconds), self.changed:
                await self.changed.wait_for(predicate)
        except TimeoutError:
            said = "\n".join(str(event)[:300] for event in self.events)
            raise AssertionError(f"the conversation did not get there within {seconds:.0f} s:\n{said}") from None

    async def wait_for_call(self, path_end: str, times: int = 1) -> None:
        await self.wait_for(lambda: self.count(path_end) >= times)


class Gate:
    """Lets answers pass, holds them, or lets some more of them pass.

    Attributes:
        holds_one: set once an answer has come up to it.
    """

    def __init__(self, *, is_open: bool = True) -> None:
        self._passes = asyncio.Semaphore(0)
        self._open = asyncio.Event()
        if is_open:
            self._open.set()
        self.holds_one = asyncio.Event()

    def hold(self) -> None:
        self._open.clear()

    def pass_one(self) -> None:
        self._passes.release()

    def open(self) -> None:
        self._open.set()

    async def through(self) -> None:
        self.holds_one.set()
        opened = asyncio.create_task(self._open.wait())
        passed = asyncio.create_task(self._passes.acquire())
        try:
            await asyncio.wait([opened, passed], return_when=asyncio.FIRST_COMPLETED)
        finally:
            opened.cancel()
            passed.cancel()


class RecordingProxy:
    """Passes everything on.

    Attributes:
        origin: where it listens.
        target: the origin to which it passes on.
        conversation: what was said.
        downloads: through which downloads go.
        download_seconds: over how long each of them is spread, evenly.
        calls: by the end of a path: a gate through which such calls go before the server hears of them.
        answers: by the end of a path: a gate through which the answers to such calls go.
        refusals: by the end of a path: the status and problem with which the proxy answers itself.
    """

    def __init__(self) -> None:
        self.origin = ""
        self.target = ""
        self.conversation = Conversation()
        self.downloads = Gate()
        self.download_seconds = 0.0
        self.calls: dict[str, Gate] = {}
        self.answers: dict[str, Gate] = {}
        self.refusals: dict[str, tuple[int, Event]] = {}
        self.refuses_sockets = False
        self._sockets: set[web.WebSocketResponse] = set()
        self._session: aiohttp.ClientSession | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/socket.io/"):
            return await self._socket(request)
        body = await request.read()
        if "/files/" in request.path:
            # The answer is held, not the call: what the server does meanwhile to the job changes nothing about it.
            answer = await self._pass_on(request, body)
            await self.downloads.through()
            return await _spread(request, answer, self.download_seconds) if self.download_seconds else answer
        if request.path == "/api/v1/ping":
            return await self._pass_on(request, body)  # the agent's; no runner calls it, and its answer is no JSON
        return await self._write_down(request, body)

    async def _write_down(self, request: web.Request, body: bytes) -> web.Response:
        written = {name: request.headers[name] for name in _WRITTEN_HEADERS if name in request.headers}
        event = self.conversation.add(
            {"kind": "http", "method": request.method, "path": request.path, "headers": written},
        )
        event["body"] = await _readable(request, body)
        await _pass(self.calls, request.path)
        response = await self._pass_on(request, body)
        await _pass(self.answers, request.path)
        event["status"] = response.status
        event["response"] = json.loads(response.body) if isinstance(response.body, bytes) and response.body else None
        await self.conversation.settle()
        return response

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        for path_end, (status, problem) in self.refusals.items():
            if request.path.endswith(path_end):
                return web.json_response(problem, status=status, content_type="application/problem+json")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_HEADERS}
        session = self._client()
        async with session.request(
            request.method, self.target + request.path_qs, data=io.BytesIO(body), headers=headers, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_HEADERS}
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses_sockets:
            raise web.HTTPBadGateway
        runner = web.WebSocketResponse()
        await runner.prepare(request)
        self._sockets.add(runner)
        self.conversation.add({"kind": "ws-open", "path": request.path_qs})
        async with self._client().ws_connect(self.target + request.path_qs) as server:
            pumps = [
                asyncio.create_task(self._pump(runner, server, "runner->server")),
                asyncio.create_task(self._pump(server, runner, "server->runner")),
            ]
            _, pending = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pending:
                pump.cancel()
        self._sockets.discard(runner)
        self.conversation.add({"kind": "ws-close"})
        await self.conversation.settle()
        return runner

    async def _pump(
        self,
        source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
        sink: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
        direction: str,
    ) -> None:
        async for message in source:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            self.conversation.add({"kind": "ws", "dir": direction, "text": message.data})
            try:
                await sink.send_str(message.data)
            except ConnectionResetError:
                return  # it has hung up meanwhile; the other pump ends for the same reason
            await self.conversation.settle()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        return self._session

    async def lose_sockets(self) -> None:
        """Closes the sockets of all runners, and refuses new ones."""
        self.refuses_sockets = True
        for socket in list(self._sockets):
            await socket.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _spread(request: web.Request, answer: web.Response, seconds: float) -> web.StreamResponse:
    """The same answer, its body evenly over that time."""
    body = answer.body
    assert isinstance(body, bytes)
    slow = web.StreamResponse(status=answer.status, headers=answer.headers)
    await slow.prepare(request)
    size = max(1, round(len(body) / (seconds * _PIECES_A_SECOND)))
    for start in range(0, len(body), size):
        await slow.write(body[start : start + size])
        await asyncio.sleep(1 / _PIECES_A_SECOND)
    await slow.write_eof()
    return slow


async def _pass(gates: dict[str, Gate], path: str) -> None:
    for path_end, gate in gates.items():
        if path.endswith(path_end):
            await gate.through()


async def _readable(request: web.Request, body: bytes) -> Any:
    """A JSON body as it is; a multipart body part by part."""
    if request.content_type == "application/json":
        return await request.json()
    if request.content_type != "multipart/form-data":
        return None
    boundary = request.headers["Content-Type"].split("boundary=", 1)[1].encode()
    return [_part(raw) for raw in body.split(b"--" + boundary)[1:-1]]


def _part(raw: bytes) -> Event:
    head, content = raw.removeprefix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n\r\n", 1)
    headers = Message()
    for line in head.decode().split("\r\n"):
        name, value = line.split(":", 1)
        headers[name] = value.strip()
    filename = headers.get_filename()
    part: Event = {
        "name": headers.get_param("name", header="Content-Disposition"),
        "filename": filename,
        "type": headers["Content-Type"],
        "size": len(content),
    }
    return part if filename else {**part, "value": content.decode()}


@asynccontextmanager
async def recording_proxy() -> AsyncIterator[RecordingProxy]:
    """Runs a proxy on loopback; its `target` has to be set before the first call."""
    proxy = RecordingProxy()
    application = web.Application(client_max_size=1 << 30)
    application.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    proxy.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        await proxy.close()
        await runner.cleanup()
