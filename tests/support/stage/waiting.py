import time
from collections.abc import Callable
from typing import TypeVar

from support.stage.errors import StageError

Found = TypeVar("Found")

_EVERY_SECONDS = 0.2


def until(
    probe: Callable[[], Found],
    what: str,
    *,
    seconds: float,
    evidence: Callable[[], object] | None = None,
    every: float = _EVERY_SECONDS,
) -> Found:
    """What the probe returns as soon as that is true.

    Args:
        probe: asked again and again.
        what: what is waited for, for people.
        seconds: how long at most.
        evidence: asked once, when the time is up: what there is instead.
        every: seconds between two questions.

    Raises:
        StageError: the time is up.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            instead = f"; instead: {evidence()}" if evidence else ""
            raise StageError(f"{what} did not come within {seconds:.0f} s{instead}")
        time.sleep(every)
