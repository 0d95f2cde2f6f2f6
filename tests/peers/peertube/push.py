"""The Socket.IO side: namespace `/runners`, and the `available-jobs` push (server/core/lib/peertube-socket.ts)."""

import asyncio
from typing import Any

import socketio
from aiohttp import web

from peers.peertube.clock import Clock
from peers.peertube.profile import ServerProfile
from peers.peertube.runners import RunnerRegistry

NAMESPACE = "/runners"


class RunnerSocket:
    """Tells every connected runner, after a second of quiet, that there is something to take."""

    def __init__(self, *, profile: ServerProfile, clock: Clock) -> None:
        self._debounce = clock.scaled(profile.push_debounce_seconds)
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.pushes = 0
        self.connected: set[str] = set()
        self._server = socketio.AsyncServer(
            async_mode="aiohttp",
            namespaces=[NAMESPACE, "/"],
            ping_interval=profile.ping_interval_seconds,
            ping_timeout=profile.ping_timeout_seconds,
            cors_allowed_origins="*",
        )

    def attach(self, application: web.Application, registry: RunnerRegistry) -> None:
        async def connect(sid: str, _environ: dict[str, Any], auth: object = None) -> None:
            token = auth.get("runnerToken") if isinstance(auth, dict) else None
            if registry.find(token) is None:
                raise socketio.exceptions.ConnectionRefusedError("Unknown runner token.")
            self.connected.add(sid)

        async def disconnect(sid: str, _reason: str) -> None:
            self.connected.discard(sid)

        self._server.on("connect", connect, namespace=NAMESPACE)
        self._server.on("disconnect", disconnect, namespace=NAMESPACE)
        self._server.attach(application)

    def announce(self) -> None:
        """Push once nobody has called this for the debounce time."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._debounce, self._push)

    async def drop_all(self) -> None:
        """Cut all connections below Socket.IO, as a process does that ends: clients come back by themselves."""
        if self._server.eio.sockets:
            await self._server.eio.disconnect()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._server.shutdown()

    def _push(self) -> None:
        self._timer = None
        self.pushes += 1
        task = asyncio.get_running_loop().create_task(self._server.emit("available-jobs", namespace=NAMESPACE))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
