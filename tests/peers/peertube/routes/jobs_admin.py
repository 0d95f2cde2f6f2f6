"""Runner jobs, as an administrator sees them (server/core/controllers/api/runners/jobs.ts)."""

from typing import Any

from aiohttp import web
from multidict import MultiMapping

from peers.peertube.call import Call, Route, empty
from peers.peertube.parameters import Page, is_uuid, one_of
from peers.peertube.problems import Invalid, Problem, unknown_job
from peers.peertube.records import CANCELLABLE_STATES, Job, JobState
from peers.peertube.simulation import Simulation

SORTABLE = ("updatedAt", "createdAt", "priority", "state", "progress")


def _sort_key(job: Job, column: str) -> tuple[bool, Any]:
    """Nulls count as greatest, as in PostgreSQL."""
    value: Any = {
        "updatedAt": job.updated_at,
        "createdAt": job.created_at,
        "priority": job.priority,
        "state": job.state,
        "progress": job.progress,
    }[column]
    return (value is None, 0 if value is None else value)


def _selected(simulation: Simulation, query: MultiMapping[str]) -> list[Job]:
    states = {int(text) for text in one_of(query, "stateOneOf", {str(int(state)) for state in JobState})}
    types = one_of(query, "typeOneOf", simulation.profile.job_types)
    search = query.get("search", "")
    return [
        job
        for job in simulation.queue
        if (not states or job.state in states) and (not types or job.type in types) and _matches(job, search)
    ]


def _matches(job: Job, search: str) -> bool:
    if is_uuid(search):
        return job.uuid == search.lower()
    runner = job.runner.name if job.runner else ""
    return search.lower() in job.type.lower() or search.lower() in runner.lower()


async def list_jobs(call: Call) -> web.Response:
    query = call.request.query
    page = Page(query, call.simulation.profile, SORTABLE)
    jobs = _selected(call.simulation, query)
    # Equal keys keep the order of their ids, whichever way the list goes.
    jobs.sort(key=lambda job: _sort_key(job, page.column), reverse=page.descending)
    shown = jobs[page.start : page.start + page.count]
    return web.json_response({"total": len(jobs), "data": [call.present.job_for_admin(job) for job in shown]})


def _job(call: Call) -> Job:
    job_uuid = call.path("jobUUID")
    if not is_uuid(job_uuid):
        raise Invalid("jobUUID", job_uuid, where="params")
    job = call.simulation.queue.get(job_uuid)
    if job is None:
        raise unknown_job()
    return job


async def cancel(call: Call) -> web.Response:
    job = _job(call)
    if job.state not in CANCELLABLE_STATES:
        detail = 'Cannot cancel this job that is not in "pending", "processing" or "waiting for parent job" state'
        raise Problem(400, detail)
    call.simulation.queue.cancel(job)
    return empty()


async def delete(call: Call) -> web.Response:
    call.simulation.queue.delete(_job(call))
    return empty()


ROUTES = (
    Route(method="GET", path="/api/v1/runners/jobs", handler=list_jobs, admin=True),
    Route(method="POST", path="/api/v1/runners/jobs/{jobUUID}/cancel", handler=cancel, admin=True),
    Route(method="DELETE", path="/api/v1/runners/jobs/{jobUUID}", handler=delete, admin=True),
)
