"""What is known of one runner process, by its log and by asking it every second."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from runnerpool_agent.ipc import IpcError, Moment, RunningJob
from runnerpool_agent.jobs import JobEnd, JobLedger, Outcome
from runnerpool_agent.runner_log import RunnerLog

POLL_SECONDS = 1.0


class RunnerIpc(Protocol):
    """The calls of `ipc.IpcClient`; each raises IpcError."""

    async def list_jobs(self) -> tuple[RunningJob, ...]:
        """The jobs in hand."""

    async def is_registered(self) -> bool:
        """Whether the runner still has its server."""

    async def graceful_shutdown(self, moment: Moment | None = None) -> None:
        """Take no more, finish, exit: told within `moment`."""

    async def close(self) -> None:
        """Drop the connection."""


class JobCounts(Protocol):
    """Where starts and ends of jobs are counted (the metrics)."""

    def job_started(self, job_type: str) -> None:
        """A job was begun."""

    def job_ended(self, job_type: str, outcome: Outcome) -> None:
        """A job ended."""


class RunnerView:
    """One life of the runner.

    Attributes:
        ends: How the jobs of this life ended.
        jobs: In hand, as the runner said last.
        registered: Whether it still has its server; None until it has answered.
        answered: It has answered at all.
    """

    def __init__(self, ipc: RunnerIpc, counts: JobCounts, clock: Callable[[], float]) -> None:
        self.ipc = ipc
        self.ends: Counter[Outcome] = Counter()
        self.jobs: tuple[RunningJob, ...] = ()
        self.registered: bool | None = None
        self.answered = False
        self._counts = counts
        self._clock = clock
        self._born = clock()
        self._failing_since: float | None = None
        self._idle_since: float | None = clock()
        self.ledger = JobLedger(counts.job_started, self._job_ended, clock)
        self.log = RunnerLog(clock=clock, jobs=self.ledger)

    @property
    def busy(self) -> bool:
        """A job is in hand, by either source: the log is quicker, the runner's list is surer."""
        return bool(self.jobs) or self.ledger.in_hand > 0

    @property
    def idle_since(self) -> float | None:
        """Since when no job has been in hand, as its own list told; None with one, or before it is asked again."""
        return None if self.busy else self._idle_since

    @property
    def unregistered(self) -> bool:
        """The server has refused the runner's token."""
        return self.registered is False or self.log.unregistered

    def silent_seconds(self) -> float:
        """Since the first unanswered call in a row."""
        return 0.0 if self._failing_since is None else self._clock() - self._failing_since

    def unheard_seconds(self) -> float:
        """How long an idle runner has not looked for jobs; 0 with a job in hand."""
        if self.busy:
            return 0.0
        heard = max(at for at in (self._born, self.log.last_round, self._idle_since) if at is not None)
        return self._clock() - heard

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Ask every second, until cancelled."""
        try:
            while True:
                await self.poll()
                on_change()
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await self.ipc.close()

    async def poll(self) -> None:
        """Ask once."""
        try:
            self.jobs = await self.ipc.list_jobs()
            self.registered = await self.ipc.is_registered()
        except IpcError:
            if self._failing_since is None:
                self._failing_since = self._clock()
            return
        self.answered = True
        self._failing_since = None
        self.ledger.listed(self.jobs)
        if self.busy:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = self._clock()

    def _job_ended(self, end: JobEnd) -> None:
        self.ends[end.outcome] += 1
        self._counts.job_ended(end.type, end.outcome)
