"""The agent with a runner that behaves as the official one, against a simulated PeerTube; jobs and FFmpeg are real."""

import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from peers.runner.recording_proxy import Gate
from peers.runner.scene import Scene
from runnerpool_agent.processes import processes
from support.agent.pod import Pod, agent_config, running_pod

pytestmark = pytest.mark.timeout(300)

WEB_VIDEO = "vod-web-video-transcoding"
TOLD = "was told to take no more jobs"
_TOKEN = re.compile(r"ptr(t|jt|rt)-[0-9a-f]{4}")


@asynccontextmanager
async def registered_pod(stage: Scene, environment: dict[str, str] | None = None, **changes: Any) -> AsyncIterator[Pod]:
    """A pod with a runner that the operator registered for it; afterwards no token stands in its log."""
    token = await stage.admin(stage.server.register, "vod-1a2b3-7", "for tests")
    runner = {"name": "vod-1a2b3-7", "token": token, "description": "for tests"}
    config = agent_config(stage.proxy.origin, runner=runner, **changes)
    async with running_pod(config, [str(stage.home.program)], environment) as pod:
        yield pod
    assert "Using" in pod.log  # the runner's own lines are there …
    assert not _TOKEN.search(pod.log)  # … and none of them has kept its tokens
    assert token not in pod.log


@asynccontextmanager
async def busy_pod(stage: Scene, **changes: Any) -> AsyncIterator[Pod]:
    """A pod with a job in hand, which lasts until the test lets its download pass."""
    stage.proxy.downloads.hold()
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
    async with registered_pod(stage, **changes) as pod:
        await pod.wait_for_status(lambda status: bool(status["jobs"]) and not status["probes"]["readiness"])
        yield pod


async def job_state(stage: Scene) -> str:
    [job] = await stage.admin(stage.server.jobs)
    state: str = job["state"]["label"]
    return state


async def damage(stage: Scene) -> tuple[int, int, tuple[str, ...]]:
    """Aborts, reclaims and orphans, as the server counts them."""
    await stage.admin(stage.server.login)
    statistics = await stage.admin(stage.server.statistics)
    return statistics.aborts, statistics.reclaims, statistics.orphans


def ffmpegs(pod: Pod) -> list[int]:
    """The FFmpeg processes that work in this pod's scratch."""
    commands = {process.pid: command_line(process.pid) for process in processes() if not process.zombie}
    return [pid for pid, command in commands.items() if command.startswith("ffmpeg ") and str(pod.home) in command]


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
    except OSError:
        return ""


def runner_pid(pod: Pod) -> int:
    found = re.findall(r"started as process (\d+)", pod.log)
    return int(found[-1])


async def test_an_idle_pod_drains_and_hurts_nothing(stage: Scene) -> None:
    async with registered_pod(stage) as pod:
        await pod.wait_ready()
        pod.order("scale-down")
        assert await pod.exit_code() == 0
        assert pod.termination["cause"] == "Drained"
    assert await damage(stage) == (0, 0, ())


async def test_a_busy_pod_that_is_drained_finishes_and_uploads_and_takes_no_other_job(stage: Scene) -> None:
    async with busy_pod(stage) as pod:
        await stage.admin(stage.server.enqueue, WEB_VIDEO)
        ordered = datetime.now().astimezone()
        pod.order("scale-down")
        await pod.wait_for_line(TOLD)
        told = next(json.loads(line)["time"] for line in pod.lines if TOLD in line)
        assert (datetime.fromisoformat(told) - ordered).total_seconds() <= 2.0
        assert (await pod.get("readyz")).text.startswith("Draining: ")
        stage.proxy.downloads.open()
        assert await pod.exit_code() == 0
    states = [job["state"]["label"] for job in await stage.admin(stage.server.jobs)]
    assert sorted(states) == ["Completed", "Pending"]
    assert await damage(stage) == (0, 0, ())


async def test_a_drained_runner_that_does_not_end_after_its_last_job_is_stopped_and_the_pod_ends_drained(
    stage: Scene,
) -> None:
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
    async with registered_pod(stage, {"STAND_IN_STAYS": "1"}) as pod:
        await pod.wait_for_line("Processing job of type")
        pod.order("scale-down")
        await pod.wait_for_line("Finished processing job", seconds=60)
        await pod.wait_for_line(TOLD)
        assert await pod.exit_code(30 + 15) == 0
        assert "sending the runner SIGTERM, with no job in hand" in pod.messages
        assert pod.termination["cause"] == "Drained"
    assert await job_state(stage) == "Completed"
    assert await damage(stage) == (0, 0, ())


