"""From a server's queue to what one pool may take of it."""

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from runnerpool.api.pool import PoolSpec
from runnerpool.planning.jobs import Job, JobState, ServerReading
from runnerpool.planning.queue import QueueKnown

_IN_WORK = frozenset({JobState.PROCESSING, JobState.COMPLETING})


def pool_queue(reading: ServerReading, spec: PoolSpec, quarantined: AbstractSet[str] = frozenset()) -> QueueKnown:
    """The reading reduced to the pool's job types.

    The lists were read one after the other, so a job may stand in two of them; the later state counts. Job types and
    states that are unknown here are in no pool's share. Who holds what is told whatever the job's type, since a runner
    with a job in hand is busy.

    Args:
        reading: The server's queue.
        spec: The pool's.
        quarantined: UUIDs of jobs that end their runners: no pod is made for one that waits. A runner that took one
            all the same is busy with it.
    """
    active = _by_uuid(job for job in reading.active if job.state in _IN_WORK)
    pending = _by_uuid(job for job in reading.pending if job.state == JobState.PENDING and job.uuid not in active)
    waiting = _by_uuid(
        job
        for job in reading.waiting
        if job.state == JobState.WAITING_FOR_PARENT_JOB and job.uuid not in active and job.uuid not in pending
    )
    types = frozenset(spec.job_types)
    mine, mine_waiting = (
        [job for job in jobs.values() if job.type in types and job.uuid not in quarantined]
        for jobs in (pending, waiting)
    )
    states = Counter(job.state for job in active.values() if job.type in types)
    return QueueKnown(
        at=reading.at,
        pending=len(mine),
        processing=states[JobState.PROCESSING],
        completing=states[JobState.COMPLETING],
        waiting_for_parent=len(mine_waiting),
        waiting_on_work=sum(_parent_in_work(job, active) for job in mine_waiting),
        held=dict(Counter(job.runner for job in active.values() if job.runner is not None)),
        pending_since={job.uuid: job.updated for job in mine},
        oldest_pending_time=min((job.created for job in mine), default=None),
        complete=reading.complete,
    )


def _by_uuid(jobs: Iterable[Job]) -> dict[str, Job]:
    return {job.uuid: job for job in jobs}


def _parent_in_work(job: Job, active: dict[str, Job]) -> bool:
    """Whatever the parent's type, and whoever runs it: its end lets this job loose."""
    return job.parent_state in _IN_WORK or job.parent_uuid in active
