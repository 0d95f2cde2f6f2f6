"""Runner jobs, as an administrator sees them (server/core/controllers/api/runners/jobs.ts)."""

from aiohttp import web
from multidict import MultiMapping

from peers.peertube.call import Access, Call, Route, empty
from peers.peertube.listing import SORTABLE, Order, Selection, is_uuid
from peers.peertube.parameters import Page, one_of, values_of
from peers.peertube.problems import Invalid, Problem, unknown_job
from peers.peertube.records import CANCELLABLE_STATES, Job, JobState
from peers.peertube.simulation import Simulation


def _selection(simulation: Simulation, query: MultiMapping[str]) -> Selection:
    profile = simulation.profile
    if profile.refuses_unknown_states:
        states = one_of(query, "stateOneOf", {str(int(state)) for state in JobState})
    else:
        states = values_of(query, "stateOneOf")
    types = one_of(query, "typeOneOf", profile.job_types) if profile.heeds_types else set()
    return Selection(
        states=frozenset(int(text) if text.isdecimal() else -1 for text in states) if states else None,
        types=frozenset(types) or None,
        search=query.get("search", ""),
    )


async def list_jobs(call: Call) -> web.Response:
    query = call.request.query
    page = Page(query, call.simulation.profile, SORTABLE)
    order = Order(columns=(page.column,), descending=page.descending)
    selection = _selection(call.simulation, query)
    total, jobs = call.simulation.queue.page(selection, order, page.start, page.count)
    return web.json_response({"total": total, "data": [call.present.job_for_admin(job) for job in jobs]})


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


MANAGERS = Access.RUNNER_MANAGERS
ROUTES = (
    Route(method="GET", path="/api/v1/runners/jobs", handler=list_jobs, access=MANAGERS),
    Route(method="POST", path="/api/v1/runners/jobs/{jobUUID}/cancel", handler=cancel, access=MANAGERS),
    Route(method="DELETE", path="/api/v1/runners/jobs/{jobUUID}", handler=delete, access=MANAGERS),
)
