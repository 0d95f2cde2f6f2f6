"""Scale-down against arriving jobs: agents with stand-in runners, and orders to drain at unlucky moments.

The official runner, told to end while it holds no job, exits with a claim under way, and orphans that job. So does the
stand-in; the agent has to know better. A thousand rounds are played by `make soak` (tests/soak).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from peers.peertube.profile import STORYBOARD
from peers.runner.frames import connected
from peers.runner.recording_proxy import Gate
from support.agent.pod import Pod
from support.drains.ground import Ground, prepare
from support.drains.play import Order, play, play_all
from support.drains.programme import Arrival, Programme, programme
from support.drains.stage import Stage

pytestmark = pytest.mark.timeout(900)

FIRST_SEED, ROUNDS = 1, 60
SIDE_BY_SIDE = 4

_PATIENCE_SECONDS = 120.0
_AT_ONCE = dict.fromkeys(("/request", "/accept", "/success"), (0.0, 0.0))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """Made once for all rounds."""
    yield await prepare(Path(tmp_path_factory.mktemp("ground")))


def unlucky(*, jobs: int) -> Programme:
    """A round with one pod that may work on all jobs at once; what is slow is for the test to say."""
    return replace(
        programme(0),
        concurrency=jobs,
        while_starting=False,
        lead=0.0,
        order_delays=(0.0,),
        arrivals=tuple(Arrival(at=0.0, type=STORYBOARD) for _ in range(jobs)),
        delays=_AT_ONCE,
    )


async def hold_claim(stage: Stage, number: int) -> Gate:
    """Let claims pass until the one of that number, and the jobs claimed before it come to their end.

    The answer to that one waits at the gate.
    """
    gate = stage.proxy.answers["/accept"] = Gate(is_open=False)
    for _ in range(number - 1):
        gate.pass_one()

    def held() -> bool:
        return stage.accepts_under_way() == 1 and stage.proxy.conversation.count("/success") == number - 1

    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not held():  # noqa: ASYNC110 - the conversation tells of answers, not of calls
            await asyncio.sleep(0.01)
    return gate


def order_within_claim(number: int) -> Order:
    """The operator's order while a claim is under way, which then takes another second and a half."""

    async def order(stage: Stage, pod: Pod) -> None:
        gate = await hold_claim(stage, number)
        pod.order("scale-down")
        await pod.wait_for_status(lambda status: (status["drain"]["seconds"] or 0) >= 1.5, _PATIENCE_SECONDS)
        gate.open()

    return order


async def careless_order(stage: Stage, pod: Pod) -> None:
    """Straight to the runner, past the agent, while a claim is under way."""
    gate = await hold_claim(stage, 1)
    socket = pod.home / "scratch/data/peertube-runner-nodejs/default/peertube-runner.sock"
    async with connected(socket) as client:
        assert await client.call({"type": "graceful-shutdown"}) == {"success": True}
    await pod.wait_for_line("the runner ended by itself", seconds=_PATIENCE_SECONDS)
    pod.order("scale-down")  # before the agent starts the runner again
    gate.open()


async def test_an_order_without_the_agents_caution_orphans_the_job_that_is_being_claimed(ground: Ground) -> None:
    outcome = await play(unlucky(jobs=1), ground, careless_order)
    assert outcome.complaints == ("1 orphans", "1 jobs accepted and 0 completed")


@pytest.mark.parametrize("number", [1, 2])
async def test_an_order_while_a_job_is_being_claimed_waits_for_it_whatever_was_in_hand_before(
    ground: Ground, number: int
) -> None:
    outcome = await play(unlucky(jobs=number), ground, order_within_claim(number))
    assert outcome.complaints == ()
    assert outcome.completed == number


async def test_no_job_is_aborted_reclaimed_or_orphaned_whenever_it_comes_and_whenever_the_order_does(
    ground: Ground,
) -> None:
    totals = await play_all(range(FIRST_SEED, FIRST_SEED + ROUNDS), ground, side_by_side=SIDE_BY_SIDE)
    assert not totals.failed, totals.complaint()
    # Else the rounds would miss what they are about.
    assert totals.sum("in_flight") >= ROUNDS // 20
