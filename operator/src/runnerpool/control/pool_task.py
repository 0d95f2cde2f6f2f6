"""One pool's endless round of passes, woken by events, by the server's queue, or by the next deadline."""

import asyncio
import logging
import time
from datetime import timedelta
from typing import NamedTuple

from runnerpool.cluster.errors import ClusterError, Conflict
from runnerpool.control.access import Access
from runnerpool.control.pool_pass import PoolPasses
from runnerpool.control.ports import PoolKey
from runnerpool.control.world import World

_log = logging.getLogger(__name__)

# Events come in bursts (a pod changes eight times while it starts); one pass answers a burst.
_SPACING_SECONDS = 0.1
_RETRY_SECONDS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
_AT_ONCE = timedelta(0)
# Somebody who writes in a loop, or a cache that lags for long, must not make us spin.
_CONFLICTS_AT_ONCE = 3


class _Rest(NamedTuple):
    """Seconds between two passes: what wakes the task cuts them short, but not below `at_least`."""

    at_most: float
    at_least: float


class PoolTask:
    """Looks after one pool until it has gone."""

    def __init__(self, key: PoolKey, world: World) -> None:
        self._key = key
        self._world = world
        self._woken = asyncio.Event()
        self._access = Access(key, cluster=world.cluster, links=world.links, clock=world.clock, wake=self.wake)
        self._passes = PoolPasses(key, world, self._access)
        self._failures = 0
        self._conflicts = 0
        self.last_pass = time.monotonic()
        """When the last pass ended, well or not, on the monotonic clock."""

    def wake(self) -> None:
        """Something has changed: make a pass soon."""
        self._woken.set()

    @property
    def woken(self) -> bool:
        """A change has not been looked at yet."""
        return self._woken.is_set()

    async def run(self) -> None:
        """Make passes until the pool has gone."""
        try:
            while True:
                self._woken.clear()
                rest = await self._pass()
                self.last_pass = time.monotonic()
                if rest is None:
                    return
                await asyncio.sleep(rest.at_least)
                await self._wait(rest.at_most - rest.at_least)
        finally:
            self._access.close()
            self._world.recorder.forget(self._key)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _pass(self) -> _Rest | None:
        """One pass, counted; after a failure the back-off is the delay, so that no failing call is made hot.

        The time that the API server asks for is left to it, whatever happens meanwhile.
        """
        started = time.monotonic()
        result, asked_for = "success", 0.0
        try:
            delay = await self._passes.make()
            self._failures = self._conflicts = 0
        except Conflict as error:
            _log.debug("%s: %s; planning anew", self._key, error.message)
            result, delay = "conflict", self._after_conflict()
        except ClusterError as error:
            result, delay, asked_for = "error", self._after_failure(), error.retry_after or 0.0
            if self._failures == 1:
                _log.warning("%s: %s; trying again", self._key, error.message)
        except Exception:  # noqa: BLE001 -- one pool's fault must not stop the others
            result, delay = "error", self._after_failure()
            _log.exception("%s: the pass failed by a fault of the operator's own; trying again", self._key)
        self._world.recorder.pass_done(self._key, result, time.monotonic() - started)
        if delay is None:
            return None
        at_least = max(_SPACING_SECONDS, asked_for)
        return _Rest(max(at_least, _SPACING_SECONDS + delay.total_seconds()), at_least)

    def _after_conflict(self) -> timedelta:
        self._conflicts += 1
        return _AT_ONCE if self._conflicts < _CONFLICTS_AT_ONCE else self._after_failure()

    def _after_failure(self) -> timedelta:
        self._failures += 1
        return timedelta(seconds=_RETRY_SECONDS[min(self._failures, len(_RETRY_SECONDS)) - 1])
