"""The runner's private frames: JSON behind a length, as the npm library net-ipc 2.2 writes them.

The length stands in big-endian base 128; only its last byte has the high bit set. A client opens with the bytes `IPC`
and a hello frame; the runner answers nothing before that.
"""

import asyncio
import json
from enum import IntEnum, unique
from typing import Any

MAGIC = b"IPC"
MAX_LENGTH = 16 * 1024 * 1024
"""Longest frame taken; a list of jobs is a few kilobytes."""
_LAST = 0x80


@unique
class FrameType(IntEnum):
    """`t` of a frame."""

    HELLO = 0
    MESSAGE = 1
    REQUEST = 2
    RESPONSE = 3
    PING = 4
    PONG = 5
    END = 6


class FrameError(Exception):
    """What came over the socket is no frame."""


def encode(kind: FrameType, data: Any, number: str | None = None) -> bytes:
    """One frame, ready to send; `number` ties a response to its request."""
    frame = {"t": int(kind), "d": data} | ({} if number is None else {"n": number})
    body = json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
    return _length(len(body)) + body


def _length(size: int) -> bytes:
    digits = [size & 0x7F | _LAST]
    while size := size >> 7:
        digits.append(size & 0x7F)
    return bytes(reversed(digits))


async def read(stream: asyncio.StreamReader) -> dict[str, Any]:
    """The next frame.

    Raises:
        FrameError: No frame, or one that is too long.
        asyncio.IncompleteReadError: The connection ended.
    """
    size = 0
    while True:
        byte = (await stream.readexactly(1))[0]
        size = size << 7 | byte & 0x7F
        if size > MAX_LENGTH:
            raise FrameError(f"a frame of {size} bytes or more")
        if byte & _LAST:
            break
    try:
        frame = json.loads(await stream.readexactly(size))
    except ValueError as error:
        raise FrameError("a frame that is no JSON") from error
    if not isinstance(frame, dict):
        raise FrameError("a frame that is no JSON object")
    return frame
