"""The answers of a server with a fault."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from peers.peertube.faults import Fault, Kind
from peers.peertube.problems import Problem
from peers.peertube.profile import ServerProfile

# Beyond 2^53, JavaScript cannot count; beyond 2^63, PostgreSQL cannot.
HUGE_NUMBER = 10**40
_ENDLESS_PART_BYTES = 64 * 1024
_LOOK_SECONDS = 0.5

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def answer(fault: Fault, request: web.Request, handler: Handler, profile: ServerProfile) -> web.StreamResponse:
    """What the client gets instead of an answer; `handler` makes the server's own."""
    match fault.kind:
        case Kind.STATUS:
            return _problem(fault, request, profile)
        case Kind.HTML | Kind.NOT_JSON:
            return _page(fault)
        case Kind.REDIRECT:
            return _redirect(fault, request)
        case Kind.SILENCE | Kind.CLOSED:
            return await _no_answer(fault, request)
        case Kind.ENDLESS:
            return await _endless(fault, request)
    return await _spoilt(fault, request, handler)


async def _spoilt(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    if fault.kind is Kind.SLOW:
        await asyncio.sleep(fault.seconds)
        return await handler(request)
    own = await handler(request)
    document = _document(own, fault.canary)
    body = json.dumps(_twisted(fault, document)).encode()
    headers = {"Content-Type": own.headers.get("Content-Type", "application/json; charset=utf-8"), **_wait(fault)}
    if fault.kind is Kind.TRUNCATED:
        # The canary comes first, so that it is in what is left.
        body = body[: max(len(body) * 2 // 3, len(fault.canary) + 16)]
    if fault.kind in (Kind.DRIP, Kind.CUT):
        return await _bit_by_bit(fault, request, body, web.StreamResponse(status=own.status, headers=headers))
    return web.Response(status=own.status, body=body, headers=headers)


def _document(own: web.StreamResponse, canary: str) -> dict[str, Any]:
    """The server's answer as an object that begins with the canary; whatever is none is only that."""
    body = own.body if isinstance(own, web.Response) and "json" in own.headers.get("Content-Type", "") else None
    document = json.loads(body) if isinstance(body, bytes) and body else {}
    return {"canary": canary, **(document if isinstance(document, dict) else {"data": document})}


def _twisted(fault: Fault, document: Any) -> Any:
    match fault.kind:
        case Kind.WRONG_TYPES:
            return {name: _of_another_type(value, fault.canary) for name, value in document.items()}
        case Kind.NEGATIVE:
            return _with_numbers(document, lambda number: -abs(number) - 1)
        case Kind.HUGE:
            return _with_numbers(document, lambda _number: HUGE_NUMBER)
    return document


def _of_another_type(value: Any, canary: str) -> Any:
    """Text becomes a number, and all else becomes text."""
    return 7 if isinstance(value, str) and value != canary else f"{canary} {type(value).__name__}"


def _with_numbers(value: Any, change: Callable[[int], int]) -> Any:
    if isinstance(value, dict):
        return {name: _with_numbers(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item, change) for item in value]
    return change(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _problem(fault: Fault, request: web.Request, profile: ServerProfile) -> web.Response:
    status = fault.status or web.HTTPInternalServerError.status_code
    code = fault.code or ("invalid_token" if status == web.HTTPUnauthorized.status_code else None)
    response = Problem(status, f"Refused: {fault.canary}", code=code).response(request, profile)
    response.headers.update(_wait(fault))
    return response


def _page(fault: Fault) -> web.Response:
    """What a proxy says for the server behind it; as `not-json`, what a portal says to whoever has not signed in."""
    is_portal = fault.kind is Kind.NOT_JSON
    status = fault.status or (200 if is_portal else web.HTTPBadGateway.status_code)
    title = "Sign in" if is_portal else "502 Bad Gateway"
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1><p>{fault.canary}</p></body></html>"
    return web.Response(status=status, text=text, content_type="text/html", headers=_wait(fault))


def _redirect(fault: Fault, request: web.Request) -> web.Response:
    # 307 keeps method and body, so whoever follows it gives the login away.
    status = fault.status or web.HTTPTemporaryRedirect.status_code
    location = f"{fault.location}{request.path_qs}"
    return web.Response(status=status, text=f"Moved: {fault.canary}", headers={"Location": location})


async def _no_answer(fault: Fault, request: web.Request) -> web.Response:
    """Hang up: at once, or when the silence is lifted or the client has gone."""
    while fault.kind is Kind.SILENCE and not fault.lifted.is_set() and request.transport is not None:
        try:
            await asyncio.wait_for(fault.lifted.wait(), _LOOK_SECONDS)
        except TimeoutError:
            continue
    return hang_up(request)


def hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # Nobody gets this; it is what the journal counts as no answer.
    raise ConnectionResetError


async def _endless(fault: Fault, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    part = f'["{fault.canary}", '.encode()
    await response.write(part)
    while not fault.lifted.is_set():
        await response.write(b" " * (_ENDLESS_PART_BYTES - len(part)) + part)
    return response


async def _bit_by_bit(
    fault: Fault, request: web.Request, body: bytes, response: web.StreamResponse
) -> web.StreamResponse:
    """The whole body slowly, or half of what was promised and then nothing more."""
    response.content_length = len(body)
    await response.prepare(request)
    if fault.kind is Kind.CUT:
        await response.write(body[: len(body) // 2])
        return hang_up(request)
    for index in range(len(body)):
        if fault.lifted.is_set():
            await response.write(body[index:])
            break
        await response.write(body[index : index + 1])
        await asyncio.sleep(1 / fault.bytes_per_second)
    return response


def _wait(fault: Fault) -> dict[str, str]:
    return {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
