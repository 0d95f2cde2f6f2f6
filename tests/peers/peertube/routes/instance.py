"""Configuration, ping and sign-in."""

from aiohttp import web

from peers.peertube.call import Access, Body, Call, Limit, Route
from peers.peertube.configuration import public_configuration
from peers.peertube.oauth import ONE_TIME_PASSWORD
from peers.peertube.problems import Problem


async def ping(_call: Call) -> web.Response:
    return web.Response(text="pong", content_type="text/html")


async def config(call: Call) -> web.Response:
    return web.json_response(public_configuration(call.simulation))


async def local_client(call: Call) -> web.Response:
    """Client credentials, only for those who call the server by its public name."""
    simulation = call.simulation
    if call.request.host != simulation.host:
        detail = f"Getting client tokens for host {call.request.host} is forbidden"
        raise Problem(403, detail, docs="getOAuthClient")
    credentials = {"client_id": simulation.oauth.client_id, "client_secret": simulation.oauth.client_secret}
    return web.json_response(credentials)


async def token(call: Call) -> web.Response:
    one_time_password = call.request.headers.get(ONE_TIME_PASSWORD)
    return web.json_response(call.simulation.oauth.grant(call.body, one_time_password))


async def revoke_token(call: Call) -> web.Response:
    call.simulation.oauth.revoke(call.access_token)
    return web.json_response({"success": True})


ROUTES = (
    Route(method="GET", path="/api/v1/ping", handler=ping),
    Route(method="GET", path="/api/v1/config", handler=config, limit=Limit.API),
    Route(method="GET", path="/api/v1/oauth-clients/local", handler=local_client, limit=Limit.API),
    Route(method="POST", path="/api/v1/users/token", handler=token, body=Body.FORM, limit=Limit.LOGIN),
    Route(method="POST", path="/api/v1/users/revoke-token", handler=revoke_token, access=Access.ACCOUNTS),
)
