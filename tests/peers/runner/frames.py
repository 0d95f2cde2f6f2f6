"""The frames of the runner's IPC socket (library net-ipc 2.2.2), written down from its bytes."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

GREETING: Final = b"IPC"
HELLO: Final = 0
REQUEST: Final = 2
RESPONSE: Final = 3
END: Final = 6


def frame(message: dict[str, Any]) -> bytes:
    """The JSON's length in big-endian base 128, of which only the last byte has its high bit set; then the JSON."""
    body = json.dumps(message, separators=(",", ":")).encode()
    digits = [len(body) % 128 | 128]
    rest = len(body) // 128
    while rest:
        digits.insert(0, rest % 128)
        rest //= 128
    return bytes(digits) + body


def messages(data: bytes) -> Iterator[dict[str, Any]]:
    """All whole messages in `data`."""
    while data:
        length = 0
        for index, byte in enumerate(data):  # noqa: B007 - the index of the last digit is used below
            length = length * 128 + (byte & 127)
            if byte & 128:
                break
        else:
            return
        end = index + 1 + length
        if len(data) < end:
            return
        yield json.loads(data[index + 1 : end])
        data = data[end:]


class Client:
    """A connection to a runner's socket; each piece of what it received is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._given = 0
        self.received = b""

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    async def message(self) -> dict[str, Any]:
        """The next message, whole, out of whatever pieces the socket gives."""
        async with asyncio.timeout(10):
            while len(known := list(messages(self.received))) <= self._given:
                piece = await self._reader.read(65536)
                assert piece, "the runner closed the socket"
                self.received += piece
        self._given += 1
        return known[self._given - 1]

    async def call(self, request: dict[str, Any]) -> dict[str, Any]:
        self.send(frame({"t": REQUEST, "d": request, "n": "1"}))
        answer = await self.message()
        assert (answer["t"], answer["n"]) == (RESPONSE, "1")
        return dict(answer["d"])


@asynccontextmanager
async def connected(socket: Path, *, greeted: bool = True) -> AsyncIterator[Client]:
    """A client of the runner's socket; without greeting the runner answers nothing."""
    reader, writer = await asyncio.open_unix_connection(socket)
    client = Client(reader, writer)
    try:
        if greeted:
            client.send(GREETING + frame({"t": HELLO, "d": {}}))
            assert (await client.message())["t"] == HELLO
        yield client
    finally:
        writer.close()
        await writer.wait_closed()
