"""The ledger of jobs begun by one runner process: how each of them ended."""

from collections.abc import Callable, Iterable
from enum import StrEnum, unique

from runnerpool_agent.ipc import RunningJob
from runnerpool_agent.runner_log import JobEvents


@unique
class Outcome(StrEnum):
    """How a job ended, seen from the pod."""

    FINISHED = "finished"
    FAILED = "failed"
    HANDED_BACK = "handed_back"
    LOST = "lost"


class JobLedger(JobEvents):
    """Matches the ends of jobs with their starts; each end is told once, as (type, outcome).

    A failure's line does not name its job, so it is booked on the job that next vanishes from the runner's list.
    """

    def __init__(self, on_start: Callable[[str], None], on_end: Callable[[str, Outcome], None]) -> None:
        self._on_start = on_start
        self._on_end = on_end
        self._open: dict[str, str] = {}
        self._failures = 0

    @property
    def in_hand(self) -> int:
        """Jobs begun and not ended, as far as the log tells."""
        return len(self._open)

    def started(self, kind: str, uuid: str) -> None:
        """A job was begun; the same job taken a second time counts as a second start."""
        self._end(uuid, Outcome.LOST)
        self._open[uuid] = kind
        self._on_start(kind)

    def finished(self, uuid: str) -> None:
        """Its result has arrived."""
        self._end(uuid, Outcome.FINISHED)

    def handed_back(self, uuid: str) -> None:
        """It is in the queue again."""
        self._end(uuid, Outcome.HANDED_BACK)

    def failed(self) -> None:
        """One job failed, not yet known which, unless there is but one; a stale encode may fail after its job's end."""
        self._failures = min(self._failures + 1, len(self._open))
        if len(self._open) == 1:
            self._settle_failures(self._open)

    def listed(self, jobs: Iterable[RunningJob]) -> None:
        """The runner's own list, to tell which job a failure was about."""
        if self._failures == 0:
            return
        listed = {job.uuid for job in jobs}
        # A live job has no UUID in the list; then nothing can be told by absence.
        if None not in listed:
            self._settle_failures([uuid for uuid in self._open if uuid not in listed])

    def runner_ended(self) -> int:
        """The process is gone: what is still open is lost (the server's watchdog takes it back). Returns how many."""
        self._settle_failures(self._open)
        lost = tuple(self._open)
        for uuid in lost:
            self._end(uuid, Outcome.LOST)
        self._failures = 0
        return len(lost)

    def _settle_failures(self, candidates: Iterable[str]) -> None:
        for uuid in tuple(candidates)[: self._failures]:
            self._failures -= 1
            self._end(uuid, Outcome.FAILED)

    def _end(self, uuid: str, outcome: Outcome) -> None:
        kind = self._open.pop(uuid, None)
        if kind is not None:
            self._on_end(kind, outcome)
