"""The lifecycle with a runner that is a few attributes, in virtual time."""

import asyncio
import logging

import pytest

from runnerpool_agent.causes import RestartCause
from runnerpool_agent.drain import Cause, Phase
from runnerpool_agent.orders import Order
from runnerpool_agent.restarts import MAX_RESTARTS
from runnerpool_agent.termination import EndCause
from support.agent.played_life import CHECKING, SERVER, World, now

pytestmark = pytest.mark.looptime


@pytest.fixture
def world() -> World:
    # Not started here: virtual time is the test's alone.
    return World()


async def test_an_idle_runner_is_told_at_once_and_the_pod_ends_drained(world: World) -> None:
    await world.settle()
    world.lifecycle.take_order(Order.DRAIN)
    ending = await world.ends()
    assert (ending.code, ending.cause) == (0, EndCause.DRAINED)
    assert world.runner.told == [10.0]
    assert world.runner.signals == []
    assert now() == 10.0


async def test_a_busy_runner_is_told_at_once_and_finishes_however_long_it_takes(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(2_000)
    assert world.runner.told == [10.0]
    assert not world.task.done()
    world.runner.finish("a")
    assert (await world.ends()).code == 0
    assert world.runner.signals == []


@pytest.mark.parametrize(("heeds", "signals"), [(True, ["TERM"]), (False, ["TERM", "KILL"])])
async def test_a_runner_that_was_told_and_stays_without_a_job_is_stopped_and_the_pod_ends_drained(
    world: World, heeds: bool, signals: list[str]
) -> None:
    await world.settle()
    world.runner.leaves, world.runner.heeds = False, heeds
    world.runner.begin("a")
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(990)
    world.runner.finish("a")
    ending = await world.ends()
    assert (ending.code, ending.cause, ending.jobs) == (0, EndCause.DRAINED, ())
    assert [name for name, _ in world.runner.signals] == signals
    assert 1030 <= world.runner.signals[0][1] <= 1032
    assert now() <= 1032 + 15


async def test_a_runner_that_was_told_and_stays_is_not_stopped_in_a_job_that_it_had_claimed_before(
    world: World,
) -> None:
    await world.settle()
    world.runner.leaves = False
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(25)
    world.runner.begin("a")
    await asyncio.sleep(1_000)
    assert world.runner.signals == []
    world.runner.finish("a")
    assert (await world.ends()).cause is EndCause.DRAINED


async def test_an_abort_order_hands_the_job_back_at_once_also_in_a_drain(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(100)
    world.lifecycle.take_order(Order.ABORT)
    ending = await world.ends()
    assert (ending.code, ending.cause) == (5, Cause.ABORT_ORDERED)
    assert ending.message == "AbortOrdered: 1 jobs handed back, 0 left for the server's watchdog"
    assert world.runner.signals == [("TERM", 110.0)]


async def test_an_abort_with_nothing_in_hand_cuts_nothing(world: World) -> None:
    await world.settle()
    world.lifecycle.take_order(Order.ABORT)
    assert (await world.ends()).code == 0


async def test_sigterm_lets_a_job_finish_within_the_grace_period(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_signal()
    await asyncio.sleep(500)
    world.runner.finish("a")
    assert (await world.ends()).code == 0
    assert world.runner.signals == []


async def test_sigterm_hands_a_longer_job_back_thirty_seconds_before_the_kill(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_signal()
    ending = await world.ends()
    assert (ending.code, ending.cause) == (5, Cause.DEADLINE)
    assert world.runner.signals == [("TERM", 10.0 + 570.0)]


async def test_sigterm_to_a_sick_pod_hands_jobs_back_at_once(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.sickness = Cause.UNHEALTHY
    world.lifecycle.take_signal()
    assert (await world.ends()).cause is Cause.UNHEALTHY
    assert world.runner.signals == [("TERM", 10.0)]


async def test_orders_and_signals_in_any_number_do_no_harm(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    for _ in range(3):
        world.lifecycle.take_order(Order.DRAIN)
        world.lifecycle.take_signal()
        await asyncio.sleep(10)
    assert len(world.runner.told) == 1
    world.runner.finish("a")
    assert (await world.ends()).code == 0


async def test_a_runner_that_ignores_sigterm_is_killed_and_its_job_left_to_the_watchdog(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.runner.heeds = False
    world.lifecycle.take_order(Order.ABORT)
    ending = await world.ends()
    assert ending.code == 5
    assert "0 jobs handed back, 1 left" in ending.message
    assert world.runner.signals == [("TERM", 10.0), ("KILL", 25.0)]


async def test_an_idle_runner_that_may_be_accepting_a_job_is_told_when_the_round_is_over(world: World) -> None:
    await world.settle()
    world.runner.say(CHECKING)
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(3)
    assert world.runner.told == []
    world.runner.begin("a")
    await asyncio.sleep(0.01)
    assert world.runner.told == [13.0]
    world.runner.finish("a")
    assert (await world.ends()).code == 0


async def test_a_job_in_hand_that_may_end_before_the_claim_of_the_next_one_hides_no_open_round(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    await asyncio.sleep(1.5)  # so that it stands in the runner's own list, which is asked for once a second
    world.runner.finish("a")
    world.runner.say(CHECKING)
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(0.4)
    assert world.runner.told == []
    world.runner.begin("b")
    await asyncio.sleep(0.01)
    assert world.runner.told == [11.9]
    world.runner.finish("b")
    assert (await world.ends()).code == 0


async def test_a_round_that_begins_while_the_runner_is_being_told_to_end_is_waited_for(world: World) -> None:
    await world.settle()
    world.runner.unheard.append(CHECKING)
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(3)
    assert world.runner.told == []
    world.runner.begin("a")
    await asyncio.sleep(0.01)
    assert world.runner.told == [13.0]
    world.runner.finish("a")
    assert (await world.ends()).code == 0


async def test_a_round_whose_end_the_log_does_not_tell_is_waited_out(world: World) -> None:
    await world.settle()
    for _ in range(2):
        world.runner.say(CHECKING)
    world.lifecycle.take_order(Order.DRAIN)
    await world.ends()
    assert world.runner.told == [11.0]


async def test_a_round_that_never_ends_holds_the_drain_up_for_ten_seconds(world: World) -> None:
    await world.settle()
    world.runner.say(CHECKING)
    world.lifecycle.take_order(Order.DRAIN)
    await world.ends()
    assert world.runner.told == [20.0]


async def test_an_abort_waits_for_an_open_round_too(world: World) -> None:
    await world.settle()
    world.runner.say(CHECKING)
    world.lifecycle.take_order(Order.ABORT)
    await world.ends()
    assert world.runner.signals == [("TERM", 12.0)]


async def test_a_runner_that_does_not_answer_is_told_again_until_it_does(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.runner.answers = False
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(30)
    world.runner.answers = True
    await asyncio.sleep(10)
    assert len(world.runner.told) == 1
    world.runner.finish("a")
    assert (await world.ends()).code == 0


async def test_an_abort_does_not_wait_for_a_silent_runner(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.runner.answers = False
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(2)
    world.lifecycle.take_order(Order.ABORT)
    await world.ends()
    assert world.runner.signals == [("TERM", 12.0)]


@pytest.mark.parametrize("code", [0, 1, -9])
async def test_a_runner_that_ends_by_itself_has_crashed_whatever_its_status(world: World, code: int) -> None:
    await world.settle()
    world.runner.end(code)
    await asyncio.sleep(2)
    assert len(world.runners) == 2
    assert world.restarts == [11.0]
    assert world.lifecycle.drain.phase is Phase.RUNNING
    assert world.causes == [RestartCause.CRASHED]


async def test_the_fourth_crash_ends_the_pod(world: World) -> None:
    await world.settle()
    for _ in range(MAX_RESTARTS + 1):
        world.runner.end(0)
        await asyncio.sleep(5)
    ending = await world.ends()
    assert (ending.code, ending.cause) == (4, EndCause.RUNNER_FAILED)
    assert [then - 10 for then in world.restarts] == [1.0, 5.0 + 2.0, 10.0 + 4.0]


async def test_a_runner_that_cannot_be_started_is_a_crash(world: World) -> None:
    await world.settle()
    world.startable = False
    world.runner.end(1)
    assert (await world.ends()).code == 4
    assert now() == 10.0 + 1 + 2 + 4


async def test_a_drain_order_while_no_runner_runs_ends_the_pod_at_once(world: World) -> None:
    await world.settle()
    world.runner.end(1)
    await asyncio.sleep(0.5)
    world.lifecycle.take_order(Order.DRAIN)
    assert (await world.ends()).code == 0
    assert now() == 10.5
    assert world.restarts == []


async def test_an_order_before_the_first_start_starts_nothing() -> None:
    world = World()
    world.begin()
    world.lifecycle.take_signal()
    assert (await world.ends()).code == 0
    assert world.runners == []


async def test_a_runner_that_crashes_in_mid_drain_is_not_started_again(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(10)
    world.runner.end(0)
    ending = await world.ends()
    assert (ending.code, ending.cause) == (4, EndCause.RUNNER_FAILED)
    assert len(world.runners) == 1


async def test_a_job_that_failed_in_the_drain_is_no_lost_job(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.lifecycle.take_order(Order.DRAIN)
    await asyncio.sleep(10)
    world.runner.say("[18:22:02.220] ERROR (21002): Cannot process job")
    world.runner.end(0)
    assert (await world.ends()).code == 0


async def test_a_runner_that_lost_its_server_is_stopped(world: World) -> None:
    await world.settle()
    world.runner.registered = False
    ending = await world.ends()
    assert (ending.code, ending.cause) == (3, Cause.UNREGISTERED)
    ((name, at),) = world.runner.signals
    assert name == "TERM"
    assert at <= 11.0


async def test_the_log_tells_of_a_refused_token_before_the_next_question(world: World) -> None:
    await world.settle()
    await asyncio.sleep(0.5)
    world.runner.say(f"[18:22:10.484] ERROR (1): Unregistering {SERVER} as the runner token ptrt-1 is invalid")
    assert (await world.ends()).code == 3
    assert now() == 10.5


async def test_when_the_agent_itself_fails_jobs_are_handed_back_first(world: World) -> None:
    await world.settle()
    world.runner.begin("a")
    world.runner.heeds = False
    world.task.cancel()
    await asyncio.wait([world.task])
    assert world.runner.signals == [("TERM", 10.0), ("KILL", 25.0)]


async def test_processes_that_could_not_be_ended_are_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.settle()
    with caplog.at_level(logging.INFO):
        assert world.lifecycle.life
        world.lifecycle._report_end(world.lifecycle.life, 0, 2)
    assert "2 processes of the runner could not be ended" in caplog.text
