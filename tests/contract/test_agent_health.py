"""Sick runners in a pod: real processes, a real FFmpeg, a line that can be cut, and a simulated PeerTube.

The agent's own clock is the real one; the pool's tolerances and the server's and the runner's clocks are shortened.
"""

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from peers.runner.program import PATIENCE_SECONDS, Home
from peers.runner.scene import Scene, scene
from runnerpool_agent.processes import processes
from support.agent.line import Line, line_to
from support.agent.pod import Pod, agent_config, running_pod

pytestmark = pytest.mark.timeout(300)

WEB_VIDEO = "vod-web-video-transcoding"
TOLD = "was told to take no more jobs"
_TOKEN = re.compile(r"ptr(t|jt|rt)-[0-9a-f]{4}")


@asynccontextmanager
async def pod_on(
    stage: Scene, environment: dict[str, str], health: dict[str, Any], origin: str | None = None
) -> AsyncIterator[Pod]:
    """A pod with a registered runner; afterwards no token stands in its log."""
    token = await stage.admin(stage.server.register, "vod-1a2b3-7", "for tests")
    runner = {"name": "vod-1a2b3-7", "token": token, "description": "for tests"}
    config = agent_config(origin or stage.proxy.origin, runner=runner, health=health)
    async with running_pod(config, [str(stage.home.program)], environment) as pod:
        await pod.wait_for_status(lambda status: not status["probes"]["readiness"], seconds=60)
        yield pod
    assert not _TOKEN.search(pod.log)


@asynccontextmanager
async def line_of(stage: Scene) -> AsyncIterator[Line]:
    async with line_to(httpx.URL(stage.proxy.origin).port or 0) as line:
        yield line


async def begin_encode(stage: Scene, pod: Pod, seconds: float) -> int:
    """A job in hand whose FFmpeg runs at the speed of the video; returns FFmpeg's PID."""
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=seconds)
    await pod.wait_for_status(lambda _: bool(ffmpegs(pod)))
    [pid] = ffmpegs(pod)
    return pid


def ffmpegs(pod: Pod) -> list[int]:
    found = []
    for process in processes():
        try:
            command = Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8").replace("\0", " ")
        except OSError:
            continue
        if not process.zombie and command.startswith("ffmpeg ") and str(pod.home) in command:
            found.append(process.pid)
    return found


def runner_pid(pod: Pod) -> int:
    return int(re.findall(r"started as process (\d+)", pod.log)[-1])


async def wait_for_job(stage: Scene, state: str, seconds: float = PATIENCE_SECONDS) -> None:
    found = ""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        [job] = await stage.admin(stage.server.jobs)
        found = job["state"]["label"]
        if found == state:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the job is {found}, not {state}")


def restarted_for(cause: str) -> Any:
    def is_so(status: dict[str, Any]) -> bool:
        return bool(status["restartsByCause"] == {cause: 1} and not status["probes"]["readiness"])

    return is_so


async def test_an_encode_outlives_a_short_cut_and_is_uploaded_and_a_fresh_runner_takes_the_next_job(
    stage: Scene,
) -> None:
    slow = {"STAND_IN_READ_RATE": "1"}
    async with line_of(stage) as line, pod_on(stage, slow, {"contactDrainSeconds": 2}, line.origin) as pod:
        await begin_encode(stage, pod, 45.0)
        cut_at = time.monotonic()
        line.cut()
        lost = "ContactLost"
        # The agent may take 20 s to notice.
        await pod.wait_for_status(
            lambda status: any(lost in told for told in status["probes"]["readiness"]), seconds=35
        )
        assert time.monotonic() - cut_at <= 25.0
        await pod.wait_for_line(TOLD)
        line.restore()
        # What it finishes fills the pod, so the pod is as good as any busy one.
        await pod.wait_for_status(lambda status: bool(status["retirement"]) and not status["probes"]["readiness"])
        await pod.wait_for_status(restarted_for("ContactLost"), seconds=60)
        assert (await pod.status())["lostSeconds"] == {}
        await wait_for_job(stage, "Completed")
        await stage.admin(stage.server.delete_job, (await stage.admin(stage.server.jobs))[0]["uuid"])
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=1.0)
        await wait_for_job(stage, "Completed")
    assert (await stage.admin(stage.server.statistics)).aborts == 0


