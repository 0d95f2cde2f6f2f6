"""What befalls jobs and servers in real life, by request of a test; and the log that tells what was asked meanwhile."""

from aiohttp import web

from peers.peertube.call import Body, Call, Route
from peers.peertube.clock import iso
from peers.peertube.parameters import text_field
from peers.peertube.problems import Problem, unknown_job
from peers.peertube.records import Job, JobState

LONGEST_NAME = 1000


async def restart(call: Call) -> web.Response:
    """Start the server again: completions are broken off and their jobs stay in COMPLETING, lives end."""
    await call.simulation.restart()
    return web.json_response({})


async def age(call: Call) -> web.Response:
    """Let a job's last sign of life be `seconds` ago."""
    call.simulation.queue.age(_job(call), float(call.body["seconds"]))
    return web.json_response({})


async def hand_over(call: Call) -> web.Response:
    """Give a job in processing to the runner of that name; the one before is not told."""
    job, name = _job(call), text_field(call.body, "runner", LONGEST_NAME)
    other = next((runner for runner in call.simulation.runners.runners if runner.name == name), None)
    if other is None:
        raise Problem(404, "Runner not found")
    if job.state is not JobState.PROCESSING:
        raise Problem(400, 'Job is not in "processing" state')
    call.simulation.queue.hand_over(job, other)
    return web.json_response({})


async def requests(call: Call) -> web.Response:
    """The latest requests, oldest first; `path` selects those whose path holds that text."""
    wanted = call.request.query.get("path", "")
    entries = [
        {
            "time": iso(entry.time),
            "method": entry.method,
            "path": entry.path,
            "route": entry.route,
            "status": entry.status,
            "userAgent": entry.user_agent,
        }
        for entry in call.simulation.journal.log
        if wanted in entry.path
    ]
    return web.json_response({"data": entries})


def _job(call: Call) -> Job:
    job = call.simulation.queue.get(call.path("jobUUID"))
    if job is None:
        raise unknown_job()
    return job


ROUTES = (
    Route(method="POST", path="/simulation/restart", handler=restart),
    Route(method="POST", path="/simulation/jobs/{jobUUID}/age", handler=age, body=Body.JSON),
    Route(method="POST", path="/simulation/jobs/{jobUUID}/hand-over", handler=hand_over, body=Body.JSON),
    Route(method="GET", path="/simulation/requests", handler=requests),
)
