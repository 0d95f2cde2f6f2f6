"""What the job queue of PeerTube 6.3 does otherwise."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peers.peertube.jobs import JobDraft
from peers.peertube.profile import PEERTUBE_6_3, STUDIO, TRANSCRIPTION, WEB_VIDEO
from peers.peertube.records import Job, JobState
from peers.peertube.simulation import Settings, Simulation

pytestmark = pytest.mark.looptime


@contextlib.asynccontextmanager
async def simulated(directory: Path, clock_divisor: float = 1.0) -> AsyncIterator[Simulation]:
    settings = Settings(
        public_url="http://video.test", data_directory=directory, clock_divisor=clock_divisor, profile=PEERTUBE_6_3
    )
    simulation = Simulation(settings)
    simulation.start()
    try:
        yield simulation
    finally:
        await simulation.stop()


def taken(simulation: Simulation, job_type: str = WEB_VIDEO) -> Job:
    """A job in processing."""
    private = {"videoUUID": "v"}
    job = simulation.queue.add(JobDraft(type=job_type, priority=100, payload=lambda _job: {}, private_payload=private))
    name = f"runner of {job.id}"
    runner = simulation.runners.register(
        registration_token=simulation.runners.tokens[0].value, name=name, description=None, version=None, ip=""
    )
    simulation.queue.accept(job, runner)
    return job


@pytest.mark.parametrize("job_type", [STUDIO, TRANSCRIPTION])
async def test_studio_jobs_and_captions_have_no_watchdog_and_stay_in_processing(tmp_path: Path, job_type: str) -> None:
    async with simulated(tmp_path) as simulation:
        job, transcoding = taken(simulation, job_type), taken(simulation)
        await asyncio.sleep(151)
        assert (job.state, transcoding.state) == (JobState.PROCESSING, JobState.PENDING)
        assert simulation.watchdog.orphans() == [job]


@pytest.mark.parametrize("clock_divisor", [1.0, 10.0])
async def test_of_two_heartbeats_without_progress_within_two_seconds_one_is_lost(
    tmp_path: Path, clock_divisor: float
) -> None:
    async with simulated(tmp_path, clock_divisor) as simulation:
        first, second = taken(simulation), taken(simulation)
        begun = second.updated_at
        await asyncio.sleep(10)
        simulation.queue.report(first, None)
        await asyncio.sleep(1.9 / clock_divisor)
        simulation.queue.report(second, None)
        assert (first.updated_at > begun, second.updated_at) == (True, begun)
        await asyncio.sleep(0.2 / clock_divisor)
        simulation.queue.report(second, None)
        assert second.updated_at > begun


async def test_a_heartbeat_with_progress_is_never_lost(tmp_path: Path) -> None:
    async with simulated(tmp_path) as simulation:
        first, second = taken(simulation), taken(simulation)
        begun = second.updated_at
        await asyncio.sleep(10)
        simulation.queue.report(first, None)
        simulation.queue.report(second, 7)
        assert (second.progress, second.updated_at > begun) == (7, True)
