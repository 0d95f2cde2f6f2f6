"""What is to be done, or would be done, about jobs that are stuck, or that kill their runners."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runnerpool.api.job_types import JOB_TYPES, JobType
from runnerpool.api.pool import PoisonJobs, Repair, StuckJobs
from runnerpool.api.reasons import Reason
from runnerpool.planning.jobs import Job, JobState, ServerReading
from runnerpool.planning.repair_steps import CancelJob, DeleteJob, RepairStep, RequestTranscoding, TranscodingKind
from runnerpool.planning.stuck import StuckCause, StuckJob

AT_ONCE = 5
"""Repairs in one pass: each is a write on the server, and may set off hours of work."""
TRY_AGAIN_AFTER = timedelta(minutes=10)
_CANCELLABLE = frozenset({JobState.PENDING, JobState.PROCESSING, JobState.WAITING_FOR_PARENT_JOB})
_KINDS = {
    JobType.WEB_VIDEO: TranscodingKind.WEB_VIDEO,
    JobType.AUDIO_MERGE: TranscodingKind.WEB_VIDEO,
    JobType.HLS: TranscodingKind.HLS,
}
_WORDS = {
    StuckCause.ORPHANED_STUDIO: "nobody works on it, and the server's watchdog does not look at studio jobs",
    StuckCause.ORPHANED_TRANSCRIPTION: "nobody works on it, and the server's watchdog does not look at transcriptions",
    StuckCause.ORPHANED_STORYBOARD: "nobody works on it, and the server's watchdog does not look at storyboards",
    StuckCause.PROCESSING_WITHOUT_RUNNER: "it is in work by no runner",
    StuckCause.COMPLETING_FOREVER: "its result has been on the way in for too long, as after a restart of the server",
    StuckCause.WATCHDOG_SILENT: "it shows no sign of life, and the server's watchdog does not take it back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairView:
    """What repairs are decided by.

    Attributes:
        repair: What the pool's author allows.
        reading: The queue.
        quarantined: UUIDs of jobs that kill their runners.
        stuck: Jobs that do not move.
        owed: Transcodings that the server would not take after their jobs had been ended.
        tried: When each of these was last tried, by what `key_of` tells.
        told: UUIDs of the jobs whose repair was rehearsed.
    """

    now: datetime
    repair: Repair
    reading: ServerReading
    quarantined: AbstractSet[str] = frozenset()
    stuck: tuple[StuckJob, ...] = ()
    owed: tuple[RequestTranscoding, ...] = ()
    tried: Mapping[str, datetime] = field(default_factory=dict)
    told: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """A repair that a dry run only tells of."""

    job: str
    message: str


def plan_repairs(view: RepairView) -> tuple[RepairStep, ...]:
    """The repairs to make now: what is owed first, then poison, then what has been stuck longest."""
    steps: list[RepairStep] = list(view.owed)
    if view.repair.poison_jobs is PoisonJobs.CANCEL:
        steps += _cancel_poison(view)
    if view.repair.stuck_jobs is StuckJobs.REPAIR:
        steps += (_mend(one, view.reading) for one in view.stuck)
    first: dict[str, RepairStep] = {}
    for step in steps:
        first.setdefault(key_of(step), step)
    due = [step for step in first.values() if not _tried_of_late(step, view)]
    return tuple(due[:AT_ONCE])


def rehearse(view: RepairView) -> tuple[Rehearsal, ...]:
    """What a dry run has to tell that it has not told yet."""
    if view.repair.stuck_jobs is not StuckJobs.DRY_RUN:
        return ()
    fresh = [one for one in view.stuck if one.job.uuid not in view.told]
    return tuple(
        Rehearsal(job=one.job.uuid, message=f"dry run: {_mend(one, view.reading).message}") for one in fresh[:AT_ONCE]
    )


def key_of(step: RepairStep) -> str:
    """What is tried, whatever way: a job, or a video's transcoding."""
    return step.video if isinstance(step, RequestTranscoding) else step.job


def describe(uuid: str, job: Job | None) -> str:
    """A job as messages name it. Of what the server sent, only ids and known types are repeated."""
    if job is None:
        return f"job {uuid}"
    kind = job.type if job.type in JOB_TYPES else "of a type unknown here"
    return f"job {uuid} ({kind}) of video {job.video or 'unknown'}"


def _tried_of_late(step: RepairStep, view: RepairView) -> bool:
    last = view.tried.get(key_of(step))
    return last is not None and view.now - last < TRY_AGAIN_AFTER


def _cancel_poison(view: RepairView) -> list[RepairStep]:
    jobs = view.reading.jobs
    found = [(uuid, jobs[uuid]) for uuid in sorted(view.quarantined) if uuid in jobs]
    return [
        CancelJob(
            job=uuid,
            reason=Reason.POISON_JOB,
            message=f"{describe(uuid, job)} is cancelled: runners end at it, and any would take it again",
        )
        for uuid, job in found
        if job.state in _CANCELLABLE
    ]


def _mend(stuck: StuckJob, reading: ServerReading) -> RepairStep:
    """End the job, by the way that its state allows, and ask for what is lost with it."""
    job = stuck.job
    delete = job.state == JobState.COMPLETING
    what = f"{describe(job.uuid, job)} is {'deleted' if delete else 'cancelled'}: {_WORDS[stuck.cause]}"
    kinds = _lost_kinds(job, reading)
    then = None
    if kinds and job.video is not None:
        names = " and ".join(kinds)
        then = RequestTranscoding(
            video=job.video,
            kinds=kinds,
            reason=Reason.JOB_REPAIRED,
            message=f"video {job.video} is transcoded anew ({names})",
        )
        what += f"; its video is transcoded anew ({names})"
    elif kinds:
        what += "; the server does not tell its video: run the transcoding again in PeerTube"
    step = DeleteJob if delete else CancelJob
    return step(job=job.uuid, reason=Reason.JOB_REPAIRED, message=what, then=then)


def _lost_kinds(job: Job, reading: ServerReading) -> tuple[TranscodingKind, ...]:
    """What ends with a job: itself, and the jobs that wait for it, and those that wait for them."""
    lost = {job.uuid: job}
    grown = True
    while grown:
        children = {child.uuid: child for child in reading.waiting if child.parent_uuid in lost} | lost
        grown, lost = len(children) > len(lost), children
    found = {_KINDS[JobType(one.type)] for one in lost.values() if one.type in _KINDS}
    return tuple(kind for kind in TranscodingKind if kind in found)
