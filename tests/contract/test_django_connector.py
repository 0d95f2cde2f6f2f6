"""Agent and stand-in runner with an independent server, made for the official runner: tests/peers/connector."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from peers.connector import environment
from peers.connector.server import Connector, running_connector
from support.agent.pod import Pod, agent_config, running_pod
from support.cluster.paths import cache_directory
from support.stage.probing import probe
from support.stage.videos import VideoSpec, make

pytestmark = pytest.mark.timeout(180)

RUNNER = "vod-1a2b3-7"
HLS = "vod-hls-transcoding"
PROCESSING, COMPLETED = 2, 3
# The runner looks by itself once a minute.
PUSHED_WITHIN_SECONDS = 5.0
SHORT = VideoSpec(name="short", width=426, height=240, seconds=2)
LONG = VideoSpec(name="long", width=256, height=144, seconds=14)
AT_ITS_OWN_SPEED = {"STAND_IN_READ_RATE": "1"}


@pytest.fixture(scope="module")
def interpreter() -> Path:
    return environment.python(cache_directory())


@pytest.fixture
async def connector(interpreter: Path, tmp_path: Path) -> AsyncIterator[Connector]:
    async with running_connector(interpreter, tmp_path / "connector") as made:
        yield made


@asynccontextmanager
async def ready_pod(connector: Connector, program: Path, switches: dict[str, str] | None = None) -> AsyncIterator[Pod]:
    """A pod whose runner the connector has registered, connected and idle."""
    runner = {"name": RUNNER, "token": await connector.register(RUNNER), "description": "for tests"}
    config = agent_config(connector.url, runner=runner, jobTypes=[HLS])
    async with running_pod(config, [str(program)], switches) as pod:
        await pod.wait_ready()
        yield pod


async def until(met: Callable[[], bool], connector: Connector, pod: Pod, *, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not met():  # noqa: ASYNC110 - another process's database
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{connector.jobs()}\n{connector.log}\n{pod.log}") from None


def all_completed(connector: Connector, count: int) -> bool:
    return [job.state for job in connector.jobs()] == [COMPLETED] * count


async def test_agent_and_runner_register_with_an_independent_server_hear_of_jobs_by_push_and_transcode_them(
    connector: Connector, program: Path
) -> None:
    async with ready_pod(connector, program) as pod:
        assert connector.runners() == [RUNNER]
        begun = time.monotonic()
        await connector.transcode(make(SHORT))
        await until(lambda: RUNNER in {job.runner for job in connector.jobs()}, connector, pod, seconds=30)
        assert time.monotonic() - begun < PUSHED_WITHIN_SECONDS
        await until(lambda: all_completed(connector, 2), connector, pod, seconds=60)
        pod.order("scale-down")
        assert await pod.exit_code() == 0
    facts = [(resolution, probe(path)) for resolution, path in connector.results()]
    assert [(resolution, found.resolution, found.video_codec) for resolution, found in facts] == [
        (144, 144, "h264"),
        (240, 240, "h264"),
    ]
    assert all(abs(found.seconds - SHORT.seconds) < 0.4 for _, found in facts)
    assert [(job.failures, job.error) for job in connector.jobs()] == [(0, None), (0, None)]


async def test_a_restart_of_an_independent_server_costs_no_job_in_hand_and_jobs_are_taken_afterwards(
    connector: Connector, program: Path
) -> None:
    async with ready_pod(connector, program, AT_ITS_OWN_SPEED) as pod:
        await connector.transcode(make(LONG))
        await until(lambda: [job.state for job in connector.jobs()] == [PROCESSING], connector, pod, seconds=20)
        await pod.wait_for_status(lambda status: bool(status["jobs"]))
        await connector.stop()
        await asyncio.sleep(3)
        await connector.start()
        await until(lambda: all_completed(connector, 1), connector, pod, seconds=60)
        await connector.transcode(make(SHORT))
        await until(lambda: all_completed(connector, 3), connector, pod, seconds=90)
        assert (await pod.status())["restarts"] == 0
    assert connector.runners() == [RUNNER]
    assert {(job.runner, job.failures) for job in connector.jobs()} == {(RUNNER, 0)}


async def test_an_independent_server_has_an_aborted_job_back_in_its_queue_at_once(
    connector: Connector, program: Path
) -> None:
    async with ready_pod(connector, program, AT_ITS_OWN_SPEED) as pod:
        await connector.transcode(make(LONG))
        await until(lambda: [job.state for job in connector.jobs()] == [PROCESSING], connector, pod, seconds=20)
        await pod.wait_for_status(lambda status: bool(status["jobs"]))
        pod.order("abort")
        assert await pod.exit_code() == 5
    assert [(job.state, job.failures) for job in connector.jobs()] == [(1, 1)]
