"""The simulated server put together, without its HTTP face."""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from peers.peertube.clock import Clock
from peers.peertube.completion import Completer
from peers.peertube.faults import FaultBoard
from peers.peertube.jobs import JobQueue
from peers.peertube.journal import Journal
from peers.peertube.library import VideoLibrary
from peers.peertube.oauth import OAuth
from peers.peertube.profile import PEERTUBE_8_2, ServerProfile
from peers.peertube.push import RunnerSocket
from peers.peertube.ratelimit import RateLimiter
from peers.peertube.remote_runners import RemoteRunners
from peers.peertube.runners import RunnerRegistry
from peers.peertube.tls import TlsFiles
from peers.peertube.watchdog import Watchdog

INCOMING = "incoming"
DEFAULT_PASSWORD = "simulated-root-password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a simulation starts.

    Attributes:
        public_url: The origin that clients and runners know; job payloads and the Host check use it.
        tls: What to listen with; None is plain HTTP.
        clock_divisor: Heartbeat thresholds, watchdog period and push debounce are divided by it.
    """

    public_url: str
    data_directory: Path
    password: str = DEFAULT_PASSWORD
    clock_divisor: float = 1.0
    watchdog: bool = True
    profile: ServerProfile = PEERTUBE_8_2
    tls: TlsFiles | None = None


class Simulation:
    """Everything a server knows and does. Create it inside a running event loop; `start` and `stop` frame its life."""

    def __init__(self, settings: Settings) -> None:
        profile = settings.profile
        (settings.data_directory / INCOMING).mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.profile = profile
        self.host = urlsplit(settings.public_url).netloc
        self.clock = Clock(settings.clock_divisor)
        self.journal = Journal(self.clock)
        self.faults = FaultBoard()
        self.socket = RunnerSocket(profile=profile, clock=self.clock)
        self.queue = JobQueue(
            profile=profile, clock=self.clock, journal=self.journal, on_available=self.socket.announce
        )
        self.runners = RunnerRegistry(profile=profile, clock=self.clock, queue=self.queue)
        self.oauth = OAuth(profile=profile, clock=self.clock, journal=self.journal, password=settings.password)
        self.remote_runners = RemoteRunners()
        self.library = VideoLibrary(
            profile=profile,
            clock=self.clock,
            queue=self.queue,
            remote_runners=self.remote_runners,
            public_url=settings.public_url.rstrip("/"),
            directory=settings.data_directory / "videos",
        )
        self.completer = Completer(queue=self.queue, library=self.library)
        self.watchdog = Watchdog(profile=profile, clock=self.clock, queue=self.queue, enabled=settings.watchdog)
        self.api_limiter = RateLimiter(self.clock, *profile.api_limit)
        self.login_limiter = RateLimiter(self.clock, *profile.login_limit)
        self._watch: asyncio.Task[None] | None = None

    @property
    def incoming_directory(self) -> Path:
        return self.settings.data_directory / INCOMING

    def start(self) -> None:
        self._watch = asyncio.create_task(self.watchdog.run())

    async def restart(self) -> None:
        """Start again with the same database: what was under way is broken off, and the runners' sockets end."""
        self.completer.break_off()
        await self.socket.drop_all()
        self.queue.restart()

    async def stop(self) -> None:
        self.faults.lift_all()
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self.socket.close()


SIMULATION = web.AppKey("simulation", Simulation)