async def test_an_abort_order_in_a_drain_puts_the_job_back_into_the_queue(stage: Scene) -> None:
    async with busy_pod(stage) as pod:
        pod.order("scale-down")
        await pod.wait_for_line(TOLD)
        pod.order("abort")
        assert await pod.exit_code() == 5
        assert pod.termination["cause"] == "AbortOrdered"
        assert "1 jobs handed back, 0 left" in pod.termination["message"]
        assert "ptrjt-***" in pod.log
    assert await job_state(stage) == "Pending"
    assert await damage(stage) == (1, 0, ())


async def test_sigterm_lets_a_job_end_that_fits_into_the_grace_period(stage: Scene) -> None:
    async with busy_pod(stage, evictionGraceSeconds=600) as pod:
        pod.terminate()
        await pod.wait_for_line(TOLD)
        status = await pod.status()
        assert 560 <= status["drain"]["abortInSeconds"] <= 570
        stage.proxy.downloads.open()
        assert await pod.exit_code() == 0
    assert await job_state(stage) == "Completed"
    assert await damage(stage) == (0, 0, ())


async def test_sigterm_hands_a_longer_job_back_thirty_seconds_before_the_kill(stage: Scene) -> None:
    async with busy_pod(stage, evictionGraceSeconds=46) as pod:
        pod.terminate()
        await pod.wait_for_line(TOLD)
        pod.order("scale-down")  # an order that comes late changes nothing
        assert await pod.exit_code(46 - 25) == 5
        assert pod.termination["cause"] == "DrainDeadline"
    assert await job_state(stage) == "Pending"
    assert await damage(stage) == (1, 0, ())


async def test_a_drain_that_comes_while_a_job_is_being_accepted_does_not_orphan_it(stage: Scene) -> None:
    # The runner itself would: told to end while it holds no job, it exits with the answer to its claim under way.
    stage.proxy.answers["/accept"] = Gate(is_open=False)
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
    async with registered_pod(stage) as pod:
        await stage.proxy.answers["/accept"].holds_one.wait()
        pod.order("scale-down")
        await pod.wait_for_line("draining: DrainOrdered")
        await pod.wait_for_status(lambda status: status["drain"]["seconds"] >= 1.5)
        assert TOLD not in pod.log
        stage.proxy.answers["/accept"].open()
        assert await pod.exit_code() == 0
    assert await job_state(stage) == "Completed"
    assert await damage(stage) == (0, 0, ())


async def test_a_runner_whose_row_is_deleted_ends_its_pod_with_three(stage: Scene) -> None:
    async with registered_pod(stage) as pod:
        await pod.wait_ready()
        [row] = await stage.admin(stage.server.runners)
        await stage.admin(stage.server.delete_runner, row["id"])
        await stage.admin(stage.server.enqueue, WEB_VIDEO)
        assert await pod.exit_code() == 3
        assert pod.termination["cause"] == "Unregistered"


async def test_ffmpeg_has_the_pools_threads_and_nice_value_and_ends_with_the_pod(stage: Scene) -> None:
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=6.0)
    slow = {"STAND_IN_READ_RATE": "0.1"}
    async with registered_pod(stage, slow, ffmpeg={"threads": 3, "nice": 7}) as pod:
        await pod.wait_for_status(lambda _: bool(ffmpegs(pod)))
        [ffmpeg] = ffmpegs(pod)
        assert "-threads 3" in command_line(ffmpeg)
        assert os.getpriority(os.PRIO_PROCESS, ffmpeg) == 7
        pod.order("abort")
        assert await pod.exit_code() == 5
        assert ffmpegs(pod) == []
    assert await job_state(stage) == "Pending"


async def test_a_runner_that_crashes_is_started_again_with_its_token_and_without_its_ffmpeg(stage: Scene) -> None:
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=6.0)
    async with registered_pod(stage, {"STAND_IN_READ_RATE": "0.1"}) as pod:
        await pod.wait_for_status(lambda _: bool(ffmpegs(pod)))
        [ffmpeg] = ffmpegs(pod)
        os.kill(runner_pid(pod), signal.SIGKILL)
        await pod.wait_for_line("the runner ended by itself with status -9; 0 jobs lost")
        await pod.wait_for_line("starting the runner again")
        assert ffmpeg not in ffmpegs(pod)
        stage.proxy.downloads.hold()
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
        await pod.wait_for_status(lambda status: status["restarts"] == 1 and bool(status["jobs"]))
        stage.proxy.downloads.open()
        await pod.wait_for_status(lambda status: status["probes"]["readiness"] == [])
    assert [row["name"] for row in await stage.admin(stage.server.runners)] == ["vod-1a2b3-7"]
