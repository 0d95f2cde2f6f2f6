"""Which jobs the server had in which pod's hands, as it was read, and when each was first seen out of them."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runnerpool.planning.jobs import Job, JobState, ServerReading

GIVEN_UP_AFTER = timedelta(hours=1)
"""A job that is not back by then never comes back by itself (`planning/stuck.py`), or was out of sight for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A job that the server credited to a pod's runner.

    Attributes:
        uuid: The job.
        runner: The pod's name, which is its runner's.
        started: When it was taken; None if the server did not tell.
        heard: The last sign of life that the server had of it in these hands.
        back_at: The reading that first had it pending again, or in other hands; None if none has.
    """

    uuid: str
    runner: str
    started: datetime | None
    heard: datetime
    back_at: datetime | None = None


Custody = Mapping[tuple[str, str], Held]
"""By pod's name and job's UUID. Pods' names are never used twice."""


def look(custody: Custody, runners: AbstractSet[str], reading: ServerReading) -> Custody:
    """Take in a reading.

    Args:
        custody: What was known.
        runners: Names of pods that are to be watched from now on, too.
        reading: A newer reading, or the same.
    """
    held = {
        key: Held(uuid=job.uuid, runner=job.runner, started=job.started, heard=job.updated)
        for job in reading.active
        if job.state == JobState.PROCESSING and job.runner is not None
        if (key := (job.runner, job.uuid)) in custody or job.runner in runners
    }
    jobs = reading.jobs
    others = (_seen(one, jobs.get(one.uuid), reading) for key, one in custody.items() if key not in held)
    return {(one.runner, one.uuid): one for one in others if one is not None} | held


def is_back(job: Job, runner: str) -> bool:
    """A job that `runner` had is to be done anew: it is pending again, or in the hands of another one."""
    if job.state == JobState.PENDING:
        return True
    return job.state in {JobState.PROCESSING, JobState.COMPLETING} and job.runner not in {None, runner}


def _seen(held: Held, job: Job | None, reading: ServerReading) -> Held | None:
    """The same as before, or seen to be back; None if it has ended, or is about to end well."""
    if held.back_at is not None:
        return held
    if job is None:
        return None if reading.complete else held
    if is_back(job, held.runner):
        return replace(held, back_at=reading.at)
    return held if job.state == JobState.PROCESSING else None
