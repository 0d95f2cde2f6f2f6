"""One life of the runner in a pod: watched, told to finish or to stop, ended, and what it left behind put in order."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Protocol

from runnerpool_agent import drain as machine
from runnerpool_agent import retire
from runnerpool_agent.causes import RestartCause
from runnerpool_agent.drain import Action, Drain, Facts, Handling, Phase
from runnerpool_agent.ipc import IpcError, Moment
from runnerpool_agent.retire import Retirement
from runnerpool_agent.runner_view import RunnerView
from runnerpool_agent.vitals import Vitals

TELL_AGAIN_SECONDS = 0.25

log = logging.getLogger(__name__)


class Process(Protocol):
    """The process of `runner_process.RunnerProcess`."""

    code: int | None

    def terminate(self) -> None:
        """SIGTERM."""

    def kill(self) -> None:
        """SIGKILL."""

    def held(self) -> AbstractAsyncContextManager[None]:
        """It stands still, and has been heard to the end."""

    async def run(self, on_line: Callable[[str], None]) -> int:
        """Until it has ended and all it left behind has; returns what could not be ended."""


class _RoundOpened(Exception):
    """The runner began a round after it was decided to tell it to end."""


@asynccontextmanager
async def _moment(process: Process, view: RunnerView, *, in_round: bool) -> AsyncIterator[None]:
    """The moment at which the runner is told: it can't claim a job unseen between our last look and its hearing it.

    Raises:
        _RoundOpened: It was not `in_round` when that was decided, and is now.
    """
    async with process.held():
        if view.log.round_open() and not in_round:
            raise _RoundOpened
        yield


class Life:
    """One runner process.

    Attributes:
        process: It.
        view: What its log and its IPC tell.
        vitals: What a longer look at it tells.
        handling: What has been done to it.
        retirement: Whether it is to be replaced, the pod staying.
    """

    def __init__(
        self, process: Process, view: RunnerView, vitals: Vitals, clock: Callable[[], float], wake: Callable[[], None]
    ) -> None:
        self.process = process
        self.view = view
        self.vitals = vitals
        self.handling = Handling()
        self.retirement = Retirement()
        self._clock = clock
        self._wake = wake
        self._telling: asyncio.Task[None] | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._running: asyncio.Task[int] | None = None

    def begin(self, on_line: Callable[[str], None]) -> None:
        """Listen to it, and watch it."""
        self._running = asyncio.create_task(self.process.run(on_line))
        self._running.add_done_callback(lambda _: self._wake())
        self._tasks = (
            asyncio.create_task(self.view.watch(self._wake)),
            asyncio.create_task(self.vitals.watch(self._wake)),
        )
        for task in self._tasks:
            task.add_done_callback(lambda _: self._wake())

    @property
    def over(self) -> bool:
        """It has ended, and so has all it left behind."""
        return self._running is not None and self._running.done()

    def step(self, drain: Drain, contact_drain_seconds: float) -> float | None:
        """Do what is to be done now; returns when to look again at the latest, None: when something changes.

        A watch that has failed is a fault of the agent's, and is raised.
        """
        for task in self._tasks:
            if task.done():
                task.result()
        seen = self.vitals.seen()
        self._retire(retire.judge(self.retirement, seen, contact_drain_seconds))
        wanted = retire.effective(drain, self.retirement)
        self.vitals.leaving = wanted.phase is not Phase.RUNNING
        # Also with a job in hand: it may end before the round does, and what we know of it is a second old.
        in_round = self.view.log.round_open()
        facts = Facts(
            now=seen.now,
            alive=self.process.code is None,
            in_round=in_round,
            idle_since=self.view.idle_since,
            frozen=seen.silent,
        )
        step = machine.next_step(wanted, self.handling, facts)
        self._act(step.action, in_round=in_round)
        quiet_at = self.view.log.round_quiet_at() if in_round else None
        return min((at for at in (step.until, quiet_at) if at is not None), default=None)

    async def end(self) -> int:
        """See it to its end, also when the agent itself fails; returns how many of its processes could not be ended."""
        assert self._running is not None  # noqa: S101 - it has begun
        await _cancel(*self._tasks, self._telling)
        for stop in (self.process.terminate, self.process.kill):
            if self._running.done():
                break
            stop()
            await asyncio.wait([self._running], timeout=machine.KILL_SECONDS)
        return self._running.result() if self._running.done() else 0

    def why_replaced(self) -> RestartCause:
        """Why it has ended, the pod having no drain of its own."""
        return self.retirement.cause or RestartCause.CRASHED

    def _retire(self, retirement: Retirement) -> None:
        if retirement is self.retirement:
            return
        self.retirement = retirement
        if retirement.phase is Phase.ABORTING:
            log.warning("this runner is to be replaced (%s)", retirement.cause)
        else:
            log.warning("this runner is to be replaced after the jobs in hand (%s)", retirement.cause)

    def _why_terminated(self) -> str:
        return "so that it hands its jobs back" if self.view.busy else "with no job in hand"

    def _act(self, action: Action, *, in_round: bool) -> None:
        if action is Action.TELL and self._telling is None:
            self._telling = asyncio.create_task(self._tell(_moment(self.process, self.view, in_round=in_round)))
        elif action is Action.TERMINATE:
            log.warning("sending the runner SIGTERM, %s", self._why_terminated())
            self.process.terminate()
            self.handling = replace(self.handling, terminated_at=self._clock())
            self._wake()
        elif action is Action.KILL:
            log.error("the runner does not heed: killing it")
            self.process.kill()
            self.handling = replace(self.handling, killed=True)

    async def _tell(self, moment: Moment) -> None:
        try:
            await self.view.ipc.graceful_shutdown(moment)
        except _RoundOpened:
            log.debug("the runner has just begun to look for a job; waiting for what comes of it")
        except IpcError as error:
            log.warning("the runner could not be told to finish; trying again: %s", error)
            await asyncio.sleep(TELL_AGAIN_SECONDS)
        else:
            log.info("the runner was told to take no more jobs and to exit after its last one")
            self.handling = replace(self.handling, told_at=self._clock())
        self._telling = None
        self._wake()


async def _cancel(*tasks: asyncio.Task[None] | None) -> None:
    started = [task for task in tasks if task is not None]
    for task in started:
        task.cancel()
    if started:
        await asyncio.wait(started)
