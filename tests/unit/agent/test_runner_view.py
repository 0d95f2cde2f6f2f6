import asyncio

import pytest

from runnerpool_agent.ipc import IpcError, Moment, RunningJob
from runnerpool_agent.jobs import Outcome
from runnerpool_agent.runner_view import RunnerView

pytestmark = pytest.mark.looptime

JOB = RunningJob(type="hls", uuid="a", progress=1.0, started_at=None)


class Ipc:
    """A runner that answers, or times out after five seconds."""

    def __init__(self) -> None:
        self.answers = True
        self.closed = False
        self.jobs: tuple[RunningJob, ...] = ()

    async def list_jobs(self) -> tuple[RunningJob, ...]:
        if not self.answers:
            await asyncio.sleep(5)
            raise IpcError("silent")
        return self.jobs

    async def is_registered(self) -> bool:
        return True

    async def graceful_shutdown(self, moment: Moment | None = None) -> None: ...

    async def close(self) -> None:
        self.closed = True


class Counts:
    def job_started(self, job_type: str) -> None: ...

    def job_ended(self, job_type: str, outcome: Outcome) -> None: ...


def view_of(ipc: Ipc) -> RunnerView:
    return RunnerView(ipc, Counts(), asyncio.get_running_loop().time)


async def test_a_silence_counts_from_the_end_of_the_first_unanswered_call_and_ends_with_an_answer() -> None:
    ipc = Ipc()
    view = view_of(ipc)
    watching = asyncio.create_task(view.watch(lambda: None))
    await asyncio.sleep(10.5)
    assert view.silent_seconds() == 0
    ipc.answers = False
    await asyncio.sleep(20)
    # Asked at 11 s, given up at 16 s.
    assert view.silent_seconds() == pytest.approx(30.5 - 16)
    ipc.answers = True
    await asyncio.sleep(10)
    assert view.silent_seconds() == 0
    watching.cancel()
    await asyncio.wait([watching])
    assert ipc.closed


async def test_a_stall_of_the_whole_pod_is_no_silence_of_the_runner() -> None:
    ipc = Ipc()
    view = view_of(ipc)
    await view.poll()
    await asyncio.sleep(3600)  # nobody asked
    assert view.silent_seconds() == 0


async def test_a_job_counts_as_in_hand_by_the_list_or_by_the_log() -> None:
    ipc = Ipc()
    view = view_of(ipc)
    await view.poll()
    assert not view.busy
    assert view.answered
    ipc.jobs = (JOB,)
    await view.poll()
    assert view.busy
    ipc.jobs = ()
    await view.poll()
    view.log.take("[18:16:25.355] INFO (1): [https://x] Processing job of type hls: a")
    assert view.busy


async def test_a_runner_is_unregistered_by_its_list_or_by_its_log_but_not_before_it_has_answered() -> None:
    view = view_of(Ipc())
    assert not view.unregistered
    view.log.take("[18:22:10.484] ERROR (1): Unregistering https://x as the runner token ptrt-1 is invalid")
    assert view.unregistered
