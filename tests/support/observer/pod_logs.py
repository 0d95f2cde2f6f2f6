"""What the containers of all pods of a namespace write, followed while they live: a log goes with its pod."""

import asyncio

import httpx

from support.observer import nodes
from support.observer.records import Change, Text, Version

_KEPT_BYTES = 2_000_000
_PAUSE_SECONDS = 1.0


class PodLogs:
    def __init__(self, http: httpx.AsyncClient, namespace: str) -> None:
        self._http = http
        self._namespace = namespace
        self._fake_nodes: frozenset[str] = frozenset()
        self._logs: dict[str, bytearray] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def heard(self, version: Version) -> None:
        """Begin to follow the log of a pod whose container has started."""
        states = [status.get("state", {}) for status in version.body.get("status", {}).get("containerStatuses") or ()]
        if version.body["spec"].get("nodeName", "") in {"", *self._fake_nodes}:
            return
        started = any("running" in state or "terminated" in state for state in states)
        if started and version.uid not in self._logs and version.change is not Change.DELETED:
            self._logs[version.uid] = bytearray()
            task = asyncio.get_running_loop().create_task(self._follow(version.name, self._logs[version.uid]))
            self._tasks.add(task)

    async def start(self) -> None:
        """Find out which pods have a log at all."""
        self._fake_nodes = await nodes.without_kubelet(self._http)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def texts(self) -> list[Text]:
        return [Text(place=f"log of pod {uid}", content=bytes(log)) for uid, log in self._logs.items()]

    async def _follow(self, pod: str, log: bytearray) -> None:
        log += f"pod {pod}\n".encode()
        path = f"/api/v1/namespaces/{self._namespace}/pods/{pod}/log"
        try:
            async with self._http.stream("GET", path, params={"follow": "true"}) as answer:
                if answer.is_success:
                    async for piece in answer.aiter_bytes():
                        log += piece[: max(0, _KEPT_BYTES - len(log))]
        except httpx.HTTPError:
            await asyncio.sleep(_PAUSE_SECONDS)  # cut off; what came so far is kept