async def test_after_a_long_cut_the_stale_encode_ends_and_only_a_fresh_runner_takes_the_job_again(home: Home) -> None:
    quick = {"STAND_IN_READ_RATE": "0.5", "STAND_IN_CLOCK_DIVISOR": "40"}
    async with (
        scene(home, clock_divisor=20) as stage,
        line_of(stage) as line,
        pod_on(stage, quick, {"contactDrainSeconds": 2}, line.origin) as pod,
    ):
        stale = await begin_encode(stage, pod, 60.0)
        await stage.admin(stage.server.set, watchdog=True)
        line.cut()
        await wait_for_job(stage, "Pending")
        await pod.wait_for_line(TOLD)
        assert stale in ffmpegs(pod)  # it might still be uploaded, for all the pod knows
        restored_at = time.monotonic()
        line.restore()
        await pod.wait_for_status(lambda _: stale not in ffmpegs(pod))
        assert time.monotonic() - restored_at <= 10.0
        await pod.wait_for_line("Processing job of type", times=2)
        lines = pod.messages
        starts = [number for number, text in enumerate(lines) if "started as process" in text]
        takes = [number for number, text in enumerate(lines) if "Processing job of type" in text]
        assert starts[0] < takes[0] < starts[1] < takes[1]
        status = await pod.wait_for_status(restarted_for("LostJob"))
        assert list(status["lostSeconds"]) == ["LostJob"]


async def test_a_deaf_runner_is_restarted_and_the_job_done(stage: Scene, tmp_path: Path) -> None:
    deaf = {"STAND_IN_DEAF": "1", "STAND_IN_FAULT_MARKER": str(tmp_path / "marker")}
    async with pod_on(stage, deaf, {"deafToleranceSeconds": 3}) as pod:
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=1.0)
        await pod.wait_for_status(restarted_for("RunnerDeaf"))
        await wait_for_job(stage, "Completed")
        assert 'runnerpool_agent_runner_restarts_total{cause="RunnerDeaf"} 1.0' in (await pod.get("metrics")).text


async def test_a_runner_whose_look_for_jobs_gets_no_answer_is_restarted_and_the_job_done(
    stage: Scene, tmp_path: Path
) -> None:
    wedged = {"STAND_IN_WEDGE": "1", "STAND_IN_FAULT_MARKER": str(tmp_path / "marker")}
    async with pod_on(stage, wedged, {}) as pod:
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=1.0)
        await pod.wait_for_status(restarted_for("RunnerDeaf"), seconds=50)
        await wait_for_job(stage, "Completed")


async def test_a_job_whose_ffmpeg_stands_still_goes_back_and_ends_the_pod_as_hung(stage: Scene) -> None:
    async with pod_on(stage, {"STAND_IN_HANG": "1"}, {"stallToleranceSeconds": 8}) as pod:
        await begin_encode(stage, pod, 5.0)
        assert await pod.exit_code() == 4
        assert pod.termination["cause"] == "RunnerHung"
        [job] = pod.termination["jobs"]
        assert job["fate"] == "handed_back"
        assert job["seconds"] >= 8
        assert ffmpegs(pod) == []
    await wait_for_job(stage, "Pending")


async def test_a_slow_encode_is_not_taken_for_hung(stage: Scene) -> None:
    async with pod_on(stage, {"STAND_IN_READ_RATE": "1"}, {"stallToleranceSeconds": 4}) as pod:
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=12.0)
        await wait_for_job(stage, "Completed", seconds=40)
        assert (await pod.status())["lostSeconds"] == {}


