"""Fixed windows per client address, as express-rate-limit counts them."""

import math
from dataclasses import dataclass

from peers.peertube.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where a request stands in its window.

    Attributes:
        exceeded: Over the limit; the request may still pass if its sender is exempt.
        reset_seconds: Until the window ends, rounded up.
    """

    limit: int
    remaining: int
    exceeded: bool
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        return {"x-ratelimit-limit": str(self.limit), "x-ratelimit-remaining": str(self.remaining)}


class RateLimiter:
    def __init__(self, clock: Clock, limit: int, window_seconds: float) -> None:
        self._clock = clock
        self._limit = limit
        self._window = window_seconds
        self._hits: dict[str, tuple[float, int]] = {}

    def hit(self, address: str) -> Verdict:
        now = self._clock.monotonic()
        self._hits = {key: entry for key, entry in self._hits.items() if entry[0] > now}
        ends, hits = self._hits.get(address, (now + self._window, 0))
        hits += 1
        self._hits[address] = (ends, hits)
        return Verdict(
            limit=self._limit,
            remaining=max(0, self._limit - hits),
            exceeded=hits > self._limit,
            reset_seconds=math.ceil(ends - now),
        )

    def forget(self) -> None:
        """Begin new windows for everybody."""
        self._hits.clear()
