import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peers.peertube.jobs import JobDraft
from peers.peertube.journal import Cause
from peers.peertube.profile import HLS, LIVE, STORYBOARD, WEB_VIDEO
from peers.peertube.records import Job, JobState, Runner
from peers.peertube.simulation import Settings, Simulation

pytestmark = pytest.mark.looptime


@contextlib.asynccontextmanager
async def simulated(directory: Path, clock_divisor: float = 1.0) -> AsyncIterator[tuple[Simulation, Runner]]:
    """A server without its HTTP face, and a runner; made inside the test, since fixtures live in real time."""
    settings = Settings(public_url="http://video.test", data_directory=directory, clock_divisor=clock_divisor)
    simulation = Simulation(settings)
    simulation.start()
    try:
        yield simulation, registered(simulation, "runner-a")
    finally:
        await simulation.stop()


def registered(simulation: Simulation, name: str) -> Runner:
    token = simulation.runners.tokens[0].value
    return simulation.runners.register(
        registration_token=token, name=name, description=None, version=None, ip="127.0.0.1"
    )


def draft(job_type: str = WEB_VIDEO, priority: int = 100, children: tuple[JobDraft, ...] = ()) -> JobDraft:
    return JobDraft(
        type=job_type,
        priority=priority,
        payload=lambda job: {"job": job},
        private_payload={"videoUUID": "video"},
        children=children,
    )


def family(simulation: Simulation) -> tuple[Job, Job, Job]:
    """A job, its child and its grandchild."""
    parent = simulation.queue.add(draft(children=(draft(children=(draft(HLS),)),)))
    child = simulation.queue.children(parent)[0]
    return parent, child, simulation.queue.children(child)[0]


