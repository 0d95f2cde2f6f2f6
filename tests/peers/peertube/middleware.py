"""What every request passes before it comes to its route: it is counted, and it may meet a fault."""

from aiohttp import web

from peers.peertube import faulty
from peers.peertube.faulty import Handler
from peers.peertube.listener import LISTENER
from peers.peertube.simulation import SIMULATION

_TOKEN = "/api/v1/users/token"
_OWN = "/simulation"
NO_ANSWER = 0


@web.middleware
async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the listener know which connections wait for an answer."""
    with request.app[LISTENER].serving(request.transport):
        return await handler(request)


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request, whatever becomes of it."""
    if request.path.startswith(_OWN):
        return await handler(request)
    journal = request.app[SIMULATION].journal
    route = f"{request.method} {_template(request)}"
    journal.arrived(route)
    status = NO_ANSWER
    try:
        if request.path == _TOKEN:
            journal.login_attempts[await _grant_type(request)] += 1
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        journal.answered(
            method=request.method,
            path=request.path,
            route=route,
            status=status,
            user_agent=request.headers.get("User-Agent", ""),
        )
    return response


@web.middleware
async def misbehave(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer as the fault wants that the request meets, if it meets one."""
    simulation = request.app[SIMULATION]
    fault = simulation.faults.strike(request.method, request.path)
    if fault is None:
        return await handler(request)
    simulation.journal.faulty[fault.kind] += 1
    return await faulty.answer(fault, request, handler, simulation.profile)


def _template(request: web.Request) -> str:
    """The path with names in place of identifiers; what no route fits is not told apart."""
    resource = request.match_info.route.resource
    return "(unknown)" if resource is None else resource.canonical


async def _grant_type(request: web.Request) -> str:
    return str((await request.post()).get("grant_type", "none"))
