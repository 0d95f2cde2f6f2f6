"""What goes wrong by order: faults, and certificates that change."""

from aiohttp import web

from peers.peertube.call import Body, Call, Route
from peers.peertube.faults import Fault, FaultError
from peers.peertube.listener import LISTENER
from peers.peertube.problems import Problem


async def put_in(call: Call) -> web.Response:
    try:
        fault = Fault.parse(dict(call.body))
    except FaultError as error:
        raise Problem(400, str(error)) from error
    call.simulation.faults.put_in(fault)
    return web.json_response(fault.shown())


async def show(call: Call) -> web.Response:
    return web.json_response({"data": [fault.shown() for fault in call.simulation.faults]})


async def lift(call: Call) -> web.Response:
    """Take all faults away; returns how often each was met."""
    shown = [fault.shown() for fault in call.simulation.faults]
    call.simulation.faults.lift_all()
    return web.json_response({"data": shown})


async def reload_certificate(call: Call) -> web.Response:
    try:
        call.request.app[LISTENER].reload_certificate()
    except ValueError as error:
        raise Problem(400, str(error)) from error
    return web.json_response({})


ROUTES = (
    Route(method="POST", path="/simulation/faults", handler=put_in, body=Body.JSON),
    Route(method="GET", path="/simulation/faults", handler=show),
    Route(method="DELETE", path="/simulation/faults", handler=lift),
    Route(method="POST", path="/simulation/certificate", handler=reload_certificate),
)
