"""Drives the runner through its life: started, watched, restarted after a crash, drained or aborted, cleaned up."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol

from runnerpool_agent import drain as machine
from runnerpool_agent.drain import Action, Cause, Drain, Facts, Phase
from runnerpool_agent.ipc import IpcError, Moment
from runnerpool_agent.jobs import Outcome
from runnerpool_agent.orders import Order
from runnerpool_agent.runner_view import RunnerView
from runnerpool_agent.termination import EndCause, Ending, ExitCode, JobsAtEnd, ending_of_drain

MAX_RESTARTS = 3
BACK_OFF_SECONDS = (1.0, 2.0, 4.0)
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


class Ground(Protocol):
    """What the lifecycle stands on; the agent provides it, tests fake it."""

    async def start(self) -> tuple[Process, RunnerView]:
        """Write the settings anew and start a runner. Raises OSError."""

    def print_line(self, level: int, text: str) -> None:
        """Show one line of the runner's log."""

    def restarted(self) -> None:
        """A crash was answered by a new process."""

    def sick(self) -> Cause | None:
        """Why waiting for the job in hand would be in vain."""


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


class Lifecycle:
    """One agent's way from start to end.

    Attributes:
        drain: Where the drain stands.
        view: The present runner; None while none runs.
        restarts: Crashes answered so far.
    """

    def __init__(self, ground: Ground, clock: Callable[[], float], grace_seconds: float) -> None:
        self.drain = Drain()
        self.view: RunnerView | None = None
        self.restarts = 0
        self._ground = ground
        self._clock = clock
        self._grace = grace_seconds
        self._wake = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something changed: look again."""
        self._wake.set()

    def take_order(self, order: Order) -> None:
        """The operator's order."""
        now = self._clock()
        self._become(
            machine.order_abort(self.drain, now) if order is Order.ABORT else machine.order_drain(self.drain, now)
        )

    def take_signal(self) -> None:
        """SIGTERM: the cluster wants the pod gone within its grace period."""
        self._become(machine.order_terminate(self.drain, self._clock(), self._grace, self._ground.sick()))

    async def run(self) -> Ending:
        """Keep a runner until it is drained, or has crashed too often."""
        while self.drain.phase is Phase.RUNNING:
            ending = await self._live()
            if ending is not None:
                return ending
            if self.restarts == MAX_RESTARTS:
                message = f"the runner ended by itself {MAX_RESTARTS + 1} times; its log tells why"
                return Ending(code=ExitCode.RUNNER_FAILED, cause=EndCause.RUNNER_FAILED, message=message)
            await self._back_off()
        return self._judge(JobsAtEnd(handed_back=0, lost=0))

    async def _live(self) -> Ending | None:
        """One life of the runner. Returns the ending it led to, None after a crash."""
        try:
            process, view = await self._ground.start()
        except OSError as error:
            log.error("the runner cannot be started: %s", error)  # noqa: TRY400 - the cause is all in the text
            return None
        self.view = view
        life = asyncio.create_task(process.run(self._read_line))
        life.add_done_callback(lambda _: self.wake())
        watching = asyncio.create_task(view.watch(self.wake))
        try:
            await self._drive(process, view, life)
        finally:
            await _cancel(watching, self._telling)
            self._telling = None
            await _end(process, life)
            lost = view.ledger.runner_ended()
            self.view = None
        self._report_end(process, lost, life.result())
        if self.drain.phase is Phase.RUNNING:
            return None
        return self._judge(JobsAtEnd(handed_back=view.ends[Outcome.HANDED_BACK], lost=lost))

    async def _drive(self, process: Process, view: RunnerView, life: asyncio.Task[int]) -> None:
        while not life.done():
            self._wake.clear()
            now = self._clock()
            if view.unregistered:
                self._become(machine.order_abort(self.drain, now, Cause.UNREGISTERED))
            self._become(machine.pass_time(self.drain, now))
            # Also with a job in hand: it may end before the round does, and what we know of it is a second old.
            in_round = view.log.round_open()
            step = machine.next_step(self.drain, Facts(now=now, alive=process.code is None, in_round=in_round))
            self._act(step.action, process, view, in_round=in_round)
            quiet_at = view.log.round_quiet_at() if in_round else None
            await self._sleep_until(min((at for at in (step.until, quiet_at) if at is not None), default=None))

    def _act(self, action: Action, process: Process, view: RunnerView, *, in_round: bool) -> None:
        if action is Action.TELL and self._telling is None:
            self._telling = asyncio.create_task(self._tell(view, _moment(process, view, in_round=in_round)))
        elif action is Action.TERMINATE:
            log.warning("sending the runner SIGTERM, so that it hands its jobs back (%s)", self.drain.cause)
            process.terminate()
            self.drain = machine.runner_terminated(self.drain, self._clock())
            self.wake()
        elif action is Action.KILL:
            log.error("the runner has ignored SIGTERM for %.0f s; killing it", machine.KILL_SECONDS)
            process.kill()
            self.drain = machine.runner_killed(self.drain)

    async def _tell(self, view: RunnerView, moment: Moment) -> None:
        try:
            await view.ipc.graceful_shutdown(moment)
        except _RoundOpened:
            log.debug("the runner has just begun to look for a job; waiting for what comes of it")
        except IpcError as error:
            log.warning("the runner could not be told to finish; trying again: %s", error)
            await asyncio.sleep(TELL_AGAIN_SECONDS)
        else:
            log.info("the runner was told to take no more jobs and to exit after its last one")
            self.drain = machine.runner_told(self.drain)
        self._telling = None
        self.wake()

    async def _back_off(self) -> None:
        wait = BACK_OFF_SECONDS[self.restarts]
        log.info("starting the runner again in %.0f s", wait)
        self._wake.clear()
        end = self._clock() + wait
        while self.drain.phase is Phase.RUNNING and self._clock() < end:
            await self._sleep_until(end)
            self._wake.clear()
        if self.drain.phase is Phase.RUNNING:
            self.restarts += 1
            self._ground.restarted()

    async def _sleep_until(self, moment: float | None) -> None:
        seconds = None if moment is None else max(0.0, moment - self._clock())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _read_line(self, line: str) -> None:
        assert self.view is not None  # noqa: S101 - lines come from the present runner only
        level, text = self.view.log.take(line)
        self._ground.print_line(level, text)
        if self.drain.phase is not Phase.RUNNING or self.view.log.unregistered:
            self.wake()

    def _become(self, drain: Drain) -> None:
        if drain is self.drain:
            return
        if drain.phase is not self.drain.phase:
            log.info("%s: %s", drain.phase, drain.cause)
        self.drain = drain
        self.wake()

    def _report_end(self, process: Process, lost: int, left: int) -> None:
        if self.drain.phase is Phase.RUNNING:
            log.error("the runner ended by itself with status %s; %d jobs lost", process.code, lost)
        else:
            log.info("the runner ended with status %s", process.code)
        if left:
            log.error("%d processes of the runner could not be ended", left)

    def _judge(self, jobs: JobsAtEnd) -> Ending:
        cause = self.drain.cause or Cause.TERMINATED
        return ending_of_drain(cause, jobs, aborted=self.drain.phase is Phase.ABORTING)


async def _cancel(*tasks: asyncio.Task[None] | None) -> None:
    for task in tasks:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _end(process: Process, life: asyncio.Task[int]) -> None:
    """Leave no runner behind when the agent itself fails: hand the jobs back, then kill."""
    for stop in (process.terminate, process.kill):
        if life.done():
            return
        stop()
        await asyncio.wait([life], timeout=machine.KILL_SECONDS)
