"""What tests ask the simulation itself: videos with their files, and what happened."""

from peers.peertube.clock import iso
from peers.peertube.journal import Cause, JobHistory, Transition
from peers.peertube.profile import STORYBOARD
from peers.peertube.records import ACTIVE_STATES, JSON, Job, JobState, MediaInfo, OutputFile, Video
from peers.peertube.simulation import Simulation

FAILED_STATES = frozenset({JobState.ERRORED, JobState.PARENT_ERRORED})
REQUIRED_PRIORITY_BELOW = 10_000


def videos(simulation: Simulation) -> list[JSON]:
    """Every video, its source, its outputs and how far its jobs are."""
    jobs: dict[str, list[Job]] = {}
    for job in simulation.queue:
        jobs.setdefault(job.video_uuid, []).append(job)
    return [_video(video, jobs.get(video.uuid, [])) for video in simulation.library]


def _video(video: Video, jobs: list[Job]) -> JSON:
    return {
        "uuid": video.uuid,
        "name": video.name,
        "state": _state(jobs),
        "complete": bool(jobs) and all(job.state is JobState.COMPLETED for job in jobs),
        "source": None if video.source is None else {"path": str(video.source), **_media(video.source_info)},
        "jobs": {job.uuid: int(job.state) for job in jobs},
        "outputs": [_output(output) for output in video.outputs],
    }


def _state(jobs: list[Job]) -> str:
    """`failed` once a job has, `transcoding` while a required job is open, `published` then; `idle` without jobs.

    Storyboards play no part in it, as on the real server.
    """
    jobs = [job for job in jobs if job.type != STORYBOARD]
    if not jobs:
        return "idle"
    if any(job.state in FAILED_STATES for job in jobs):
        return "failed"
    open_jobs = [job for job in jobs if job.state in ACTIVE_STATES and job.priority < REQUIRED_PRIORITY_BELOW]
    return "transcoding" if open_jobs else "published"


def _output(output: OutputFile) -> JSON:
    return {
        "kind": output.kind,
        "path": str(output.path),
        "playlist": str(output.playlist) if output.playlist else None,
        "resolution": output.resolution,
        "jobUUID": output.job_uuid,
        "media": _media(output.info),
    }


def _media(info: MediaInfo | None) -> JSON:
    if info is None:
        return {}
    return {
        "duration": info.duration,
        "width": info.width,
        "height": info.height,
        "fps": info.fps,
        "hasVideo": info.has_video,
        "hasAudio": info.has_audio,
    }


def statistics(simulation: Simulation) -> JSON:
    """Counts since the start, and every job's steps."""
    journal = simulation.journal
    return {
        "accepts": journal.count(Cause.ACCEPT),
        "aborts": journal.count(Cause.ABORT),
        "reclaims": journal.count(Cause.WATCHDOG),
        "errors": journal.count(Cause.ERROR),
        "completed": journal.count(Cause.COMPLETED),
        "orphans": [job.uuid for job in simulation.watchdog.orphans()],
        "pushes": simulation.socket.pushes,
        "connectedRunners": len(simulation.socket.connected),
        "logins": dict(journal.logins),
        "loginAttempts": dict(journal.login_attempts),
        "requests": {route: dict(counts) for route, counts in journal.requests.items()},
        "seconds": {route: dict(counts) for route, counts in journal.seconds.items()},
        "faulty": dict(journal.faulty),
        "jobs": [_history(simulation, history) for history in journal.histories.values()],
    }


def _history(simulation: Simulation, history: JobHistory) -> JSON:
    job = simulation.queue.get(history.uuid)
    return {
        "uuid": history.uuid,
        "type": history.type,
        "videoUUID": history.video_uuid,
        "state": int(job.state) if job else None,
        "history": [_transition(step) for step in history.transitions],
    }


def _transition(step: Transition) -> JSON:
    return {
        "time": iso(step.time),
        "before": step.before,
        "after": step.after,
        "cause": step.cause,
        "runner": step.runner,
        "detail": step.detail,
    }
