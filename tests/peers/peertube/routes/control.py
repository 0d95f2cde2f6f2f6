"""What no PeerTube has: reading and steering the simulation. Open to all; listen where only tests reach it."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from peers.peertube import live, report
from peers.peertube.accounts import Account
from peers.peertube.call import Body, Call, Route
from peers.peertube.growth import GrowthError, ordered_growth
from peers.peertube.media import MediaError
from peers.peertube.parameters import optional_text_field, text_field
from peers.peertube.plain import Order, OrderError, enqueue
from peers.peertube.problems import Problem
from peers.peertube.profile import STORYBOARD
from peers.peertube.records import JSON
from peers.peertube.simulation import Simulation

LONGEST_NAME = 1000


async def videos(call: Call) -> web.Response:
    return web.json_response({"data": report.videos(call.simulation)})


async def statistics(call: Call) -> web.Response:
    return web.json_response(report.statistics(call.simulation))


async def create_jobs(call: Call) -> web.Response:
    try:
        video, jobs = await enqueue(call.simulation, Order.parse(dict(call.body)))
    except (OrderError, MediaError) as error:
        raise Problem(400, str(error)) from error
    return web.json_response({"video": video.uuid, "jobs": [job.uuid for job in jobs]})


async def settings(call: Call) -> web.Response:
    return web.json_response(_settings(call.simulation))


async def change_settings(call: Call) -> web.Response:
    """Set what is given; what is left out stays."""
    simulation, body = call.simulation, call.body
    unknown = set(body) - set(_settings(simulation)) | set(body) & {"publicUrl", "version", "clockDivisor"}
    if unknown:
        raise Problem(400, f"These settings are unknown or fixed: {', '.join(sorted(unknown))}")
    _refuse_what_the_version_lacks(simulation, body)
    try:
        simulation.remote_runners.change(body.get("remoteRunners", {}))
    except ValueError as error:
        raise Problem(400, f"Settings refused: {error}") from error
    simulation.completer.seconds = float(body.get("completingSeconds", simulation.completer.seconds))
    simulation.watchdog.enabled = bool(body.get("watchdog", simulation.watchdog.enabled))
    library = simulation.library
    library.resolutions = tuple(int(value) for value in body.get("resolutions", library.resolutions))
    library.storyboards = bool(body.get("storyboards", library.storyboards))
    library.sound_only_files = bool(body.get("soundOnlyFiles", library.sound_only_files))
    life = body.get("accessTokenSeconds", simulation.oauth.access_token_seconds)
    simulation.oauth.access_token_seconds = float(life)
    return web.json_response(_settings(simulation))


def _refuse_what_the_version_lacks(simulation: Simulation, body: Mapping[str, Any]) -> None:
    profile = simulation.profile
    lacking = {"storyboards": STORYBOARD not in profile.job_types, "soundOnlyFiles": not profile.sound_only_files}
    wished = [name for name, lacks in lacking.items() if lacks and body.get(name)]
    if wished:
        raise Problem(400, f"PeerTube {profile.version} has no {' and no '.join(wished)}")


async def end_live(call: Call) -> web.Response:
    live.end(call.simulation.library, call.path("videoUUID"))
    return web.json_response({})


async def set_account(call: Call) -> web.Response:
    """Make an account, or change one: `username`, `password`, `administrator`, `oneTimePassword`."""
    body = call.body
    account = Account(
        username=text_field(body, "username", LONGEST_NAME),
        password=text_field(body, "password", LONGEST_NAME),
        administrator=bool(body.get("administrator", True)),
        one_time_password=optional_text_field(body, "oneTimePassword", LONGEST_NAME),
    )
    call.simulation.oauth.set_account(account)
    return web.json_response({})


async def grow(call: Call) -> web.Response:
    """Give the server a long past (`growth.Wish` has the fields)."""
    try:
        growth = ordered_growth(call.simulation, dict(call.body))
    except GrowthError as error:
        raise Problem(400, str(error)) from error
    call.simulation.queue.grow(growth)
    return web.json_response({})


async def revoke_logins(call: Call) -> web.Response:
    """Invalidate every OAuth token, as release 8.1.8 did."""
    call.simulation.oauth.revoke_all()
    return web.json_response({})


def _settings(simulation: Simulation) -> JSON:
    return {
        "publicUrl": simulation.settings.public_url,
        "version": simulation.profile.version,
        "clockDivisor": simulation.clock.divisor,
        "completingSeconds": simulation.completer.seconds,
        "watchdog": simulation.watchdog.enabled,
        "resolutions": list(simulation.library.resolutions),
        "storyboards": simulation.library.storyboards,
        "soundOnlyFiles": simulation.library.sound_only_files,
        "remoteRunners": simulation.remote_runners.shown(),
        "accessTokenSeconds": simulation.oauth.access_token_seconds,
    }


ROUTES = (
    Route(method="GET", path="/simulation/videos", handler=videos),
    Route(method="GET", path="/simulation/statistics", handler=statistics),
    Route(method="POST", path="/simulation/jobs", handler=create_jobs, body=Body.JSON),
    Route(method="GET", path="/simulation/settings", handler=settings),
    Route(method="PUT", path="/simulation/settings", handler=change_settings, body=Body.JSON),
    Route(method="POST", path="/simulation/lives/{videoUUID}/end", handler=end_live),
    Route(method="POST", path="/simulation/accounts", handler=set_account, body=Body.JSON),
    Route(method="POST", path="/simulation/grow", handler=grow, body=Body.JSON),
    Route(method="POST", path="/simulation/revoke-logins", handler=revoke_logins),
)
