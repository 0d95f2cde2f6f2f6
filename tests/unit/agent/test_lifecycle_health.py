"""The lifecycle when something is wrong: what becomes of the runner, of its jobs, and of the pod."""

import asyncio

import pytest

from runnerpool_agent.causes import LossCause, RestartCause
from runnerpool_agent.config import Health
from runnerpool_agent.drain import Cause
from runnerpool_agent.orders import Order
from runnerpool_agent.termination import EndCause
from support.agent.played_life import CHECKING, World, now

pytestmark = pytest.mark.looptime

REFUSED = "[17:11:31.759] ERROR (1): Cannot send job progress"
FAILED = "[17:11:45.403] ERROR (1): Cannot process job"


@pytest.fixture
def world() -> World:
    return World()


async def busy(world: World, *uuids: str) -> None:
    """A runner with jobs in hand since second 10; the server can be asked about them."""
    await world.settle()
    for uuid in uuids or ("a",):
        world.runner.begin(uuid)
        world.runner.prove(uuid)
    await asyncio.sleep(2)


# Contact


async def test_45_seconds_after_the_loss_a_busy_runner_is_told_to_take_no_other_job(world: World) -> None:
    await busy(world)
    world.cut()
    await asyncio.sleep(44)
    assert world.runner.told == []
    await asyncio.sleep(3)
    assert len(world.runner.told) == 1
    assert world.runner.signals == []


async def test_an_idle_runner_waits_for_contact_as_it_is(world: World) -> None:
    await world.settle()
    world.cut()
    await asyncio.sleep(600)
    assert world.runner.told == []
    assert len(world.runners) == 1


async def test_a_job_that_outlives_a_cut_is_uploaded_and_a_fresh_runner_follows_without_a_loss(world: World) -> None:
    await busy(world)
    world.cut()
    await asyncio.sleep(60)
    world.restore()
    await asyncio.sleep(100)
    world.runner.finish("a")
    await asyncio.sleep(1)
    assert len(world.runners) == 2
    assert world.causes == [RestartCause.CONTACT_LOST]
    assert world.losses == []
    assert world.lifecycle.drain.cause is None


async def test_a_runner_that_does_not_go_after_its_last_job_is_stopped_and_a_fresh_one_follows(world: World) -> None:
    await busy(world)
    world.runner.leaves = False
    world.cut()
    await asyncio.sleep(60)
    world.restore()
    world.runner.finish("a")
    await asyncio.sleep(35)
    assert [name for name, _ in world.runners[0].signals] == ["TERM"]
    assert len(world.runners) == 2
    assert world.causes == [RestartCause.CONTACT_LOST]
    assert world.losses == []


async def test_a_runner_that_ends_within_the_cut_is_followed_by_one_only_when_there_is_contact(world: World) -> None:
    await busy(world)
    world.cut()
    await asyncio.sleep(60)
    world.runner.say(FAILED)
    world.runner.end(0)
    await asyncio.sleep(500)
    assert len(world.runners) == 1
    assert [cause for cause, _ in world.losses] == [LossCause.CONTACT_LOST]
    world.restore()
    await asyncio.sleep(1)
    assert len(world.runners) == 2


async def test_a_job_that_fails_while_its_runner_goes_on_is_booked_by_whether_there_is_contact(world: World) -> None:
    await busy(world, "a", "b")
    for uuid in "a", "b":
        world.runner.say(FAILED)
        del world.runner.jobs[uuid]
        await asyncio.sleep(5)
        world.cut()
        await asyncio.sleep(5)
    assert [cause for cause, _ in world.losses] == [LossCause.JOB_FAILED, LossCause.CONTACT_LOST]


async def test_no_number_of_cuts_wears_the_pod_out(world: World) -> None:
    await world.settle()
    for number in range(10):
        world.runner.begin(f"{number}")
        world.cut()
        await asyncio.sleep(60)
        world.runner.finish(f"{number}")
        world.restore()
        await asyncio.sleep(60)
    assert len(world.runners) == 11
    assert not world.task.done()


