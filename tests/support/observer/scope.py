"""One namespace under observation, with the server that its pools use."""

import asyncio
import time
from collections.abc import Iterable

import httpx

from support.observer.pod_logs import PodLogs
from support.observer.records import Kind, Text, Version
from support.observer.server_watch import ObservedServer, ServerWatch
from support.observer.watch import SOURCES, Watch

_LISTED_SECONDS = 30.0
# What has happened is on its way through the API server's watch cache for a few milliseconds.
_LAST_NEWS_SECONDS = 0.3


class Scope:
    """Lives in the observer's event loop; the versions are also read from other threads."""

    def __init__(
        self, http: httpx.AsyncClient, namespace: str, server: ObservedServer | None, *, revision: int = 0
    ) -> None:
        self.namespace = namespace
        self.revision = revision  # of etcd, when the observation began
        self.begin = time.time()
        self.end: float | None = None
        self.shared = False  # pools of other namespaces or clusters use the server, too
        self.server = ServerWatch(server) if server is not None else None
        self.texts: list[Text] = []
        self._versions: dict[tuple[str, int, str], Version] = {}
        self._logs = PodLogs(http, namespace)
        self._watches = [Watch(http, namespace, source, self._heard) for source in SOURCES]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin, and return once all pods that are there have been heard."""
        await self._logs.start()
        self._tasks = [asyncio.create_task(watch.run()) for watch in self._watches]
        if self.server is not None:
            await self.server.look()
            self._tasks.append(asyncio.create_task(self.server.run()))
        await asyncio.wait_for(self._watches[0].listed.wait(), _LISTED_SECONDS)

    async def stop(self) -> None:
        """Take in the last news and end."""
        await asyncio.sleep(_LAST_NEWS_SECONDS)
        for task in self._tasks:
            task.cancel()
        outcomes = await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(watch.caught_up() for watch in self._watches), return_exceptions=True)
        if self.server is not None:
            await self.server.look()
        await self._logs.stop()
        self.end = time.time()
        for outcome in outcomes:
            # An observer that has lost its sight must not look like one that has seen nothing wrong.
            if isinstance(outcome, Exception):
                raise outcome

    def versions(self) -> list[Version]:
        """All versions so far, in the API server's order."""
        return sorted(self._versions.values(), key=lambda version: version.number)

    def keep(self, texts: Iterable[Text]) -> None:
        """Have secrets looked for in these, too."""
        self.texts.extend(texts)

    def logs(self) -> list[Text]:
        return self._logs.texts()

    def _heard(self, version: Version) -> None:
        self._versions.setdefault((version.uid, version.number, version.change), version)
        if version.kind is Kind.POD:
            self._logs.heard(version)
