"""How soon jobs of pods that ended are back in the queue, or in other hands: by abort, or by the server's watchdog."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from runnerpool.planning.endings import EndedJob, EndedPod, Fate
from runnerpool.planning.jobs import Job, JobState, ServerReading

Way = Literal["abort", "watchdog"]

# What is not back by then never comes back by itself, or the poller was away too long to tell.
_GIVEN_UP_AFTER = timedelta(hours=1)


class Reclaim(NamedTuple):
    """A job that is back. `seconds` since its pod ended, to the poll period."""

    way: Way
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    runner: str
    since: datetime
    way: Way


class ReclaimTracker:
    """Waits for the jobs of ended pods. What it waits for is lost with the process, and so not measured."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def note_ended(self, pod: EndedPod, lost: Iterable[EndedJob]) -> None:
        """Begin to wait for the jobs that a pod had. One that its runner reported as failed is not reclaimed."""
        for job in lost:
            if job.fate is not Fate.FAILED:
                way: Way = "abort" if job.fate is Fate.HANDED_BACK else "watchdog"
                self._waits[job.uuid] = _Wait(runner=pod.name, since=pod.time, way=way)

    def look(self, reading: ServerReading) -> Iterable[Reclaim]:
        """The jobs that are back by this reading. One that the server ended instead is waited for no more."""
        jobs = reading.jobs
        back = []
        for uuid, wait in list(self._waits.items()):
            if reading.at < wait.since:
                continue
            job = jobs.get(uuid)
            if job is not None and _is_back(job, wait):
                back.append(Reclaim(wait.way, (reading.at - wait.since).total_seconds()))
            elif not _over(job, reading, wait):
                continue
            del self._waits[uuid]
        return back


def _is_back(job: Job, wait: _Wait) -> bool:
    if job.state == JobState.PENDING:
        return True
    return job.state == JobState.PROCESSING and job.runner not in {None, wait.runner}


def _over(job: Job | None, reading: ServerReading, wait: _Wait) -> bool:
    return (job is None and reading.complete) or reading.at - wait.since > _GIVEN_UP_AFTER
