"""A simulated PeerTube inside the test's process, so that a test can also change it from inside."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from peers.peertube.client import JSON, SimulationClient
from peers.peertube.profile import PEERTUBE_8_2, ServerProfile
from peers.peertube.server import RunningServer, serving
from peers.peertube.simulation import Settings, Simulation
from peers.peertube.tls import TlsFiles
from support.background import Background
from support.stage.operator_process import LOOPBACK, free_port
from support.stage.peertube import OPEN_STATES

Result = TypeVar("Result")


class PeerTubeHere:
    """The server and its administrator.

    Attributes:
        url: its origin, the same for everybody.
        password: the administrator's; made for this server alone, so that it is found wherever it leaks.
        client: signed in.
    """

    def __init__(self, running: RunningServer, *, password: str, background: Background) -> None:
        self.url = running.base_url
        self.password = password
        self.client = SimulationClient(self.url, password=password)
        self.client.login()
        self._simulation = running.simulation
        self._background = background

    def inside(self, look: Callable[[Simulation], Result]) -> Result:
        """What a function makes of the simulation itself, called in the simulation's thread."""

        async def call() -> Result:
            return look(self._simulation)

        return self._background.call(call())

    def open_jobs(self) -> list[JSON]:
        """Jobs that are not at their end."""
        return [job for job in self.client.jobs() if job["state"]["id"] in OPEN_STATES]

    def rows(self) -> list[str]:
        """Names of all registered runners."""
        return sorted(row["name"] for row in self.client.runners())


@contextmanager
def peertube_here(
    background: Background,
    directory: Path,
    *,
    clock_divisor: float,
    profile: ServerProfile = PEERTUBE_8_2,
    tls: TlsFiles | None = None,
) -> Iterator[PeerTubeHere]:
    """A server for as long as the block runs; without `tls` it speaks plain HTTP."""
    password = f"root-{secrets.token_hex(16)}"
    port = free_port()
    settings = Settings(
        public_url=f"{'https' if tls else 'http'}://{LOOPBACK}:{port}",
        data_directory=directory,
        password=password,
        clock_divisor=clock_divisor,
        profile=profile,
        tls=tls,
    )
    running = background.enter(serving(settings, LOOPBACK, port))
    made = PeerTubeHere(running, password=password, background=background)
    try:
        yield made
    finally:
        made.client.close()
