"""The runner's side of a job (server/core/controllers/api/runners/jobs.ts)."""

import asyncio

from aiohttp import web

from peers.peertube.call import Body, Call, Limit, Route, empty
from peers.peertube.completion import BrokenOff
from peers.peertube.faulty import hang_up
from peers.peertube.journal import Cause
from peers.peertube.live import store_chunk
from peers.peertube.parameters import optional_text_field, progress_field, text_field
from peers.peertube.problems import Invalid, Problem, unknown_job
from peers.peertube.profile import LIVE
from peers.peertube.records import Job, JobState

LONGEST_REASON = 5000
LONGEST_VERSION = 100


async def request_jobs(call: Call) -> web.Response:
    registry, profile = call.simulation.runners, call.simulation.profile
    runner = registry.by_token(call.body.get("runnerToken"))
    # Servers that know neither field look at neither.
    job_types = call.body.get("jobTypes") if profile.heeds_types else None
    if job_types is not None and not isinstance(job_types, list):
        raise Invalid("jobTypes", job_types, where="body")
    version = optional_text_field(call.body, "version", LONGEST_VERSION) if profile.tells_runner_version else None
    registry.touch(runner, ip=call.address, version=version)
    offered = call.simulation.queue.offered(job_types)
    jobs = [{"uuid": job.uuid, "type": job.type, "payload": job.payload} for job in offered]
    return web.json_response({"availableJobs": jobs})


async def accept(call: Call) -> web.Response:
    simulation = call.simulation
    runner = simulation.runners.by_token(call.body.get("runnerToken"))
    job = simulation.queue.get(call.path("jobUUID"))
    if job is None:
        raise unknown_job()
    if job.state is not JobState.PENDING:
        raise Problem(400, "This runner job is not in pending state")
    await asyncio.sleep(simulation.profile.accept_seconds)
    if _taken(job):
        raise Problem(409, "This job is not in pending state anymore", code="runner_job_not_in_pending_state")
    simulation.queue.accept(job, runner)
    simulation.runners.touch(runner, ip=call.address)
    return web.json_response({"job": call.present.job_for_runner(job)})


def _taken(job: Job) -> bool:
    """The second look at the state, inside the transaction."""
    return job.state is not JobState.PENDING


async def abort(call: Call) -> web.Response:
    job = held_job(call)
    reason = text_field(call.body, "reason", LONGEST_REASON)
    call.simulation.queue.give_back(job, Cause.ABORT, reason)
    return empty()


async def report_error(call: Call) -> web.Response:
    job = held_job(call)
    message = text_field(call.body, "message", LONGEST_REASON)
    call.simulation.queue.report_error(job, message)
    return empty()


async def update(call: Call) -> web.Response:
    job = _job_of_runner(call)
    if job.state in (JobState.COMPLETING, JobState.COMPLETED):
        return empty()
    _require_processing(job)
    progress = progress_field(call.body)
    if job.type == LIVE:
        store_chunk(call.simulation.library, job, call.body, call.files)
    call.simulation.queue.report(job, progress)
    return empty()


async def success(call: Call) -> web.Response:
    try:
        await call.simulation.completer.complete(held_job(call), call.files)
    except BrokenOff:
        return hang_up(call.request)  # the process that would have answered is no more
    return empty()


def held_job(call: Call) -> Job:
    """The job in processing that the request's tokens give a right to.

    Raises:
        Problem: 404 without a code if the tokens do not fit; 400 if the job has moved on.
    """
    job = _job_of_runner(call)
    _require_processing(job)
    return job


def _job_of_runner(call: Call) -> Job:
    registry = call.simulation.runners
    runner = registry.find(call.body.get("runnerToken"))
    job = call.simulation.queue.get(call.path("jobUUID"))
    if runner is None or job is None or job.runner is not runner or job.token != call.body.get("jobToken"):
        raise unknown_job()
    registry.touch(runner, ip=call.address)
    return job


def _require_processing(job: Job) -> None:
    if job.state is not JobState.PROCESSING:
        raise Problem(400, 'Job is not in "processing" state', code="runner_job_not_in_processing_state")


JOBS = "/api/v1/runners/jobs"
JOB = f"{JOBS}/{{jobUUID}}"
ROUTES = (
    Route(method="POST", path=f"{JOBS}/request", handler=request_jobs, body=Body.JSON, limit=Limit.API),
    Route(method="POST", path=f"{JOB}/accept", handler=accept, body=Body.JSON, limit=Limit.API),
    Route(method="POST", path=f"{JOB}/abort", handler=abort, body=Body.JSON, limit=Limit.API),
    Route(method="POST", path=f"{JOB}/update", handler=update, body=Body.MULTIPART, limit=Limit.API),
    Route(method="POST", path=f"{JOB}/error", handler=report_error, body=Body.JSON),
    Route(method="POST", path=f"{JOB}/success", handler=success, body=Body.MULTIPART, limit=Limit.API),
)
