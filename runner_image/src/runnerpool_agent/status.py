"""The part of `/status` that tells of the runner and the drain."""

from typing import Any

from runnerpool_agent.causes import RestartCause
from runnerpool_agent.drain import Drain
from runnerpool_agent.ipc import RunningJob
from runnerpool_agent.lifecycle import Lifecycle


def status_page(lifecycle: Lifecycle, slots: int, now: float) -> dict[str, Any]:
    """Jobs in hand, slots, restarts, and where the drain stands; times in seconds."""
    view = lifecycle.view
    jobs = view.jobs if view else ()
    return {
        "slots": slots,
        "jobs": [_job(job) for job in jobs],
        "restarts": lifecycle.restarts[RestartCause.CRASHED] + lifecycle.restarts[RestartCause.SILENT],
        "restartsByCause": {str(cause): count for cause, count in lifecycle.restarts.items()},
        "lostSeconds": lifecycle.losses.page(),
        "refusedReports": view.log.refused_reports if view else 0,
        "drain": _drain(
            lifecycle.drain, now, told=lifecycle.life is not None and lifecycle.life.handling.told_at is not None
        ),
        "retirement": lifecycle.life.retirement.cause if lifecycle.life else None,
    }


def _job(job: RunningJob) -> dict[str, Any]:
    return {"type": job.type, "uuid": job.uuid, "progress": job.progress, "startedAt": job.started_at}


def _drain(drain: Drain, now: float, *, told: bool) -> dict[str, Any]:
    return {
        "phase": drain.phase,
        "cause": drain.cause,
        "seconds": round(now - drain.since, 1) if drain.cause else None,
        "abortInSeconds": round(drain.abort_at - now, 1) if drain.abort_at is not None else None,
        "runnerTold": told,
    }
