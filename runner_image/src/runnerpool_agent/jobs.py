"""The ledger of jobs begun by one runner process: how each of them ended, and what it cost."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from runnerpool_agent.ipc import RunningJob
from runnerpool_agent.runner_log import JobEvents

_DETAILS_SECONDS = 0.5
"""The lines that tell why a job failed come in one breath with the line that it did."""


@unique
class Outcome(StrEnum):
    """How a job ended, seen from the pod."""

    FINISHED = "finished"
    FAILED = "failed"
    HANDED_BACK = "handed_back"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnd:
    """One job that is no longer in hand.

    Attributes:
        uuid: The job.
        type: Its type.
        outcome: How it ended.
        at: When, on the agent's clock.
        seconds: From its start to its end.
        status: The HTTP status with which its result was refused; None if it was not, or none was told.
    """

    uuid: str
    type: str
    outcome: Outcome
    at: float
    seconds: float
    status: int | None = None


@dataclass(slots=True, kw_only=True)
class OpenJob:
    """A job in hand.

    Attributes:
        type: Its type.
        started: When, on the agent's clock.
        token: What proves to the server whose it is; None until the log has told it. Never shown.
        given_back: The runner is giving it back; whether the server took it shows in what the runner does next.
    """

    type: str
    started: float
    token: str | None = None
    given_back: bool = False

    def __repr__(self) -> str:
        return f"OpenJob({self.type})"


class JobLedger(JobEvents):
    """Matches the ends of jobs with their starts; each end is told once.

    A failure's line does not name its job, so it is booked on the job that next vanishes from the runner's list.
    """

    def __init__(
        self, on_start: Callable[[str], None], on_end: Callable[[JobEnd], None], clock: Callable[[], float]
    ) -> None:
        self._on_start = on_start
        self._on_end = on_end
        self._clock = clock
        self._failures = 0
        self._status: int | None = None
        self._ended: list[JobEnd] = []
        self.open: dict[str, OpenJob] = {}
        self.starts = 0

    @property
    def in_hand(self) -> int:
        """Jobs begun and not ended, as far as the log tells."""
        return len(self.open)

    def started(self, kind: str, uuid: str) -> None:
        """A job was begun; the same job taken a second time counts as a second start."""
        self._end(uuid, Outcome.LOST)
        self.open[uuid] = OpenJob(type=kind, started=self._clock())
        self.starts += 1
        self._on_start(kind)

    def proven(self, uuid: str, token: str) -> None:
        """The job's token, kept as long as the job."""
        if uuid in self.open:
            self.open[uuid].token = token

    def finished(self, uuid: str) -> None:
        """Its result has arrived."""
        self._end(uuid, Outcome.FINISHED)

    def handed_back(self, uuid: str) -> None:
        """It is being given back. The runner does so one by one, and gives up at the first that fails."""
        self._settle_given_back()
        if uuid in self.open:
            self.open[uuid].given_back = True

    def reclaimed(self, uuid: str) -> None:
        """The agent has put it back into the queue itself."""
        self._end(uuid, Outcome.HANDED_BACK)

    def orphans(self, *, clean: bool) -> dict[str, OpenJob]:
        """What a dead runner has left in hand; `clean`: it ended with 0, so all that it gave back has arrived."""
        return {uuid: job for uuid, job in self.open.items() if not (clean and job.given_back)}

    def failed(self) -> None:
        """One job failed, not yet known which, unless there is but one; a stale encode may fail after its job's end."""
        self._status = None
        self._failures = min(self._failures + 1, len(self.open))
        if len(self.open) == 1:
            self._settle_failures(self.open)

    def refused(self, status: int) -> None:
        """The last failure came from this answer to the job's result."""
        self._status = status
        for index, end in reversed(tuple(enumerate(self._ended))):
            if end.outcome is Outcome.FAILED:
                self._ended[index] = replace(end, status=status)
                return

    def take_ends(self, *, final: bool = False) -> list[JobEnd]:
        """The jobs that have ended since the last call; a failure only once its details must be there.

        Args:
            final: The runner has ended: nothing more will be told.
        """
        known = self._clock() - _DETAILS_SECONDS
        taken = [end for end in self._ended if final or end.outcome is not Outcome.FAILED or end.at <= known]
        self._ended = [end for end in self._ended if end not in taken]
        return taken

    def listed(self, jobs: Iterable[RunningJob]) -> None:
        """The runner's own list, to tell which job a failure was about."""
        if self._failures == 0:
            return
        listed = {job.uuid for job in jobs}
        # A live job has no UUID in the list; then nothing can be told by absence.
        if None not in listed:
            self._settle_failures([uuid for uuid in self.open if uuid not in listed])

    def runner_ended(self, *, clean: bool) -> int:
        """The process is gone: what is still open is lost (the server's watchdog takes it back). Returns how many."""
        self._settle_failures(self.open)
        if clean:
            self._settle_given_back()
        lost = tuple(self.open)
        for uuid in lost:
            self._end(uuid, Outcome.LOST)
        self._failures = 0
        return len(lost)

    def _settle_given_back(self) -> None:
        for uuid in [uuid for uuid, job in self.open.items() if job.given_back]:
            self._end(uuid, Outcome.HANDED_BACK)

    def _settle_failures(self, candidates: Iterable[str]) -> None:
        for uuid in tuple(candidates)[: self._failures]:
            self._failures -= 1
            self._end(uuid, Outcome.FAILED)

    def _end(self, uuid: str, outcome: Outcome) -> None:
        job = self.open.pop(uuid, None)
        if job is None:
            return
        now = self._clock()
        status = self._status if outcome is Outcome.FAILED else None
        end = JobEnd(uuid=uuid, type=job.type, outcome=outcome, at=now, seconds=now - job.started, status=status)
        self._ended.append(end)
        self._on_end(end)
