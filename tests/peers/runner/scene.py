"""A stand-in runner, a simulated PeerTube, and the recording proxy between them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from peers.peertube.client import SimulationClient
from peers.peertube.profile import PEERTUBE_8_2, ServerProfile
from peers.peertube.server import running
from peers.peertube.simulation import Settings
from peers.runner.frames import connected
from peers.runner.program import Home
from peers.runner.recording_proxy import Conversation, Event, RecordingProxy, recording_proxy

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a test plays with.

    Attributes:
        home: the runner's.
        server: the administrator's view of the server; it bypasses the proxy. It blocks: call it through `admin`.
    """

    home: Home
    proxy: RecordingProxy
    server: SimulationClient

    @property
    def conversation(self) -> Conversation:
        return self.proxy.conversation

    async def admin(
        self,
        method: Callable[_Arguments, _Result],
        *arguments: _Arguments.args,
        **options: _Arguments.kwargs,
    ) -> _Result:
        """Calls a method of `server` without blocking the server, which lives in this event loop."""
        return await asyncio.to_thread(method, *arguments, **options)

    async def register(self) -> None:
        """Registers the running runner with the server by its own command, and waits for its first look."""
        token = await self.admin(self.server.registration_token)
        named = ("--runner-name", "stand-in", "--runner-description", "a test's")
        done = await self.home.command("register", "--url", self.proxy.origin, "--registration-token", token, *named)
        assert done == (0, "PeerTube instance registered\n")
        await self.conversation.wait_for_call("/request")

    async def register_beforehand(self, *, concurrency: int = 2, threads: int = 1, nice: int = 10) -> None:
        """Registers as an operator does and writes the settings, so that the runner starts with them."""
        token = await self.admin(self.server.register, "stand-in", "a test's")
        self.home.config.parent.mkdir(parents=True, exist_ok=True)
        self.home.config.write_text(
            f"[jobs]\nconcurrency = {concurrency}\n\n[ffmpeg]\nthreads = {threads}\nnice = {nice}\n\n"
            f'[[registeredInstances]]\nurl = "{self.proxy.origin}"\nrunnerToken = "{token}"\nrunnerName = "stand-in"\n',
        )

    async def tell(self, call: str) -> dict[str, Any]:
        """Asks the runner over its socket: faster than by command."""
        async with connected(self.home.socket) as client:
            return await client.call({"type": call})

    def since(self, start: int) -> list[Event]:
        """The events from the `start`-th on."""
        return self.conversation.events[start:]


@asynccontextmanager
async def scene(
    home: Home, *, clock_divisor: float = 1.0, profile: ServerProfile = PEERTUBE_8_2
) -> AsyncIterator[Scene]:
    """Runs server and proxy; the server's public name is the proxy's."""
    with tempfile.TemporaryDirectory(prefix="scene-") as name:
        async with recording_proxy() as proxy:
            settings = Settings(
                public_url=proxy.origin,
                data_directory=Path(name),
                clock_divisor=clock_divisor,
                watchdog=False,
                profile=profile,
            )
            async with running(settings) as server:
                proxy.target = server.base_url
                client = await asyncio.to_thread(SimulationClient, server.base_url)
                await asyncio.to_thread(client.login)
                yield Scene(home=home, proxy=proxy, server=client)
                client.close()
