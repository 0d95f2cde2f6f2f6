"""Jobs that the server has lost sight of: nobody works on them, and no watchdog of its own takes them back.

Sources: runner-job-watch-dog-scheduler.ts of PeerTube 6.3, 7.3 and 8.2 (it looks at some types only, and at jobs in
processing only); nothing takes up a completion that a restart of the server broke off.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any

from runnerpool.api.job_types import JobType
from runnerpool.api.times import format_time
from runnerpool.planning.jobs import Job, JobState, ServerReading

ORPHANED_AFTER = timedelta(minutes=5)
"""Twice what the watchdog takes where it looks: two minutes of silence, and half a minute to its next round."""
SILENT_AFTER = timedelta(minutes=10)
"""A watchdog that has taken nothing back for so long does not work."""

_WATCHES_ALL_SINCE = (7, 3)
_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})(\D.*)?", re.ASCII)


@unique
class StuckCause(StrEnum):
    """Why a job does not move."""

    ORPHANED_STUDIO = "OrphanedStudio"
    """Studio job of a server before 7.3, and nobody works on it."""
    ORPHANED_TRANSCRIPTION = "OrphanedTranscription"
    """The same for a transcription."""
    ORPHANED_STORYBOARD = "OrphanedStoryboard"
    """Storyboard job that nobody works on; no server's watchdog looks at those."""
    PROCESSING_WITHOUT_RUNNER = "ProcessingWithoutRunner"
    """In work by nobody, for longer than the watchdog leaves that."""
    COMPLETING_FOREVER = "CompletingForever"
    """The server was taking its result in, and was started again meanwhile."""
    WATCHDOG_SILENT = "WatchdogSilent"
    """No sign of life for longer than any working watchdog would bear."""


_ORPHANS = {
    JobType.STUDIO: StuckCause.ORPHANED_STUDIO,
    JobType.TRANSCRIPTION: StuckCause.ORPHANED_TRANSCRIPTION,
    JobType.STORYBOARD: StuckCause.ORPHANED_STORYBOARD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckJob:
    """A job that does not move, and why."""

    job: Job
    cause: StuckCause


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Who may be at work.

    Attributes:
        rows: Names of all runners of the server; None if they were not listed.
        ours: Names of those that are this pool's.
        pods: Names of the pool's pods that have not ended.
    """

    rows: AbstractSet[str] | None
    ours: AbstractSet[str]
    pods: AbstractSet[str]

    def alive(self, runner: str | None) -> bool:
        """Somebody of that name may be at work. Strangers are, as long as they are registered."""
        if runner is None:
            return False
        if runner in self.ours:
            return runner in self.pods
        return self.rows is None or runner in self.rows


def stuck_jobs(
    reading: ServerReading,
    types: AbstractSet[str],
    *,
    version: str,
    owners: Owners,
    stuck_after: timedelta,
    now: datetime,
) -> tuple[StuckJob, ...]:
    """The stuck jobs of these types, those longest silent first.

    Args:
        reading: The queue.
        types: The pool's job types.
        version: The server's version; one that cannot be read is taken for a present one.
        owners: Who may be at work.
        stuck_after: How long the server may take a result in.
        now: The moment of the pass.
    """
    unwatched = unwatched_types(version)
    found = []
    for job in reading.active:
        cause = _cause(job, unwatched, owners, stuck_after, now) if job.type in types else None
        if cause is not None:
            found.append(StuckJob(job=job, cause=cause))
    return tuple(sorted(found, key=lambda stuck: (stuck.job.updated, stuck.job.uuid)))


def unwatched_types(version: str) -> frozenset[str]:
    """Job types that the server's watchdog does not look at."""
    match = _VERSION.fullmatch(version)
    if match is None or (int(match[1]), int(match[2])) >= _WATCHES_ALL_SINCE:
        return frozenset({JobType.STORYBOARD})
    return frozenset(_ORPHANS)


def _cause(
    job: Job, unwatched: AbstractSet[str], owners: Owners, stuck_after: timedelta, now: datetime
) -> StuckCause | None:
    silence = now - job.updated
    if job.state == JobState.COMPLETING:
        return StuckCause.COMPLETING_FOREVER if silence > stuck_after else None
    if job.state != JobState.PROCESSING or silence <= ORPHANED_AFTER:
        return None
    if job.type in unwatched:
        return None if owners.alive(job.runner) else _ORPHANS[JobType(job.type)]
    if job.runner is None:
        return StuckCause.PROCESSING_WITHOUT_RUNNER
    return StuckCause.WATCHDOG_SILENT if silence > SILENT_AFTER else None


def stuck_status(stuck: Iterable[StuckJob]) -> list[dict[str, Any]]:
    """`status.stuckJobs`: by cause, how many, and how long the longest has not moved."""
    by_cause: dict[StuckCause, list[datetime]] = {}
    for one in stuck:
        by_cause.setdefault(one.cause, []).append(one.job.updated)
    return [
        {"cause": str(cause), "count": len(times), "oldestTime": format_time(min(times))}
        for cause, times in sorted(by_cause.items())
    ]
