"""What can befall a request on its way to the API server."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from aiohttp import web

from support.faults.api_request import ApiRequest

_STILL_ON_SECONDS = 0.05
_JSON = "application/json"
# metav1.StatusReason, where it is not the code's own phrase without spaces.
_REASONS = {
    HTTPStatus.CONFLICT: "Conflict",
    HTTPStatus.GONE: "Expired",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Invalid",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalError",
    HTTPStatus.GATEWAY_TIMEOUT: "Timeout",
}


class Exchange(Protocol):
    """A request that a fault has met, seen from the fault."""

    @property
    def asked(self) -> ApiRequest: ...

    @property
    def hit(self) -> int:
        """How many requests the fault has met, with this one."""

    @property
    def on(self) -> bool:
        """The fault is still there."""

    async def forward(self) -> web.StreamResponse:
        """Let the API server answer, and pass the answer on."""

    async def answer(self, response: web.Response) -> web.StreamResponse:
        """Answer in the API server's place."""

    async def stream(self, line: bytes) -> web.StreamResponse:
        """Answer a watch in the API server's place: one line, then the end."""

    async def fetch(self) -> tuple[int, bytes]:
        """Let the API server answer, and pass nothing on."""

    async def drop(self) -> web.StreamResponse:
        """Cut this connection without an answer."""


class Effect(Protocol):
    async def apply(self, exchange: Exchange) -> web.StreamResponse: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The API server's own way to say no: a Status object.

    Attributes:
        retry_after: seconds, for the header.
        reason: of the Status; None takes the usual one of the code.
    """

    code: int
    retry_after: int | None = None
    reason: str | None = None
    message: str = "refused by the test"

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        body = json.dumps(status_object(self.code, reason=self.reason, message=self.message))
        return await exchange.answer(
            web.Response(status=self.code, text=body, headers=headers, content_type="application/json")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Any answer, such as a load balancer's page."""

    code: int
    body: bytes
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.answer(
            web.Response(status=self.code, body=self.body, content_type=self.content_type, headers=dict(self.headers))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The right answer, late."""

    seconds: float

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await exchange.forward()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """No answer until the fault is lifted; then the right one."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        while exchange.on:  # noqa: ASYNC110 -- another thread lifts it
            await asyncio.sleep(_STILL_ON_SECONDS)
        return await exchange.forward()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """The connection breaks. With `forwarded`, after the API server has done what was asked."""

    forwarded: bool = False

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        if self.forwarded:
            await exchange.fetch()
        return await exchange.drop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """The first half of the right answer, as if it were all of it."""

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        code, body = await exchange.fetch()
        return await exchange.answer(web.Response(status=code, body=body[: len(body) // 2], content_type=_JSON))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """A watch opens well, then tells an ERROR and ends."""

    code: int = HTTPStatus.GONE

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.stream(error_event(self.code))


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamGarbage:
    """A watch opens well, then tells what is no event and ends."""

    line: bytes = b'{"type":"MODIFIED","object":{"kind":"Po\n'

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        return await exchange.stream(self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAt:
    """At the n-th request, call the test back, and answer nothing: what kills the operator between two writes.

    Attributes:
        number: which of the requests that this fault meets, from 1.
        callback: called in the proxy's thread; must not wait for the proxy.
        forwarded: the API server has done what was asked before the callback is called.
    """

    number: int
    callback: Callable[[], None]
    forwarded: bool = True

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.hit < self.number:
            return await exchange.forward()
        if exchange.hit == self.number:
            if self.forwarded:
                await exchange.fetch()
            self.callback()
        # What a killed process had sent already must not reach the API server after its death.
        return await exchange.drop()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBefore:
    """Call the test back, then give the right answer: what finds its asker frozen, and waits for it.

    Attributes:
        callback: called in the proxy's thread; must not wait for the proxy.
    """

    callback: Callable[[], None]

    async def apply(self, exchange: Exchange) -> web.StreamResponse:
        self.callback()
        return await exchange.forward()


def status_object(code: int, *, reason: str | None = None, message: str) -> dict[str, object]:
    """metav1.Status, as the API server puts it in answers and in ERROR events."""
    usual = _REASONS.get(HTTPStatus(code)) or "".join(HTTPStatus(code).phrase.title().split())
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason or usual,
        "code": int(code),
    }


def error_event(code: int, message: str = "ended by the test") -> bytes:
    """A watch's last word."""
    event = {"type": "ERROR", "object": status_object(code, message=message)}
    return json.dumps(event).encode() + b"\n"
