"""The operator's orders: a file of the downward API that holds the pod's annotation `runnerpool.dev/drain`."""

import asyncio
from collections.abc import Callable
from enum import StrEnum, unique
from pathlib import Path

POLL_SECONDS = 0.1
"""Reading a file of a few bytes in memory; the kubelet itself takes about 0.1 s to bring the order."""
_ABORT = "abort"
_LONGEST = 256


@unique
class Order(StrEnum):
    """What the file says. There is no way back from either."""

    DRAIN = "drain"
    ABORT = "abort"


def read_order(path: Path) -> Order | None:
    """The order in the file; None where it is absent or blank. `abort` is a word, any other text means drain."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode(errors="replace").strip()
    except OSError:
        return None
    if not text:
        return None
    return Order.ABORT if text == _ABORT else Order.DRAIN


async def watch(path: Path, on_order: Callable[[Order], None]) -> None:
    """Tell each new order, for ever; taking the annotation away, or putting it back, tells nothing new."""
    last: Order | None = None
    while True:
        order = read_order(path)
        if order is not None and order is not last:
            last = order
            on_order(order)
        await asyncio.sleep(POLL_SECONDS)
