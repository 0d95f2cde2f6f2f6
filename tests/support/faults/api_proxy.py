"""A proxy between one operator and the API server: it counts, and it does what a bad day does to a control plane.

The operator reaches it over TLS of its own authority and passes its own credentials on; the proxy adds none. So rights
are judged by the real API server, and what no fault meets is exactly what the API server says.
"""

import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
import trustme
from aiohttp import web

from support.background import Background
from support.faults.api_effects import CallAt, Effect, Hang, error_event
from support.faults.api_forwarding import Passage, Upstream
from support.faults.api_request import EVERYTHING, WRITES, ApiRequest, Match, Recorded, parse

_ADDRESS = "127.0.0.1"
_LONGEST_BODY = 1 << 24


class Fault:
    """An effect on the requests that match, until it is lifted or used up. As a context, it ends with the block."""

    def __init__(self, effect: Effect, match: Match, times: int | None) -> None:
        self.effect = effect
        self.match = match
        self.times = times
        self.hits = 0
        self.lifted = False

    def lift(self) -> None:
        self.lifted = True

    def meets(self, asked: ApiRequest) -> bool:
        used_up = self.times is not None and self.hits >= self.times
        return not self.lifted and not used_up and self.match.fits(asked)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lift()


class ApiProxy:
    """Methods are for the test's thread; the proxy itself lives in the background.

    Attributes:
        url: where the operator calls it.
        authority: PEM file of who signed its certificate.
        requests: all that came, oldest first.
    """

    def __init__(self, background: Background, *, upstream: str, context: ssl.SSLContext, directory: Path) -> None:
        self.requests: list[Recorded] = []
        self.authority = directory / "api-proxy-ca.pem"
        self._background = background
        self._faults: list[Fault] = []
        self._watches: list[Passage] = []
        self._stalled = False
        self._front = background.enter(_front(self._handle, self.authority))
        self._upstream = background.enter(_upstream(upstream, context))

    @property
    def url(self) -> str:
        return f"https://{_ADDRESS}:{self._front.port}"

    def writes(self, match: Match = WRITES) -> list[Recorded]:
        """Recorded requests that match; by default all writes."""
        return [record for record in list(self.requests) if match.fits(record.asked)]

    def answered_itself(self) -> list[Recorded]:
        """Writes that the API server never heard of."""
        return [record for record in self.writes() if not record.forwarded]

    def fault(self, effect: Effect, on: Match = EVERYTHING, *, times: int | None = None) -> Fault:
        """Let an effect meet requests from now on; of several that match, the newest does.

        Args:
            effect: what happens to them.
            on: which requests.
            times: how many of them; None until it is lifted.
        """
        made = Fault(effect, on, times)
        self._faults.insert(0, made)
        return made

    def call_at(
        self, number: int, callback: Callable[[], None], on: Match = WRITES, *, forwarded: bool = True
    ) -> Fault:
        """Call back at the n-th write from now on, before or after the API server has it, and answer nothing.

        Until the fault is lifted, later ones are cut off: lift it before the operator starts again.
        """
        return self.fault(CallAt(number=number, callback=callback, forwarded=forwarded), on)

    def heal(self) -> None:
        """Lift all faults, let watches flow, and take connections again."""
        for fault in self._faults:
            fault.lift()
        self._faults.clear()
        self._stalled = False
        self._background.call(self._front.open())

    def cut(self) -> None:
        """Break all connections and refuse new ones, until `heal`."""
        self._background.call(self._front.close())

    def break_connections(self) -> None:
        """Break all connections; new ones are welcome."""
        self._background.call(self._front.abort())

    @contextmanager
    def stalled_watches(self) -> Iterator[None]:
        """Watches stay open and tell nothing; what was to be told is told after the block."""
        self._stalled = True
        try:
            yield
        finally:
            self._stalled = False

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing is answered, and nothing broken: what a control plane does that swaps or was stopped."""
        with self.fault(Hang()), self.stalled_watches():
            yield

    def end_watches(self, code: int) -> int:
        """Tell all open watches an ERROR and end them; how many there were."""
        return self._background.call(self._end_watches(error_event(code)))

    def garble_watches(self, line: bytes = b"<html>\n") -> int:
        """Tell all open watches what is no event and end them; how many there were."""
        return self._background.call(self._end_watches(line))

    def run_out_watches(self) -> int:
        """End all open watches as the API server does after some minutes, without a word; how many there were."""
        return self._background.call(self._end_watches(b""))

    def mute_watches(self) -> int:
        """Let watches that are open now stay so and never tell anything again; how many there are."""
        muted = self._streaming()
        for passage in muted:
            passage.mute = True
        return len(muted)

    @property
    def open_watches(self) -> int:
        """How many watches are open at the operator's side."""
        return len(self._streaming())

    def _streaming(self) -> list[Passage]:
        return [passage for passage in list(self._watches) if passage.streaming is not None]

    async def _end_watches(self, line: bytes) -> int:
        ended = self._streaming()
        for passage in ended:
            await passage.end_stream(line)
        return len(ended)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = parse(request.method, request.path, request.query)
        record = Recorded(at=time.time(), asked=asked, body=await request.read())
        self.requests.append(record)
        passage = Passage(
            upstream=self._upstream, request=request, record=record, stalled=lambda: self._stalled
        )  # fmt: skip
        watching = asked.verb == "watch"
        if watching:
            self._watches.append(passage)
        try:
            return await self._meet(passage)
        except aiohttp.ClientError:
            # The API server is gone: its client sees what it would see without a proxy between.
            return await passage.drop()
        finally:
            if watching:
                self._watches.remove(passage)

    async def _meet(self, passage: Passage) -> web.StreamResponse:
        fault = next((fault for fault in self._faults if fault.meets(passage.asked)), None)
        if fault is None:
            return await passage.forward()
        fault.hits += 1
        passage.hit = fault.hits
        passage.still_on = lambda: not fault.lifted
        return await fault.effect.apply(passage)


class _Front:
    """The listening side."""

    def __init__(self, runner: web.AppRunner, context: ssl.SSLContext) -> None:
        self._runner = runner
        self._context = context
        self._site: web.TCPSite | None = None
        self.port = 0

    async def open(self) -> None:
        if self._site is not None:
            return
        self._site = web.TCPSite(self._runner, _ADDRESS, self.port, ssl_context=self._context)
        await self._site.start()
        self.port = self.port or int(self._runner.addresses[0][1])

    async def close(self) -> None:
        if self._site is not None:
            await self._site.stop()
            self._site = None
        await self.abort()

    async def abort(self) -> None:
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()


@asynccontextmanager
async def _front(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]], authority_file: Path
) -> AsyncIterator[_Front]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(authority_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(_ADDRESS).configure_cert(context)
    application = web.Application(client_max_size=_LONGEST_BODY)
    application.router.add_route("*", "/{path:.*}", handler)
    # A client's end must end its watch at the API server too.
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    front = _Front(runner, context)
    try:
        await front.open()
        yield front
    finally:
        await front.close()
        await runner.cleanup()


@asynccontextmanager
async def _upstream(url: str, context: ssl.SSLContext) -> AsyncIterator[Upstream]:
    upstream = Upstream(url, context)
    try:
        yield upstream
    finally:
        await upstream.close()