async def test_a_drain_order_during_a_cut_ends_the_pod_when_the_job_is_done(world: World) -> None:
    await busy(world)
    world.cut()
    await asyncio.sleep(60)
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(60)
    world.restore()
    world.runner.finish("a")
    assert (await world.ends()).code == 0
    assert len(world.runner.told) == 1


async def test_a_drain_order_while_contact_is_waited_for_ends_the_pod_at_once(world: World) -> None:
    await busy(world)
    world.cut()
    await asyncio.sleep(60)
    world.runner.finish("a")
    await asyncio.sleep(10)
    world.lifecycle.take_order(Order.DRAIN)
    assert (await world.ends()).code == 0
    assert len(world.runners) == 1


async def test_when_contact_returns_a_job_that_the_server_gave_away_is_dropped_within_seconds(world: World) -> None:
    await busy(world)
    world.ours = False
    world.cut()
    await asyncio.sleep(200)
    world.restore()
    await asyncio.sleep(6)
    ((name, at),) = world.runners[0].signals
    assert (name, at - world.back_at <= 5) == ("TERM", True)
    assert len(world.runners) == 2
    assert world.causes == [RestartCause.LOST_JOB]
    ((cause, seconds),) = world.losses
    assert cause is LossCause.LOST_JOB
    assert 200 <= seconds <= 210


async def test_a_server_that_does_not_say_whose_the_job_is_is_asked_again(world: World) -> None:
    await busy(world)
    world.ours = None
    world.cut()
    await asyncio.sleep(60)
    world.restore()
    await asyncio.sleep(20)
    assert len(world.reports) >= 5
    world.ours = True
    await asyncio.sleep(5)
    asked = len(world.reports)
    await asyncio.sleep(60)
    assert len(world.reports) == asked
    assert world.runner.signals == []


# A lost job


async def refuse(world: World, times: int) -> None:
    for _ in range(times):
        world.runner.say(REFUSED)
        await asyncio.sleep(60)


async def test_a_job_whose_reports_are_refused_three_times_in_a_row_is_lost(world: World) -> None:
    await world.settle()
    world.runner.begin("a")  # whose token never stood in the log
    await refuse(world, 2)
    assert world.runner.signals == []
    await refuse(world, 1)
    assert len(world.runners) == 2
    assert world.causes == [RestartCause.LOST_JOB]


