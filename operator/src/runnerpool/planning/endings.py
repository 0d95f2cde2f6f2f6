"""How a pod ended, and which jobs ended with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runnerpool.api.loss_causes import LossCause
from runnerpool.planning.jobs import Job, JobState, ServerReading


class Fate(StrEnum):
    """What became of a job that a pod did not end well."""

    LOST = "lost"
    """Nobody told the server; it finds out by itself."""
    HANDED_BACK = "handed_back"
    FAILED = "failed"
    """The runner reported it as failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """A job that did not end well.

    Attributes:
        uuid: The job.
        fate: What became of it.
        seconds: From its start to its end, encoded for nothing.
        cause: Why, if the pod outlived it; None if the pod's own end was the cause, or nobody told.
    """

    uuid: str
    fate: Fate
    seconds: int
    cause: LossCause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWord:
    """The end of a pod.

    Attributes:
        cause: A word of a closed list (agent's causes, `FailureCause`).
        time: When its container ended; None if nobody told.
        jobs: As the agent's last message tells them; None if it left none.
    """

    cause: str
    time: datetime | None = None
    jobs: tuple[EndedJob, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPod:
    """A pod that has ended. Its runner has its name."""

    name: str
    uid: str
    cause: str
    time: datetime
    jobs: tuple[EndedJob, ...] | None = None


def credited(pod: EndedPod, active: Iterable[Job]) -> tuple[Job, ...]:
    """Jobs in processing that the server credits to the pod's runner. One in completing is saved."""
    return tuple(job for job in active if job.runner == pod.name and job.state == JobState.PROCESSING)


def lost_jobs(pod: EndedPod, reading: ServerReading | None) -> tuple[EndedJob, ...]:
    """The jobs that the pod's end, or a life of its runner before, cost: by the agent's word and by the server's.

    One that only the server tells of was in the pod's hands at its end; its seconds are counted from when it was taken.
    """
    told = {job.uuid: job for job in pod.jobs or ()}
    unheard = {
        job.uuid: EndedJob(uuid=job.uuid, fate=Fate.LOST, seconds=seconds_between(job.started, pod.time))
        for job in credited(pod, reading.active if reading else ())
    }
    return tuple((unheard | told).values())


def seconds_between(start: datetime | None, end: datetime) -> int:
    """Whole seconds of work; 0 if nobody told when it began, or by clocks that do not agree."""
    return 0 if start is None else max(0, round((end - start).total_seconds()))
