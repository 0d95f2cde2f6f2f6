"""How soon jobs of pods that ended are back in the queue, or in other hands: by abort, or by the server's watchdog."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from runnerpool.api.loss_causes import LossCause
from runnerpool.planning.custody import GIVEN_UP_AFTER, Custody, Held, is_back
from runnerpool.planning.endings import EndedJob, EndedPod, Fate
from runnerpool.planning.jobs import Job, ServerReading

Way = Literal["abort", "watchdog"]
_WAYS: Mapping[Fate, Way | None] = {Fate.HANDED_BACK: "abort", Fate.LOST: "watchdog", Fate.FAILED: None}


class Reclaim(NamedTuple):
    """A job that is back.

    `seconds`, to the poll period: since its pod ended; or, where the server had taken it from a pod that still lived,
    since the last sign of life that the server had of it.
    """

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
        self._back: list[Reclaim] = []

    def note_ended(
        self, pod: EndedPod, lost: Iterable[EndedJob], custody: Custody, reading: ServerReading | None
    ) -> None:
        """Begin to wait for the jobs that a pod had; of those that are back already, tell how long it took.

        A job that was given away long before the end, by the agent or unseen by us, is measured by nobody.

        Args:
            pod: The pod.
            lost: The jobs that it cost.
            custody: What was read of the pod's jobs.
            reading: The last one; None if there is none.
        """
        jobs = reading.jobs if reading else {}
        for job in lost:
            way = _way(job)
            if way is None:
                continue
            held, now = custody.get((pod.name, job.uuid)), jobs.get(job.uuid)
            if held is not None and held.back_at is not None:
                self._back += _measured(job, pod, way, held, held.back_at)
            elif held is not None or _is_due(job, pod, now):
                since = pod.time if held is None or _ended_with(job, pod) else held.heard
                self._waits[job.uuid] = _Wait(runner=pod.name, since=since, way=way)

    def look(self, reading: ServerReading) -> Iterable[Reclaim]:
        """The jobs that are back by this reading. One that the server ended instead is waited for no more."""
        jobs = reading.jobs
        back, self._back = self._back, []
        for uuid, wait in list(self._waits.items()):
            if reading.at < wait.since:
                continue
            job = jobs.get(uuid)
            if job is not None and is_back(job, wait.runner):
                back.append(Reclaim(wait.way, (reading.at - wait.since).total_seconds()))
            elif not _over(job, reading, wait):
                continue
            del self._waits[uuid]
        return back


def _way(job: EndedJob) -> Way | None:
    """None: its runner reported it as failed, and the server did what it does with such a job."""
    if job.cause is LossCause.LOST_JOB:
        return "watchdog"
    return _WAYS[job.fate]


def _ended_with(job: EndedJob, pod: EndedPod) -> bool:
    """As far as the agent's word goes: of four crashes that end a pod, the earlier ones bear the same cause."""
    return job.cause in {None, pod.cause}


def _is_due(job: EndedJob, pod: EndedPod, now: Job | None) -> bool:
    """A job that no reading had in the pod's hands was there at its end, and not gone before."""
    if job.cause is None and job.fate is Fate.HANDED_BACK:
        return True
    return _ended_with(job, pod) and (now is None or not is_back(now, pod.name))


def _measured(job: EndedJob, pod: EndedPod, way: Way, held: Held, back_at: datetime) -> Iterable[Reclaim]:
    if way == "watchdog":
        yield Reclaim(way, max(0.0, (back_at - held.heard).total_seconds()))
    elif job.cause is None or back_at >= pod.time:
        yield Reclaim(way, max(0.0, (back_at - pod.time).total_seconds()))


def _over(job: Job | None, reading: ServerReading, wait: _Wait) -> bool:
    return (job is None and reading.complete) or reading.at - wait.since > GIVEN_UP_AFTER