async def test_in_a_drain_two_refused_reports_end_the_pod_with_five(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_order(Order.DRAIN)
    world.runner.say(REFUSED)
    await asyncio.sleep(60)
    world.runner.say(REFUSED)
    ending = await world.ends()
    assert (ending.code, ending.cause) == (5, Cause.DRAIN_ORDERED)
    assert now() <= 72
    assert [job.page()["fate"] for job in ending.jobs] == ["handed_back"]


async def test_one_refused_report_lets_the_agent_ask_and_one_yes_is_enough(world: World) -> None:
    await busy(world)
    world.runner.say(REFUSED)
    await asyncio.sleep(30)
    assert len(world.reports) == 1
    assert world.runner.signals == []


async def test_one_lost_job_of_two_lets_the_other_be_finished(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.runner.begin("b")
    world.runner.prove("a")
    world.ours = False
    world.runner.say(REFUSED)
    await asyncio.sleep(20)
    assert len(world.runner.told) == 1
    assert world.runner.signals == []
    world.runner.finish("b")
    await asyncio.sleep(2)
    assert [name for name, _ in world.runners[0].signals] == ["TERM"]
    assert len(world.runners) == 2


# Hung, silent


async def test_a_job_that_does_not_move_in_any_way_ends_the_pod_as_hung_and_goes_back(world: World) -> None:
    await busy(world)
    world.works = False
    stopped = now()
    ending = await world.ends()
    assert (ending.code, ending.cause) == (4, Cause.RUNNER_HUNG)
    assert 600 <= now() - stopped <= 630
    assert [name for name, _ in world.runner.signals] == ["TERM"]
    assert [job.page()["fate"] for job in ending.jobs] == ["handed_back"]
    assert [cause for cause, _ in world.losses] == [LossCause.HUNG]


async def test_a_drain_whose_job_hangs_ends(world: World) -> None:
    await busy(world)
    world.works = False
    world.lifecycle.take_order(Order.DRAIN)
    ending = await world.ends()
    assert (ending.code, ending.cause) == (4, Cause.RUNNER_HUNG)


async def test_an_idle_runner_and_one_without_contact_may_stand_still(world: World) -> None:
    world.health = Health(deaf_tolerance_seconds=1e6, contact_drain_seconds=1e6)
    await world.settle()
    world.works = False
    await asyncio.sleep(2000)
    world.runner.begin("a")
    world.cut()
    await asyncio.sleep(2000)
    assert world.runner.signals == []


async def test_a_frozen_runner_is_killed_and_its_job_put_back_by_the_agent(world: World) -> None:
    await busy(world)
    world.runner.answers = False
    world.runner.heeds = False
    await asyncio.sleep(45)
    assert [name for name, _ in world.runners[0].signals] == ["KILL"]
    assert world.handed_back == ["a"]
    assert world.causes == [RestartCause.SILENT]
    assert [cause for cause, _ in world.losses] == [LossCause.SILENT]
    assert len(world.runners) == 2


async def test_a_runner_frozen_in_a_drain_ends_the_pod_as_unhealthy(world: World) -> None:
    await busy(world)
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(1)
    world.takes_back = False
    world.runner.answers = False
    world.runner.heeds = False
    ending = await world.ends()
    assert (ending.code, ending.cause) == (5, Cause.UNHEALTHY)
    assert [job.page()["fate"] for job in ending.jobs] == ["lost"]


@pytest.mark.parametrize(
    ("silences", "cause"), [(4, EndCause.RUNNER_SILENT), (3, EndCause.RUNNER_SILENT), (2, EndCause.RUNNER_FAILED)]
)
async def test_the_fourth_silence_or_crash_ends_the_pod_by_what_was_more_frequent(
    world: World, silences: int, cause: EndCause
) -> None:
    await world.settle()
    while not world.task.done():
        if len(world.runners) <= silences:
            world.runner.answers = False
        else:
            world.runner.end(1)
        await asyncio.sleep(1)
    ending = world.task.result()
    assert (ending.code, ending.cause) == (4, cause)
    assert f"fell silent {silences} times" in ending.message
    assert len(world.runners) == 4


async def test_the_job_of_a_crashed_runner_is_put_back_only_while_there_is_contact(world: World) -> None:
    await busy(world)
    world.cut()
    world.runner.end(-9)
    await asyncio.sleep(10)
    assert world.handed_back == []
    assert [cause for cause, _ in world.losses] == [LossCause.CRASHED]


# Deaf


async def test_an_idle_runner_that_does_not_look_while_there_is_work_is_restarted(world: World) -> None:
    await world.settle()
    world.offers = True
    await asyncio.sleep(140)
    assert world.causes == [RestartCause.DEAF]
    first, second = world.asked
    assert first >= 120
    assert 5 <= second - first <= 6
    assert [name for name, _ in world.runners[0].signals] == ["TERM"]


async def test_a_server_without_work_is_asked_once_a_tolerance(world: World) -> None:
    await world.settle()
    await asyncio.sleep(600)
    assert len(world.asked) == 5
    assert len(world.runners) == 1


async def test_a_runner_that_looks_and_goes_without_has_lost_a_race_and_is_not_deaf(world: World) -> None:
    world.offers = True
    await world.settle()
    for _ in range(60):
        await asyncio.sleep(30)
        world.runner.say(CHECKING)
        world.runner.say("[18:16:25.050] DEBUG (1): Runner job is not in pending state anymore, retry later")
    assert world.asked == []
    assert len(world.runners) == 1


async def test_a_runner_that_looks_between_the_two_questions_is_not_deaf(world: World) -> None:
    await world.settle()
    world.offers = True
    await asyncio.sleep(111.5)
    assert len(world.asked) == 1
    world.runner.say(CHECKING)
    world.runner.say("[18:16:25.050] DEBUG (1): No job available on https://video.example.org for runner x")
    await asyncio.sleep(60)
    assert len(world.runners) == 1


async def test_three_restarts_for_deafness_in_vain_end_the_pod(world: World) -> None:
    world.offers = True
    world.begin()
    ending = await world.ends()
    assert (ending.code, ending.cause) == (4, Cause.RUNNER_DEAF)
    assert world.causes == [RestartCause.DEAF] * 3


async def test_a_job_between_two_deaf_spells_starts_the_count_anew(world: World) -> None:
    world.offers = True
    await world.settle()
    for number in range(6):
        world.runner.begin(f"{number}")
        world.runner.finish(f"{number}")
        await asyncio.sleep(140)
    assert not world.task.done()
    assert len(world.runners) >= 6


async def test_a_look_that_gets_no_answer_blocks_all_others_and_the_runner_is_restarted(world: World) -> None:
    await world.settle()
    world.runner.say(CHECKING)
    await asyncio.sleep(35)
    assert world.causes == [RestartCause.DEAF]


async def test_a_wedged_runner_with_a_job_in_hand_finishes_it_first(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.runner.say(CHECKING)
    await asyncio.sleep(50)
    assert len(world.runner.told) == 1
    assert world.runner.signals == []
    world.runner.finish("a")
    await asyncio.sleep(1)
    assert world.causes == [RestartCause.DEAF]


# Scratch


async def test_a_full_scratch_is_emptied_by_a_restart_when_idle(world: World) -> None:
    await world.settle()
    world.full = "1 MiB is free"
    await asyncio.sleep(20)
    assert world.causes == [RestartCause.SCRATCH_FULL]
    await asyncio.sleep(600)
    assert len(world.runners) == 2


async def test_a_job_in_hand_is_left_to_the_runner_on_a_full_scratch(world: World) -> None:
    await busy(world)
    world.full = "1 MiB is free"
    await asyncio.sleep(60)
    assert len(world.runners) == 1
    world.runner.finish("a")
    await asyncio.sleep(20)
    assert world.causes == [RestartCause.SCRATCH_FULL]


async def test_a_scratch_that_is_full_even_when_emptied_ends_the_pod(world: World) -> None:
    world.emptying_helps = False
    world.full = "1 MiB is free"
    world.begin()
    ending = await world.ends()
    assert (ending.code, ending.cause) == (4, Cause.SCRATCH_FULL)
    assert len(world.runners) == 2


# Rejected uploads


def reject(world: World, uuid: str, status: int) -> None:
    """The result of the job in hand is refused."""
    world.runner.say(FAILED)
    world.runner.say("    err: {")
    world.runner.say(f'      "message": "Expected status 204, got {status}. \\nThe server responded: ...')
    del world.runner.jobs[uuid]


async def begun(world: World, uuid: str) -> None:
    """Another job is in hand, and seen to be."""
    world.runner.begin(uuid)
    world.runner.prove(uuid)
    await asyncio.sleep(2)


@pytest.mark.parametrize("status", [408, 413])
async def test_an_upload_that_a_proxy_rejected_ends_the_pod_with_a_cause_of_its_own(world: World, status: int) -> None:
    await busy(world)
    reject(world, "a", status)
    ending = await world.ends()
    assert [cause for cause, _ in world.losses] == [LossCause.UPLOAD_REJECTED]
    assert (ending.code, ending.cause) == (4, Cause.UPLOAD_REJECTED)
    assert f"refused with HTTP {status}" in ending.message
    assert [job.page()["fate"] for job in ending.jobs] == ["failed"]
    assert len(world.runners) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_a_server_that_is_away_for_one_upload_costs_no_pod_and_the_next_job_shows_more(
    world: World, status: int
) -> None:
    await busy(world)
    reject(world, "a", status)
    await asyncio.sleep(60)
    assert [cause for cause, _ in world.losses] == [LossCause.UPLOAD_REJECTED]
    assert world.lifecycle.drain.cause is None
    await begun(world, "b")
    reject(world, "b", status)
    ending = await world.ends()
    assert ending.cause is Cause.UPLOAD_REJECTED
    assert "or the server was away" in ending.message


async def test_what_was_begun_after_a_rejected_upload_goes_back_before_it_is_encoded_in_vain(world: World) -> None:
    await busy(world)
    reject(world, "a", 413)
    await asyncio.sleep(0.1)
    world.runner.begin("b")
    rejected_at = now()
    ending = await world.ends()
    assert now() - rejected_at <= 3
    assert [(job.end.uuid, job.page()["fate"]) for job in ending.jobs] == [("a", "failed"), ("b", "handed_back")]
    assert {job.cause for job in ending.jobs} == {LossCause.UPLOAD_REJECTED}
    assert (ending.code, ending.cause) == (4, Cause.UPLOAD_REJECTED)
    assert "HTTP 413" in ending.message
    assert "1 jobs handed back" in ending.message


async def test_a_job_that_was_in_hand_before_a_rejected_upload_is_finished(world: World) -> None:
    await busy(world, "a", "b")
    reject(world, "a", 413)
    await asyncio.sleep(100)
    assert len(world.runner.told) == 1
    assert world.runner.signals == []
    world.runner.finish("b")
    ending = await world.ends()
    assert ending.cause is Cause.UPLOAD_REJECTED
    assert [job.end.uuid for job in ending.jobs] == ["a"]


async def test_a_rejected_upload_in_a_drain_by_order_leaves_it_as_it_is(world: World) -> None:
    await busy(world, "a", "b")
    world.lifecycle.take_order(Order.DRAIN)
    reject(world, "a", 413)
    await asyncio.sleep(100)
    world.runner.finish("b")
    ending = await world.ends()
    assert (ending.code, ending.cause) == (0, EndCause.DRAINED)
    assert [job.cause for job in ending.jobs] == [LossCause.UPLOAD_REJECTED]


async def test_a_fault_in_what_watches_the_runner_is_a_fault_of_the_agent_and_takes_the_runner_along(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(world)
    monkeypatch.setattr(world, "contact_lost_seconds", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await world.ends()
    assert [name for name, _ in world.runner.signals] == ["TERM"]


# What is told meanwhile


def told(world: World) -> list[str]:
    assert world.lifecycle.life
    return [finding.cause.value for finding in world.lifecycle.life.vitals.findings()]


async def test_a_runner_that_is_well_is_told_of_with_no_cause(world: World) -> None:
    await busy(world)
    assert told(world) == []


async def test_a_full_scratch_a_lost_job_and_a_wedge_are_told_while_another_job_is_finished(world: World) -> None:
    await busy(world, "a", "b")
    world.full = "1 MiB is free"
    world.runner.say(CHECKING)
    await asyncio.sleep(35)
    assert told(world) == ["RunnerDeaf", "ScratchFull"]
    world.ours = False
    world.health = Health(refused_reports=1)
    world.runner.say(REFUSED)
    world.runner.jobs["c"] = "hls"  # in the runner's list, with no start in the log: nobody can ask about it
    await asyncio.sleep(10)
    assert told(world) == ["RunnerDeaf", "LostJob", "ScratchFull"]


async def test_a_hung_runner_is_told_of_until_it_has_ended(world: World) -> None:
    await busy(world)
    world.runner.heeds = False
    world.works = False
    while not world.runner.signals:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(1)
    assert told(world) == ["RunnerHung"]
    assert (await world.ends()).cause is Cause.RUNNER_HUNG
