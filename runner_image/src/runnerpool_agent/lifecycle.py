"""Drives the pod through its life: one runner after the other, orders and signals, and how it all ended."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from runnerpool_agent import drain as machine
from runnerpool_agent import restarts as counting
from runnerpool_agent.causes import LossCause, RestartCause
from runnerpool_agent.drain import Cause, Drain, Phase
from runnerpool_agent.jobs import Outcome
from runnerpool_agent.life import Life, Process
from runnerpool_agent.losses import Losses
from runnerpool_agent.orders import Order
from runnerpool_agent.restarts import Restarts
from runnerpool_agent.retire import effective
from runnerpool_agent.runner_view import RunnerView
from runnerpool_agent.termination import Ending, JobsAtEnd, ending_of_drain, ending_of_rejection
from runnerpool_agent.vitals import Vitals

WAIT_SECONDS = 1.0

log = logging.getLogger(__name__)


class Ground(Protocol):
    """What the lifecycle stands on; the agent provides it, tests fake it."""

    async def start(self, *, emptied: bool) -> tuple[Process, RunnerView, Vitals]:
        """Write the settings anew and start a runner, its work directories emptied before. Raises OSError."""

    def print_line(self, level: int, text: str) -> None:
        """Show one line of the runner's log."""

    def restarted(self, cause: RestartCause) -> None:
        """An ended runner is answered by a new one."""

    def lost(self, cause: LossCause, seconds: float) -> None:
        """Work was in vain."""

    def sick(self) -> Cause | None:
        """Why waiting for the job in hand would be in vain."""

    def has_contact(self) -> bool:
        """The server answers, as far as is known."""

    async def hand_back(self, uuid: str, token: str, reason: str) -> bool:
        """Put the job of a dead runner back into the queue; whether the server took it."""