async def test_children_wait_for_their_parent_and_are_freed_one_generation_at_a_time(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        parent, child, grandchild = family(simulation)
        assert (parent.state, child.state, grandchild.state) == (
            JobState.PENDING,
            JobState.WAITING_FOR_PARENT_JOB,
            JobState.WAITING_FOR_PARENT_JOB,
        )
        simulation.queue.accept(parent, runner)
        simulation.queue.start_completing(parent)
        assert child.state is JobState.WAITING_FOR_PARENT_JOB
        simulation.queue.finish_completing(parent)
        assert (parent.state, child.state, grandchild.state) == (
            JobState.COMPLETED,
            JobState.PENDING,
            JobState.WAITING_FOR_PARENT_JOB,
        )


async def test_children_are_freed_even_if_the_parents_completion_fails(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        parent, child, _ = family(simulation)
        simulation.queue.accept(parent, runner)
        simulation.queue.start_completing(parent)
        simulation.queue.finish_completing(parent, "disk full")
        assert (parent.state, parent.error, parent.failures) == (JobState.ERRORED, "disk full", 0)
        assert child.state is JobState.PENDING


async def test_a_job_deleted_while_it_completes_takes_its_waiting_children_with_it(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        parent, _, _ = family(simulation)
        simulation.queue.accept(parent, runner)
        simulation.queue.start_completing(parent)
        simulation.queue.delete(parent)
        simulation.queue.finish_completing(parent)
        assert list(simulation.queue) == []
        assert simulation.journal.count(Cause.COMPLETED) == 0


async def test_an_abort_puts_the_job_back_without_counting_a_failure(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft())
        simulation.queue.accept(job, runner)
        simulation.queue.report(job, 40)
        simulation.queue.give_back(job, Cause.ABORT, "Runner stopped")
        assert (job.state, job.failures, job.runner, job.token) == (JobState.PENDING, 0, None, None)
        assert (job.progress, job.started_at) == (None, None)


async def test_the_fifth_error_ends_the_job_and_its_descendants(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        parent, child, grandchild = family(simulation)
        for failures in range(1, 6):
            assert parent.state is JobState.PENDING
            simulation.queue.accept(parent, runner)
            simulation.queue.report_error(parent, f"failure {failures}")
            assert parent.failures == failures
        assert (parent.state, parent.error) == (JobState.ERRORED, "failure 5")
        assert (child.state, grandchild.state) == (JobState.PARENT_ERRORED, JobState.PARENT_ERRORED)


@pytest.mark.parametrize("ends", ["abort", "error"])
async def test_a_live_job_has_one_attempt(tmp_path: Path, ends: str) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft(LIVE))
        simulation.queue.accept(job, runner)
        if ends == "abort":
            simulation.queue.give_back(job, Cause.ABORT, "Runner stopped")
        else:
            simulation.queue.report_error(job, "no input")
        assert job.state is JobState.ERRORED


async def test_cancelling_ends_descendants_but_not_what_is_finished(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        parent, child, grandchild = family(simulation)
        simulation.queue.accept(parent, runner)
        simulation.queue.start_completing(parent)
        simulation.queue.finish_completing(parent)
        simulation.queue.accept(child, runner)
        simulation.queue.cancel(child)
        assert (parent.state, child.state, grandchild.state) == (
            JobState.COMPLETED,
            JobState.CANCELLED,
            JobState.PARENT_CANCELLED,
        )
        assert child.token is None
        assert grandchild.finished_at is not None


async def test_runners_are_offered_ten_jobs_by_priority_then_age(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, _):
        late = simulation.queue.add(draft(STORYBOARD, priority=95))
        jobs = [simulation.queue.add(draft(priority=101)) for _ in range(12)]
        assert simulation.queue.offered(None) == [late, *jobs[:9]]
        assert simulation.queue.offered([WEB_VIDEO]) == jobs[:10]
        assert simulation.queue.offered([]) == []


async def test_progress_zero_is_not_stored_and_silent_signs_of_life_count_once_in_two_seconds(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft())
        simulation.queue.accept(job, runner)
        accepted = job.updated_at
        simulation.queue.report(job, 0)
        assert (job.progress, job.updated_at) == (None, accepted)
        await asyncio.sleep(2.5)
        simulation.queue.report(job, None)
        assert job.updated_at > accepted
        alive = job.updated_at
        simulation.queue.report(job, 7)
        assert (job.progress, job.updated_at >= alive) == (7, True)


async def test_the_watchdog_takes_back_a_job_whose_runner_fell_silent(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft())
        simulation.queue.accept(job, runner)
        await asyncio.sleep(119)
        assert job.state is JobState.PROCESSING
        await asyncio.sleep(32)
        assert (job.state, job.failures) == (JobState.PENDING, 0)
        assert simulation.journal.count(Cause.WATCHDOG) == 1


async def test_the_watchdog_leaves_a_job_alone_that_gives_signs_of_life(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft())
        simulation.queue.accept(job, runner)
        for _ in range(10):
            await asyncio.sleep(60)
            simulation.queue.report(job, None)
        assert job.state is JobState.PROCESSING
        assert simulation.watchdog.orphans() == []


async def test_a_silent_live_fails_within_a_minute(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft(LIVE))
        simulation.queue.accept(job, runner)
        await asyncio.sleep(61)
        assert job.state is JobState.ERRORED


async def test_a_silent_storyboard_stays_in_processing_and_counts_as_an_orphan(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft(STORYBOARD))
        simulation.queue.accept(job, runner)
        await asyncio.sleep(3600)
        assert job.state is JobState.PROCESSING
        assert simulation.watchdog.orphans() == [job]


async def test_a_job_without_its_runner_is_an_orphan_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        job = simulation.queue.add(draft())
        simulation.queue.accept(job, runner)
        assert simulation.watchdog.orphans() == []
        simulation.runners.delete(runner.id)
        assert (job.state, job.runner) == (JobState.PROCESSING, None)
        assert simulation.watchdog.orphans() == [job]


async def test_a_switched_off_watchdog_takes_nothing_back(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        simulation.watchdog.enabled = False
        job = simulation.queue.add(draft())
        simulation.queue.accept(job, runner)
        await asyncio.sleep(1000)
        assert job.state is JobState.PROCESSING
        assert simulation.watchdog.orphans() == [job]


async def test_the_clock_divisor_shortens_stalls_and_pushes(tmp_path: Path) -> None:
    async with simulated(tmp_path, clock_divisor=10) as (simulation, runner):
        job = simulation.queue.add(draft())
        await asyncio.sleep(0.11)
        assert simulation.socket.pushes == 1
        simulation.queue.accept(job, runner)
        await asyncio.sleep(11.9)
        assert job.state is JobState.PROCESSING
        await asyncio.sleep(3.2)
        assert simulation.journal.count(Cause.WATCHDOG) == 1


async def test_a_push_waits_for_a_second_of_quiet(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, _):
        for _ in range(5):
            simulation.queue.add(draft())
            await asyncio.sleep(0.9)
        assert simulation.socket.pushes == 0
        await asyncio.sleep(0.2)
        assert simulation.socket.pushes == 1
        await asyncio.sleep(10)
        assert simulation.socket.pushes == 1


async def test_waiting_jobs_alone_are_not_pushed(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, _):
        parent = simulation.queue.add(draft())
        await asyncio.sleep(2)
        assert simulation.socket.pushes == 1
        simulation.queue.add(draft(HLS), parent)
        await asyncio.sleep(2)
        assert simulation.socket.pushes == 1


async def test_a_runners_contact_is_written_once_in_thirty_seconds(tmp_path: Path) -> None:
    async with simulated(tmp_path) as (simulation, runner):
        registered_at = runner.last_contact
        simulation.runners.touch(runner, ip="10.0.0.1")
        assert runner.last_contact == registered_at
        await asyncio.sleep(31)
        simulation.runners.touch(runner, ip="10.0.0.1", version="0.6.0")
        assert runner.last_contact > registered_at
        assert (runner.ip, runner.version) == ("10.0.0.1", "0.6.0")


async def test_a_clock_divisor_of_zero_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not above 0"):
        Simulation(Settings(public_url="http://video.test", data_directory=tmp_path, clock_divisor=0))
