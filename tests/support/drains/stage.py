"""A simulated server of a round's own, at the end of a line on which calls and answers take their time."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from peers.peertube import plain, report
from peers.peertube.records import JSON, JobState, Runner
from peers.peertube.server import running
from peers.peertube.simulation import Settings, Simulation
from peers.runner.recording_proxy import Gate, RecordingProxy, recording_proxy
from support.drains.ground import CLOCK_DIVISOR, SAMPLE_HEIGHT, SAMPLE_SECONDS, Ground
from support.drains.programme import Programme

_QUIET_SECONDS = 30.0
_LOOK_SECONDS = 0.02


class Line(Gate):
    """Lets everything pass, each after a delay."""

    def __init__(self, delay: Callable[[], float]) -> None:
        super().__init__()
        self._delay = delay

    async def through(self) -> None:
        await asyncio.sleep(self._delay())
        await super().through()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A round's server.

    Attributes:
        proxy: What the pods take for the server.
        video: The one that all jobs are about.
    """

    proxy: RecordingProxy
    simulation: Simulation
    video: str

    def register(self, name: str) -> Runner:
        """Register a runner as the operator does, without the calls."""
        runners = self.simulation.runners
        token = runners.tokens[0].value
        return runners.register(registration_token=token, name=name, description=None, version=None, ip="127.0.0.1")

    async def enqueue(self, job_type: str) -> None:
        """One more job."""
        order = plain.Order(type=job_type, video=self.video, resolution=SAMPLE_HEIGHT, seconds=SAMPLE_SECONDS)
        await plain.enqueue(self.simulation, order)

    def accepts_under_way(self) -> int:
        """Claims that have left a runner and whose answer has not come back to it."""
        conversation = self.proxy.conversation
        return conversation.count("/accept", answered=False) - conversation.count("/accept")

    async def settled(self) -> None:
        """Wait until the server has dealt with everything that was sent to it, whoever still listens."""
        conversation = self.proxy.conversation
        await conversation.wait_for(
            lambda: all("status" in event for event in conversation.events if "method" in event)
        )
        async with asyncio.timeout(_QUIET_SECONDS):
            while any(job.state is JobState.COMPLETING for job in self.simulation.queue):  # noqa: ASYNC110 - no event
                await asyncio.sleep(_LOOK_SECONDS)

    def close_books(self, runners: list[Runner]) -> JSON:
        """Unregister the runners, whose pods have ended, and read the server's statistics.

        A job still in processing then has no runner, and that is what the server calls an orphan.
        """
        for runner in runners:
            self.simulation.runners.unregister(runner)
        return report.statistics(self.simulation)


@asynccontextmanager
async def stage(programme: Programme, ground: Ground) -> AsyncIterator[Stage]:
    """Run a round's server, with its watchdog on."""
    with tempfile.TemporaryDirectory(prefix="drains-") as name:
        async with recording_proxy() as proxy:
            settings = Settings(public_url=proxy.origin, data_directory=Path(name), clock_divisor=CLOCK_DIVISOR)
            async with running(settings) as server:
                proxy.target = server.base_url
                for path_end in programme.delays:
                    proxy.calls[path_end] = Line(programme.delay_of(path_end))
                    proxy.answers[path_end] = Line(programme.delay_of(path_end))
                video = await _video(server.simulation, ground)
                yield Stage(proxy=proxy, simulation=server.simulation, video=video)


async def _video(simulation: Simulation, ground: Ground) -> str:
    video = simulation.library.add("round", counted=False)
    copy = simulation.incoming_directory / ground.sample.name
    shutil.copy(ground.sample, copy)
    await simulation.library.set_source(video, copy, ground.sample_info)
    return video.uuid
