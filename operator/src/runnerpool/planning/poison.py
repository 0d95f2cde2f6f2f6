"""Jobs that kill their runners: suspected after the first, quarantined after the second.

The server counts reported failures alone: a job that takes its pod down comes back to the queue for ever, and takes
the next one down.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from runnerpool.api.times import format_time, parse_time
from runnerpool.api.uuids import uuid_of
from runnerpool.planning.endings import EndedPod, Fate, lost_jobs
from runnerpool.planning.jobs import ServerReading

ENOUGH = 2
"""Pods that a job may cost before it is set aside."""
MAX_SUSPECTS = 20
FORGOTTEN_AFTER = timedelta(hours=24)
CAUSES = frozenset({"RunnerCrashed", "OutOfMemory", "RunnerHung"})
"""Ends that a job may be to blame for. Evictions, drains, lost nodes and lost contact are none of its doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """A job in whose hands a pod ended. `time`: when the pod did, not when it was seen: it tells pods apart."""

    job_uuid: str
    cause: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A job that may be to blame. `count`: pods that it has cost."""

    uuid: str
    count: int
    last_time: datetime

    @property
    def quarantined(self) -> bool:
        """It has cost enough."""
        return self.count >= ENOUGH


def culprits(pods: Iterable[EndedPod], reading: ServerReading | None) -> tuple[Culprit, ...]:
    """The jobs in whose hands these pods ended. A job that its runner could still report as failed killed nobody.

    Nor did one that was lost before by a cause of its own: the server took it away, say, and another job came after it.
    """
    return tuple(
        Culprit(job_uuid=job.uuid, cause=cause, time=pod.time)
        for pod in pods
        if pod.cause in CAUSES
        for job in lost_jobs(pod, reading)
        if job.fate is not Fate.FAILED and (cause := str(job.cause or pod.cause)) in CAUSES
    )


def note_suspects(
    suspects: Sequence[Suspect], evidence: Iterable[Culprit], reading: ServerReading | None, now: datetime
) -> tuple[Suspect, ...]:
    """Take in evidence, and forget what is of no use any more. The same evidence again changes nothing.

    A job is in one pod's hands at a time, so evidence that is not newer than the last is the last once more: a failed
    pod is kept for its log, and seen in every pass, by the next operator too.

    Args:
        suspects: What is known.
        evidence: What this pass saw, in any order; causes that no job is to blame for are passed over.
        reading: The queue; None while it is unknown: then no job is taken for ended.
        now: The moment of the pass.
    """
    known = {suspect.uuid: suspect for suspect in suspects}
    for culprit in sorted(evidence, key=lambda culprit: (culprit.time, culprit.job_uuid)):
        uuid, time = uuid_of(culprit.job_uuid), culprit.time.replace(microsecond=0)
        if uuid is None or culprit.cause not in CAUSES or now - time >= FORGOTTEN_AFTER:
            continue
        before = known.get(uuid)
        if before is None:
            known[uuid] = Suspect(uuid=uuid, count=1, last_time=time)
        elif time > before.last_time:
            known[uuid] = replace(before, count=before.count + 1, last_time=time)
    kept = [suspect for suspect in known.values() if not _forgotten(suspect, reading, now)]
    # Those that are quarantined are the last to go: forgotten, each would cost two pods more.
    kept.sort(key=lambda suspect: (suspect.quarantined, suspect.last_time, suspect.uuid))
    return tuple(sorted(kept[-MAX_SUSPECTS:], key=lambda suspect: (suspect.last_time, suspect.uuid)))


def _forgotten(suspect: Suspect, reading: ServerReading | None, now: datetime) -> bool:
    """One pod proves little once the job has ended, or a day on. What was quarantined is shown for a day after."""
    ended = reading is not None and reading.complete and suspect.uuid not in reading.jobs
    old = now - suspect.last_time >= FORGOTTEN_AFTER
    return (ended and old) if suspect.quarantined else (ended or old)


def quarantined(suspects: Iterable[Suspect]) -> frozenset[str]:
    """UUIDs of the jobs that are set aside."""
    return frozenset(suspect.uuid for suspect in suspects if suspect.quarantined)


def suspects_in(status: Mapping[str, Any]) -> tuple[Suspect, ...]:
    """The suspects that a pool's status names; entries that cannot be read are left out."""
    found = []
    for entry in status.get("suspectJobs") or ():
        uuid, count, time = uuid_of(entry.get("uuid")), entry.get("count"), parse_time(entry.get("lastTime"))
        if uuid is not None and isinstance(count, int) and time is not None:
            found.append(Suspect(uuid=uuid, count=count, last_time=time))
    return tuple(found)


def suspects_status(suspects: Iterable[Suspect]) -> list[dict[str, Any]]:
    """`status.suspectJobs`."""
    return [
        {"uuid": suspect.uuid, "count": suspect.count, "lastTime": format_time(suspect.last_time)}
        for suspect in suspects
    ]
