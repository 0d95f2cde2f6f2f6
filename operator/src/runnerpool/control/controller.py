"""One task for each pool, made when the pool is first heard of."""

import asyncio
import logging

from runnerpool.control.pool_task import PoolTask
from runnerpool.control.ports import PoolKey
from runnerpool.control.world import World

_log = logging.getLogger(__name__)


class Controller:
    """Keeps the pools' tasks. All methods belong to the event loop's thread."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pools: dict[PoolKey, PoolTask] = {}
        self._running: dict[PoolKey, asyncio.Task[None]] = {}
        self._stopped = False

    def wake(self, namespace: str, name: str) -> None:
        """A pool, or one of its pods, has changed. After `stop`, it is nobody's business."""
        if self._stopped:  # the watches end a moment later than we do
            return
        key = PoolKey(namespace, name)
        task = self._pools.get(key)
        if task is None:
            self._start(key)
        else:
            task.wake()

    def oldest_pass(self) -> float | None:
        """When the pool that has waited longest ended its last pass, on the monotonic clock; None without pools."""
        # Probes ask from a thread of their own, while pools come and go.
        return min((task.last_pass for task in tuple(self._pools.values())), default=None)

    async def stop(self) -> None:
        """End all tasks between two calls; pods are left as they are. Every pass is safe to break off."""
        self._stopped = True
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _start(self, key: PoolKey) -> None:
        task = self._pools[key] = PoolTask(key, self._world)
        running = self._running[key] = asyncio.create_task(task.run(), name=f"pool {key}")
        running.add_done_callback(lambda done: self._ended(key, done))

    def _ended(self, key: PoolKey, done: asyncio.Task[None]) -> None:
        task = self._pools.pop(key)
        del self._running[key]
        if task.woken and not done.cancelled():
            # Heard of again while it ended: the pool was made anew under its name.
            self._start(key)
