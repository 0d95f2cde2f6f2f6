"""One request's way through the proxy: to the API server and back, watches as they come."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

import aiohttp
from aiohttp import web
from yarl import URL

from support.faults.api_request import ApiRequest, Recorded

# Hop by hop (RFC 9110, 7.6.1), or of the connection's own making.
_NOT_PASSED_ON = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}
)
_STALL_POLL_SECONDS = 0.05


class Upstream:
    """The API server."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            auto_decompress=False,
        )

    async def close(self) -> None:
        await self._session.close()

    def ask(self, request: web.Request, body: bytes) -> "aiohttp.client._RequestContextManager":
        headers = [(name, value) for name, value in request.headers.items() if _passed_on(name)]
        # Bodies are cut and lines are told apart here, so they come as they are.
        headers.append(("Accept-Encoding", "identity"))
        return self._session.request(
            request.method,
            URL(self._url + request.raw_path, encoded=True),
            headers=headers,
            data=body or None,
            allow_redirects=False,
        )


def _passed_on(name: str) -> bool:
    return name.lower() not in _NOT_PASSED_ON | {"accept-encoding"}


@dataclass(slots=True, kw_only=True)
class Passage:
    """One request on its way.

    Attributes:
        record: what is told of it.
        hit: how many requests the fault that it met has met, with this one.
        still_on: whether that fault is still there.
        stalled: asked while a watch streams: must it wait?
        streaming: the open answer to a watch.
        mute: what it has to tell is lost from now on, and the connection stands.
    """

    upstream: Upstream
    request: web.Request
    record: Recorded
    stalled: Callable[[], bool]
    hit: int = 0
    still_on: Callable[[], bool] = lambda: False
    streaming: web.StreamResponse | None = None
    mute: bool = False
    reading: aiohttp.ClientResponse | None = None

    @property
    def asked(self) -> ApiRequest:
        return self.record.asked

    @property
    def on(self) -> bool:
        return self.still_on()

    async def forward(self) -> web.StreamResponse:
        """Let the API server answer, and pass the answer on."""
        if self.asked.verb == "watch":
            return await self._pass_stream_on()
        code, body, headers = await self._fetch()
        return await self.answer(web.Response(status=code, body=body, headers=headers))

    async def answer(self, response: web.Response) -> web.StreamResponse:
        self.record.status = response.status
        return response

    async def stream(self, line: bytes) -> web.StreamResponse:
        """Open a watch, tell one line, end it."""
        response = await self._open_stream(200, {"Content-Type": "application/json"})
        await response.write(line)
        await response.write_eof()
        return response

    async def fetch(self) -> tuple[int, bytes]:
        """Let the API server answer, and pass nothing on."""
        code, body, _ = await self._fetch()
        return code, body

    async def drop(self) -> NoReturn:
        """Cut this connection; the server cancels the handler then."""
        if self.request.transport is not None:
            self.request.transport.abort()
        await asyncio.Event().wait()
        raise AssertionError("an event that nobody sets was set")

    async def end_stream(self, line: bytes) -> None:
        """Tell an open watch one more line and end it."""
        if self.streaming is None:
            return
        stream, self.streaming = self.streaming, None
        # Whoever has just gone needs no end.
        with suppress(ConnectionResetError):
            if line:
                await stream.write(line)
            await stream.write_eof()
        if self.reading is not None:
            self.reading.close()

    async def _fetch(self) -> tuple[int, bytes, dict[str, str]]:
        # Its sender's end does not undo what is on its way already.
        return await asyncio.shield(asyncio.ensure_future(self._whole_answer()))

    async def _whole_answer(self) -> tuple[int, bytes, dict[str, str]]:
        self.record.forwarded = True
        async with self.upstream.ask(self.request, self.record.body) as answer:
            return answer.status, await answer.read(), _kept(answer)

    async def _pass_stream_on(self) -> web.StreamResponse:
        self.record.forwarded = True
        async with self.upstream.ask(self.request, self.record.body) as answer:
            if answer.status != 200:
                body = await answer.read()
                return await self.answer(web.Response(status=answer.status, body=body, headers=_kept(answer)))
            response = await self._open_stream(answer.status, _kept(answer))
            self.reading = answer
            async for piece in answer.content.iter_any():
                while self.stalled():  # noqa: ASYNC110 -- another thread ends it
                    await asyncio.sleep(_STALL_POLL_SECONDS)
                if self.streaming is None:
                    break
                if not self.mute:
                    await response.write(piece)
            if self.streaming is not None:
                await response.write_eof()
            return response

    async def _open_stream(self, status: int, headers: dict[str, str]) -> web.StreamResponse:
        self.record.status = status
        response = web.StreamResponse(status=status, headers=headers)
        response.enable_chunked_encoding()
        await response.prepare(self.request)
        self.streaming = response
        return response


def _kept(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if _passed_on(name)}
