"""Who shares which poller. A poller lives as long as some pool needs it."""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from typing import NamedTuple

from runnerpool.api.origin import Origin
from runnerpool.api.pool import Server
from runnerpool.control.poller import Pace, ServerClient, ServerPoller
from runnerpool.control.ports import Clock, PoolKey
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.reading import Want

Connect = Callable[[ServerAddress, Credentials], ServerClient]
"""Makes a client; raises BadCredentials if the login is for another origin."""


class ServerKey(NamedTuple):
    """What makes a server, and the login to it, the same for two pools."""

    public: Origin
    internal: Origin | None
    login: bytes


class _Entry(NamedTuple):
    poller: ServerPoller
    client: ServerClient
    task: asyncio.Task[None]


class Pollers:
    """All pollers of this process. To be used within one event loop."""

    def __init__(self, connect: Connect, *, clock: Clock, pace: Pace | None = None) -> None:
        self._connect = connect
        self._clock = clock
        self._pace = pace
        self._entries: dict[ServerKey, _Entry] = {}
        self._of_pool: dict[PoolKey, ServerKey] = {}
        self._ending: set[asyncio.Task[None]] = set()
        # Logins are told apart by a digest that is of no use outside this process.
        self._digest_key = secrets.token_bytes(32)

    def acquire(
        self, key: PoolKey, server: Server, credentials: Credentials, wake: Callable[[], None], want: Want
    ) -> ServerPoller:
        """The poller of a pool's server; the same one as before while neither server nor login has changed.

        Args:
            key: The pool. It has one poller at a time: another one takes the place of the one before.
            server: The pool's `spec.server`.
            credentials: From the pool's Secret.
            wake: Called when something has changed on the server.
            want: What the pool looks for in the queue.

        Raises:
            ValueError: The server's URLs are no origins.
            BadCredentials: The login is for another origin.
        """
        address = ServerAddress.parse(server.url, server.internal_url)
        server_key = ServerKey(address.public, address.internal, self._digest(credentials))
        if self._of_pool.get(key) not in {None, server_key}:
            self.release(key)
        if server_key not in self._entries:
            self._entries[server_key] = self._start(address, credentials)
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
            ending = asyncio.create_task(_end(entry))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """End all pollers, forget all logins."""
        for key in tuple(self._of_pool):
            self.release(key)
        await asyncio.gather(*self._ending)

    def _start(self, address: ServerAddress, credentials: Credentials) -> _Entry:
        client = self._connect(address, credentials)
        poller = ServerPoller(str(address.public), client, clock=self._clock, pace=self._pace)
        return _Entry(poller, client, asyncio.create_task(poller.run(), name=f"poller of {address.public}"))

    def _digest(self, credentials: Credentials) -> bytes:
        login = (credentials.username, credentials.password.get_secret_value())
        return hashlib.blake2b(repr(login).encode(), key=self._digest_key).digest()


async def _end(entry: _Entry) -> None:
    entry.task.cancel()
    await asyncio.wait([entry.task])
    await entry.client.aclose()
