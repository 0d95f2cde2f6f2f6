"""A server on loopback that misbehaves below HTTP's surface: bytes as the test wants them, when it wants them."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class BadServer:
    """A server that runs.

    Attributes:
        requests: The heads of all requests that were made to it, one text each.
    """

    port: int = 0
    requests: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def bad_server(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, reads_request: bool = True
) -> AsyncIterator[BadServer]:
    """Serve each connection by `behaviour`, called when the head of the request has been read."""
    server = BadServer()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that has had enough goes away in the middle of everything.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            if reads_request:
                server.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await behaviour(reader, writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            await writer.wait_closed()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


def says(*parts: bytes, pause: float = 0.0) -> Behaviour:
    """Send these bytes, one part after the other, and close."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)

    return behave


def answers(status: str, body: bytes, *headers: str) -> Behaviour:
    """A proper answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return says("\r\n".join(lines).encode() + body)


def endless(part: bytes, *, pause: float = 0.0) -> Behaviour:
    """A head, and then a body that does not end."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return behave


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and say nothing, until the client goes."""
    await reader.read()
