"""Who shares which poller. A poller lives as long as some pool needs it."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from runnerpool.control.pace import Pace
from runnerpool.control.poller import ServerPoller
from runnerpool.control.ports import Clock, PoolKey
from runnerpool.control.server_client import ServerClient
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.reading import Want
from runnerpool.planning.jobs import ServerReading

Connect = Callable[[Endpoint], ServerClient]
"""Makes a client; raises BadCredentials if the login is for another origin."""


class ServerKey(NamedTuple):
    """What makes a server, the login to it, and the trust in it the same for two pools."""

    address: ServerAddress
    login: bytes
    trust: str

    @classmethod
    def of(cls, endpoint: Endpoint) -> "ServerKey":
        """Holds digests only."""
        trust = endpoint.ca_bundle.digest if endpoint.ca_bundle else ""
        return cls(endpoint.address, endpoint.credentials.digest, trust)


class _Entry(NamedTuple):
    poller: ServerPoller
    client: ServerClient
    task: asyncio.Task[None]


class Pollers:
    """All pollers of this process. To be used within one event loop."""

    def __init__(
        self,
        connect: Connect,
        *,
        clock: Clock,
        pace: Pace | None = None,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take what all pollers work with.

        Args:
            connect: Makes a client.
            clock: The time of day.
            pace: How often servers are asked.
            forget: Told the public host of a server that nobody asks any more.
        """
        self._connect = connect
        self._clock = clock
        self._pace = pace
        self._forget = forget
        self._entries: dict[ServerKey, _Entry] = {}
        self._of_pool: dict[PoolKey, ServerKey] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def acquire(
        self,
        key: PoolKey,
        endpoint: Endpoint,
        wake: Callable[[], None],
        want: Want,
        last_known: ServerReading | None = None,
    ) -> ServerPoller:
        """The poller of a pool's server; the same one as before while the endpoint has not changed.

        Args:
            key: The pool. It has one poller at a time: another one takes the place of the one before.
            endpoint: The pool's server, login and authorities.
            wake: Called when something has changed on the server.
            want: What the pool looks for in the queue.
            last_known: What the pool knew last of the queue: a new poller begins with it.

        Raises:
            BadCredentials: The login is for another origin.
        """
        server_key = ServerKey.of(endpoint)
        if self._of_pool.get(key) not in {None, server_key}:
            self.release(key)
        if server_key not in self._entries:
            self._entries[server_key] = self._start(endpoint, last_known)
        self._of_pool[key] = server_key
        poller = self._entries[server_key].poller
        poller.subscribe(key, wake, want)
        return poller

    def release(self, key: PoolKey) -> None:
        """The pool needs its poller no more; unknown keys are fine. The last pool's going ends the poller."""
        server_key = self._of_pool.pop(key, None)
        if server_key is None:
            return
        entry = self._entries[server_key]
        entry.poller.unsubscribe(key)
        if not entry.poller.subscribed:
            del self._entries[server_key]
            ending = asyncio.create_task(self._end(server_key, entry))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def in_use(self) -> tuple[ServerPoller, ...]:
        """The pollers that some pool needs now."""
        return tuple(entry.poller for entry in self._entries.values())

    async def close(self) -> None:
        """End all pollers, forget all logins."""
        for key in tuple(self._of_pool):
            self.release(key)
        await asyncio.gather(*self._ending)

    def _start(self, endpoint: Endpoint, last_known: ServerReading | None) -> _Entry:
        server = str(endpoint.address.public)
        client = self._connect(endpoint)
        poller = ServerPoller(server, client, clock=self._clock, pace=self._pace, last_known=last_known)
        return _Entry(poller, client, asyncio.create_task(poller.run(), name=f"poller of {server}"))

    async def _end(self, key: ServerKey, entry: _Entry) -> None:
        entry.task.cancel()
        await asyncio.wait([entry.task])
        await entry.client.aclose()
        server = key.address.host_header
        if all(other.address.host_header != server for other in self._entries):
            self._forget(server)
