"""The whole agent as a process, with a runner that does what the test says."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from runnerpool_agent import ipc_frames
from runnerpool_agent.ipc import IpcClient
from runnerpool_agent.ipc_frames import FrameType
from runnerpool_agent.processes import processes
from support.agent.fake_server import ping_server
from support.agent.pod import TOKEN, Pod, agent_config, running_pod

FAKE = (sys.executable, str(Path(__file__).parents[1] / "support" / "agent" / "fake_runner.py"))
UUID = "161fe3e9-3d24-49e3-8b5c-047c76e6af75"


class Told(IpcClient):
    """Tells the fake runner what to do."""

    async def tell(self, call: str, **arguments: Any) -> dict[str, Any]:
        reader, writer = self._streams or await self._connect()
        writer.write(ipc_frames.encode(FrameType.REQUEST, {"type": f"fake-{call}", **arguments}, call))
        while True:
            frame = await ipc_frames.read(reader)
            if frame.get("n") == call:
                return frame["d"].get("data") or {}


@asynccontextmanager
async def ready_pod(**changes: Any) -> AsyncIterator[tuple[Pod, Told]]:
    async with ping_server() as server, running_pod(agent_config(server, **changes), FAKE) as pod:
        await pod.wait_ready()
        runner = Told(pod.home / "scratch/data/peertube-runner-nodejs/default/peertube-runner.sock")
        try:
            yield pod, runner
        finally:
            await runner.close()


async def test_a_pod_becomes_ready_works_and_drains() -> None:
    async with ready_pod() as (pod, runner):
        for page in ("startupz", "livez", "readyz"):
            assert (await pod.get(page)).status_code == 200
        await runner.tell("start", uuid=UUID)
        status = await pod.wait_for_status(lambda status: bool(status["jobs"]))
        assert status["jobs"] == [
            {"type": "vod-hls-transcoding", "uuid": UUID, "progress": 42.0, "startedAt": "2026-11-23T17:29:08.906Z"}
        ]
        assert status["runnerVersion"] == "0.6.0"
        assert (await pod.get("readyz")).status_code == 200  # a busy pod would take a job if it had a free slot
        pod.order("scale-down")
        await pod.wait_for_line("was told to take no more jobs")
        assert (await pod.get("readyz")).text.startswith("Draining: ")
        assert (await pod.get("livez")).status_code == 200
        metrics = (await pod.get("metrics")).text
        assert 'runnerpool_agent_job_starts_total{type="vod-hls-transcoding"} 1.0' in metrics
        assert "runnerpool_agent_jobs_in_hand 1.0" in metrics
        assert "runnerpool_agent_draining 1.0" in metrics
        await runner.tell("finish", uuid=UUID)
        assert await pod.exit_code() == 0
        assert pod.termination == {"cause": "Drained", "message": "DrainOrdered: nothing left in hand", "jobs": []}


async def test_no_token_is_ever_printed_and_every_line_is_json() -> None:
    async with ready_pod() as (pod, runner):
        await runner.tell("print", text="a job token ptrjt-00000000-0000-4000-8000-000000000000 in a line")
        await runner.tell("print", text=f'    "runnerToken": "{TOKEN}"')
        await runner.tell("print", text="[18:16:25.050] DEBUG (1): for the agent only")
        await runner.tell("unregister")
        assert await pod.exit_code() == 3
        assert pod.termination["cause"] == "Unregistered"
        assert "a job token ptrjt-*** in a line" in pod.messages
        assert '    "runnerToken": "***"' in pod.messages
        assert "for the agent only" not in pod.log
        assert TOKEN not in pod.log
        assert all("level" in json.loads(line) for line in pod.lines)


async def test_ffmpeg_does_not_outlive_a_crashed_runner_which_is_started_again() -> None:
    async with ready_pod() as (pod, runner):
        orphan = (await runner.tell("spawn"))["pid"]
        assert orphan in [process.pid for process in processes()]
        await runner.tell("start", uuid=UUID)
        with suppress(EOFError):
            await runner.tell("crash", code=0)
        await pod.wait_for_line("the runner ended by itself with status 0; 1 jobs lost")
        await pod.wait_for_line("starting the runner again in 1 s")
        assert orphan not in [process.pid for process in processes()]
        await pod.wait_for_line("Server is ready to process jobs", times=2)
        await pod.wait_ready()
        status = await pod.status()
        assert status["restarts"] == 1
        metrics = (await pod.get("metrics")).text
        assert 'runnerpool_agent_job_ends_total{outcome="lost",type="vod-hls-transcoding"} 1.0' in metrics
        assert 'runnerpool_agent_runner_restarts_total{cause="RunnerCrashed"} 1.0' in metrics
        assert 'runnerpool_agent_cause{cause="RunnerCrashed"} 0.0' in metrics


async def test_sigterm_ends_an_idle_pod_at_once() -> None:
    async with ready_pod() as (pod, _):
        pod.terminate()
        assert await pod.exit_code(10) == 0
        assert pod.termination["message"] == "Terminated: nothing left in hand"


async def test_sigterm_with_a_short_grace_period_hands_the_job_back() -> None:
    async with ready_pod(evictionGraceSeconds=30) as (pod, runner):
        await runner.tell("start", uuid=UUID)
        await pod.wait_for_status(lambda status: bool(status["jobs"]))
        pod.terminate()
        assert await pod.exit_code(10) == 5
        assert pod.termination["cause"] == "DrainDeadline"
        assert "1 jobs handed back" in pod.termination["message"]


async def test_an_invalid_configuration_ends_with_two_and_all_problems() -> None:
    async with running_pod(agent_config(concurrency=0, jobTypes=[]), FAKE) as pod:
        assert await pod.exit_code() == 2
        assert pod.termination["cause"] == "InvalidConfiguration"
        assert "concurrency" in pod.termination["message"]
        assert "jobTypes" in pod.termination["message"]
        assert TOKEN not in pod.log


async def test_a_runner_that_cannot_drain_is_refused() -> None:
    async with running_pod(agent_config(), FAKE, {"FAKE_RUNNER_VERSION": "0.0.21"}) as pod:
        assert await pod.exit_code() == 2
        assert pod.termination["cause"] == "UnsupportedRunner"
        assert "0.0.21, which cannot drain" in pod.termination["message"]


async def test_without_a_server_the_pod_starts_but_is_not_ready() -> None:
    async with running_pod(agent_config("http://127.0.0.1:9"), FAKE) as pod:
        await pod.wait_for_line("Server is ready to process jobs")
        status = await pod.wait_for_status(lambda status: status["probes"]["startup"] == [])
        (cause,) = status["causes"]
        assert (cause["cause"], cause["message"][:26]) == ("ContactLost", "the server has not answere")
        assert status["probes"]["readiness"] == [f"ContactLost: {cause['message']}"]
        assert status["probes"]["liveness"] == []
        await pod.wait_for_line("no contact with http://127.0.0.1:9: ConnectError")
        assert "runnerpool_agent_ping_failures_total 1.0" in (await pod.get("metrics")).text


async def test_a_scratch_that_cannot_be_written_is_told_with_the_remedy(tmp_path: Path) -> None:
    async with running_pod(agent_config(), FAKE, scratch=tmp_path / "file" / "scratch") as pod:
        (tmp_path / "file").touch()
        assert await pod.exit_code() == 2
        assert "is the scratch volume mounted there?" in pod.termination["message"]


async def test_a_fault_of_the_agent_itself_ends_with_one_and_is_logged() -> None:
    async with ping_server() as server:
        port = httpx.URL(server).port
        async with running_pod(agent_config(server), FAKE, port=port) as pod:
            assert await pod.exit_code() == 1
            assert pod.termination["cause"] == "AgentFailed"
            assert "address already in use" in pod.log
