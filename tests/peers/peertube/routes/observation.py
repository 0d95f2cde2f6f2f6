"""What an observer asks of the simulation beside its statistics: who is registered, and what must be kept secret."""

from aiohttp import web

from peers.peertube.call import Call, Route


async def runners(call: Call) -> web.Response:
    return web.json_response({"names": sorted(runner.name for runner in call.simulation.runners.runners)})


async def secrets(call: Call) -> web.Response:
    """Every token that is good now, by what it is; whoever tests for leaks has to know what to look for."""
    simulation = call.simulation
    told = {f"registration token {token.id}": token.value for token in simulation.runners.tokens}
    told |= {f"the token of runner {runner.name}": runner.token for runner in simulation.runners.runners}
    for number, pair in enumerate(simulation.oauth.tokens):
        told |= {f"access token {number}": pair.access, f"refresh token {number}": pair.refresh}
    return web.json_response(told)


ROUTES = (
    Route(method="GET", path="/simulation/runners", handler=runners),
    Route(method="GET", path="/simulation/secrets", handler=secrets),
)
