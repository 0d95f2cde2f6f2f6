"""Plays rounds: agents with stand-in runners, jobs that arrive, orders to drain."""

import asyncio
import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace

from peers.peertube.profile import STORYBOARD, WEB_VIDEO
from peers.peertube.records import Runner
from support.agent.forked import start_forked
from support.agent.pod import Pod, agent_config, running_pod
from support.drains.ground import Ground
from support.drains.outcome import Outcome, Totals, outcome_of
from support.drains.programme import Arrival, Programme, programme
from support.drains.stage import Stage, stage

# Not what it should take, which is a second or two: what a machine that is busy with other things may make of it.
START_SECONDS = 180.0
END_SECONDS = 180.0
_TOLD_EACH = 50

log = logging.getLogger(__name__)

Order = Callable[[Stage, Pod], Awaitable[None]]


async def order_by_annotation(_: Stage, pod: Pod) -> None:
    """As the operator does."""
    pod.order("scale-down")


async def play(played: Programme, ground: Ground, order: Order = order_by_annotation) -> Outcome:
    """Play one round and judge it.

    Raises:
        AssertionError: A pod did not start, or did not end.
    """
    async with stage(played, ground) as server, AsyncExitStack() as stack:
        runners = [server.register(f"pool-1a2b3-{number}") for number, _ in enumerate(played.order_delays)]
        pods = [await stack.enter_async_context(_pod(server, runner, played, ground)) for runner in runners]
        in_flight = await _act(server, pods, played, order)
        exits = [await pod.exit_code(END_SECONDS) for pod in pods]
        await server.settled()
        outcome = outcome_of(played.seed, exits, server.close_books(runners), in_flight=in_flight)
        return replace(outcome, log=_log(server, pods)) if outcome.complaints else outcome


async def play_all(seeds: Iterable[int], ground: Ground, *, side_by_side: int) -> Totals:
    """Play the rounds of all seeds, some at a time."""
    places = asyncio.Semaphore(side_by_side)
    played = itertools.count(1)

    async def one(seed: int) -> Outcome:
        async with places:
            outcome = await _play_through(seed, ground)
        if (number := next(played)) % _TOLD_EACH == 0:
            log.info("%d rounds played", number)
        for complaint in outcome.complaints:
            log.error("seed %d: %s", seed, complaint)
        return outcome

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(seed)) for seed in seeds]
    return Totals(outcomes=[task.result() for task in tasks])


async def _play_through(seed: int, ground: Ground) -> Outcome:
    try:
        return await play(programme(seed), ground)
    except (AssertionError, TimeoutError, ExceptionGroup) as error:
        # The other rounds go on: a thousand of them are too dear to be lost to one.
        return Outcome(seed=seed, unplayed="it came to no end", log=repr(error))


def _pod(server: Stage, runner: Runner, played: Programme, ground: Ground) -> AbstractAsyncContextManager[Pod]:
    config = agent_config(
        server.proxy.origin,
        runner={"name": runner.name, "token": runner.token, "description": ""},
        jobTypes=[WEB_VIDEO, STORYBOARD],
        concurrency=played.concurrency,
    )
    return running_pod(config, [str(ground.runner)], ground.environment, start=start_forked)


async def _act(server: Stage, pods: list[Pod], played: Programme, order: Order) -> int:
    """The jobs and the orders, each at its moment; returns how many orders came while a claim was under way."""
    if not played.while_starting:
        await asyncio.gather(*(pod.wait_for_line("Connected to ", seconds=START_SECONDS) for pod in pods))
    first_order = asyncio.get_running_loop().time() + played.lead
    async with asyncio.TaskGroup() as group:
        for arrival in played.arrivals:
            group.create_task(_arrive(server, arrival, first_order))
        orders = [
            group.create_task(_order(server, pod, first_order + delay, order))
            for pod, delay in zip(pods, played.order_delays, strict=True)
        ]
    return sum(task.result() for task in orders)


async def _arrive(server: Stage, arrival: Arrival, first_order: float) -> None:
    await _until(first_order + arrival.at)
    await server.enqueue(arrival.type)


async def _order(server: Stage, pod: Pod, moment: float, order: Order) -> bool:
    await _until(moment)
    in_flight = server.accepts_under_way() > 0
    await order(server, pod)
    return in_flight


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


def _log(server: Stage, pods: list[Pod]) -> str:
    said = [json.dumps(event)[:300] for event in server.proxy.conversation.events]
    return "\n".join(["the conversation with the server:", *said, *(f"a pod:\n{pod.log}" for pod in pods)])
