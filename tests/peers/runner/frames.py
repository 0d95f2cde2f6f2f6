"""The frames of the runner's IPC socket (library net-ipc 2.2.2), written down from its bytes."""

import json
from collections.abc import Iterator
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