async def works_for(stage: Scene, pod: Pod, seconds: float) -> dict[str, Any]:
    """The first job is in hand without any progress for so long at least, and then done; how the pod was before."""
    status = await pod.wait_for_status(lambda status: bool(status["jobs"]))
    begun_at = time.monotonic()
    while time.monotonic() - begun_at < seconds:
        await asyncio.sleep(0.2)
        status = await pod.status()
        assert [job["progress"] or 0 for job in status["jobs"]] == [0]
    await wait_for_job(stage, "Completed")
    return status


async def test_a_slow_download_is_not_taken_for_hung(stage: Scene) -> None:
    stage.proxy.download_seconds = 8
    async with pod_on(stage, {}, {"stallToleranceSeconds": 3}) as pod:
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=2.0)
        status = await works_for(stage, pod, 6)
        assert status["lostSeconds"] == {}


async def test_a_child_that_only_computes_is_not_taken_for_hung(stage: Scene, tmp_path: Path) -> None:
    """As a transcription does, which reports nothing until its end."""
    # The encode is preceded by a loop that moves no bytes.
    ffmpeg = tmp_path / "ffmpeg"
    real = shutil.which("ffmpeg")
    ffmpeg.write_text(
        "#!/bin/sh\n"
        'case "$*" in *-progress*) timeout --foreground 7 sh -c "while :; do :; done" ;; esac\n'
        f'exec {real} "$@"\n',
        encoding="utf-8",
    )
    ffmpeg.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    async with pod_on(stage, path, {"stallToleranceSeconds": 3}) as pod:
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=1.0)
        status = await works_for(stage, pod, 6)
        assert status["lostSeconds"] == {}


async def test_a_frozen_runner_is_killed_and_its_job_is_in_work_again_long_before_the_watchdog(stage: Scene) -> None:
    async with pod_on(stage, {"STAND_IN_READ_RATE": "1"}, {}) as pod:
        frozen = await begin_encode(stage, pod, 60.0)
        os.kill(runner_pid(pod), signal.SIGSTOP)
        await pod.wait_for_status(restarted_for("RunnerSilent"), seconds=50)
        status = await pod.wait_for_status(lambda status: bool(status["jobs"]))
        assert list(status["lostSeconds"]) == ["RunnerSilent"]
        assert frozen not in ffmpegs(pod)
    assert (await stage.admin(stage.server.statistics)).reclaims == 0


async def test_a_job_that_the_administrator_cancels_is_dropped_within_seconds_of_refused_reports(stage: Scene) -> None:
    quick = {"STAND_IN_READ_RATE": "1", "STAND_IN_CLOCK_DIVISOR": "30"}
    async with pod_on(stage, quick, {}) as pod:
        ffmpeg = await begin_encode(stage, pod, 60.0)
        [job] = await stage.admin(stage.server.jobs)
        await stage.admin(stage.server.cancel, job["uuid"])
        status = await pod.wait_for_status(restarted_for("LostJob"), seconds=25)
        assert list(status["lostSeconds"]) == ["LostJob"]
        assert ffmpeg not in ffmpegs(pod)


async def test_an_upload_that_a_proxy_rejects_ends_the_pod_with_its_cause(stage: Scene) -> None:
    stage.proxy.refusals["/success"] = (413, {"title": "Payload Too Large"})
    async with pod_on(stage, {"STAND_IN_READ_RATE": "1"}, {}) as pod:
        await begin_encode(stage, pod, 4.0)
        # The runner begins it before the agent knows what became of the first.
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=60.0)
        assert await pod.exit_code() == 4
        assert pod.termination["cause"] == "UploadRejected"
        assert "HTTP 413" in pod.termination["message"]
        assert pod.termination["jobs"][0]["fate"] == "failed"
        assert {job["fate"] for job in pod.termination["jobs"][1:]} <= {"handed_back"}
        assert all(job["cause"] == "UploadRejected" for job in pod.termination["jobs"])
        assert ffmpegs(pod) == []