class Lifecycle:
    """One agent's way from start to end.

    Attributes:
        drain: Where the drain of the pod stands.
        life: The present runner; None while none runs.
        restarts: How often the runner was replaced, by cause.
        losses: Work in vain.
        waiting: Why there is no runner now; None at the start.
    """

    def __init__(
        self, ground: Ground, clock: Callable[[], float], grace_seconds: float, contact_drain_seconds: float
    ) -> None:
        self.drain = Drain()
        self.life: Life | None = None
        self.restarts: Counter[RestartCause] = Counter()
        self.losses = Losses(ground.lost)
        self.waiting: RestartCause | None = None
        self._ground = ground
        self._clock = clock
        self._grace = grace_seconds
        self._contact_drain = contact_drain_seconds
        self._tried = Restarts()
        self._wake = asyncio.Event()

    @property
    def view(self) -> RunnerView | None:
        """What is known of the present runner."""
        return None if self.life is None else self.life.view

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
        """Keep a runner until it is drained, or starting a new one makes no sense."""
        while self.drain.phase is Phase.RUNNING:
            life = await self._begin()
            ending = None if life is None else await self._live(life)
            if ending is not None:
                return self._with_jobs(ending)
            self.waiting = RestartCause.CRASHED if life is None else life.why_replaced()
            tried = counting.after(self._tried, self.waiting, worked=life is not None and life.view.ledger.starts > 0)
            if isinstance(tried, Ending):
                return self._with_jobs(tried)
            self._tried = tried
            await self._pause(self.waiting)
        return self._with_jobs(self._judge(JobsAtEnd(handed_back=0, lost=0), aborted=self._aborting))

    async def _begin(self) -> Life | None:
        try:
            emptied = self.waiting is RestartCause.SCRATCH_FULL
            process, view, vitals = await self._ground.start(emptied=emptied)
        except OSError as error:
            log.error("the runner cannot be started: %s", error)  # noqa: TRY400 - the cause is all in the text
            return None
        return Life(process, view, vitals, self._clock, self.wake)

    async def _live(self, life: Life) -> Ending | None:
        """One life of the runner. Returns the ending it led to, None if there may be another one."""
        self.life = life
        life.begin(self._read_line)
        try:
            await self._drive(life)
        finally:
            left = await life.end()
            lost = await self._settle(life)
            self.life = None
        self._report_end(life, lost, left)
        if self.drain.phase is Phase.RUNNING:
            return None
        aborted = effective(self.drain, life.retirement).phase is Phase.ABORTING
        return self._judge(JobsAtEnd(handed_back=life.view.ends[Outcome.HANDED_BACK], lost=lost), aborted=aborted)

    async def _drive(self, life: Life) -> None:
        while not life.over:
            self._wake.clear()
            now = self._clock()
            if life.view.unregistered:
                self._become(machine.order_abort(self.drain, now, Cause.UNREGISTERED))
            if life.vitals.stalled_seconds():
                self._become(machine.order_abort(self.drain, now, Cause.RUNNER_HUNG))
            if self.drain.phase is not Phase.RUNNING and life.vitals.seen().silent:
                self._become(machine.order_abort(self.drain, now, Cause.UNHEALTHY))
            self._become(machine.pass_time(self.drain, now))
            until = life.step(self.drain, self._contact_drain)
            self._book(life)
            await self._sleep_until(until)

    async def _settle(self, life: Life) -> int:
        """What a dead runner still had in hand goes back into the queue where the server hears of it; else it is lost.

        The official runner is told nothing of its death: the server would wait for its watchdog.
        """
        ledger, clean = life.view.ledger, life.process.code == 0
        reason = f"the runner was stopped or died ({self._why_lost(life)})"
        tokens = {uuid: job.token for uuid, job in ledger.orphans(clean=clean).items() if job.token is not None}
        if tokens and self._ground.has_contact():
            # All at once: a pod that has to end has little time left.
            calls = (self._ground.hand_back(uuid, token, reason) for uuid, token in tokens.items())
            for uuid, taken in zip(tokens, await asyncio.gather(*calls), strict=True):
                if taken:
                    ledger.reclaimed(uuid)
        lost = ledger.runner_ended(clean=clean)
        self._book(life, final=True)
        return lost

    def _book(self, life: Life, *, final: bool = False) -> None:
        for end in life.view.ledger.take_ends(final=final):
            self.losses.book(end, self._why_lost(life), contact=self._ground.has_contact())
        rejected = self.losses.rejected
        if rejected is None or self.drain.phase is not Phase.RUNNING:
            return
        # The next encode would most likely be in vain, too; how soon it is tried is the operator's to say. By now the
        # runner may have begun it: that costs nothing yet, unlike a job that was in hand before.
        older = any(job.started < rejected.at for job in life.view.ledger.open.values())
        order = machine.order_drain if older else machine.order_abort
        self._become(order(self.drain, self._clock(), Cause.UPLOAD_REJECTED))

    def _why_lost(self, life: Life) -> LossCause:
        if life.retirement.phase is Phase.ABORTING and life.retirement.cause is not None:
            return LossCause(life.retirement.cause.value)
        if self.drain.phase is Phase.ABORTING and self.drain.cause is not None:
            return LossCause(self.drain.cause.value)
        return LossCause.CRASHED

    async def _pause(self, cause: RestartCause) -> None:
        """Wait until a new runner makes sense, or an order makes it needless."""
        wait = counting.wait_seconds(self._tried, cause)
        log.info("starting the runner again in %.0f s (%s)", wait, cause)
        end = self._clock() + wait
        while self.drain.phase is Phase.RUNNING and (remaining := self._remaining(cause, end)) > 0:
            self._wake.clear()
            await self._sleep_until(self._clock() + remaining)
        if self.drain.phase is Phase.RUNNING:
            self.restarts[cause] += 1
            self._ground.restarted(cause)

    def _remaining(self, cause: RestartCause, end: float) -> float:
        if cause is RestartCause.CONTACT_LOST and not self._ground.has_contact():
            return WAIT_SECONDS
        return end - self._clock()

    async def _sleep_until(self, moment: float | None) -> None:
        seconds = None if moment is None else max(0.0, moment - self._clock())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _read_line(self, line: str) -> None:
        assert self.life is not None  # noqa: S101 - lines come from the present runner only
        reader = self.life.view.log
        level, text = reader.take(line)
        self._ground.print_line(level, text)
        if self.life.retirement.cause or self.drain.phase is not Phase.RUNNING or reader.unregistered:
            self.wake()

    def _become(self, drain: Drain) -> None:
        if drain is self.drain:
            return
        if drain.phase is not self.drain.phase:
            log.info("%s: %s", drain.phase, drain.cause)
        self.drain = drain
        self.wake()

    def _report_end(self, life: Life, lost: int, left: int) -> None:
        if self.drain.phase is Phase.RUNNING and life.retirement.cause is None:
            log.error("the runner ended by itself with status %s; %d jobs lost", life.process.code, lost)
        else:
            log.info("the runner ended with status %s; %d jobs lost", life.process.code, lost)
        if left:
            log.error("%d processes of the runner could not be ended", left)

    @property
    def _aborting(self) -> bool:
        return self.drain.phase is Phase.ABORTING

    def _judge(self, jobs: JobsAtEnd, *, aborted: bool) -> Ending:
        if self.drain.cause is Cause.UPLOAD_REJECTED and self.losses.rejected is not None:
            return ending_of_rejection(self.losses.rejected, jobs)
        return ending_of_drain(self.drain.cause or Cause.TERMINATED, jobs, aborted=aborted)

    def _with_jobs(self, ending: Ending) -> Ending:
        return replace(ending, jobs=self.losses.jobs())
