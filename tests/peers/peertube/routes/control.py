"""What no PeerTube has: reading and steering the simulation. Open to all; listen where only tests reach it."""

from aiohttp import web

from peers.peertube import report
from peers.peertube.call import Body, Call, Route
from peers.peertube.media import MediaError
from peers.peertube.plain import Order, OrderError, enqueue
from peers.peertube.problems import Problem
from peers.peertube.records import JSON
from peers.peertube.simulation import Simulation


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
    simulation.completer.seconds = float(body.get("completingSeconds", simulation.completer.seconds))
    simulation.watchdog.enabled = bool(body.get("watchdog", simulation.watchdog.enabled))
    library = simulation.library
    library.resolutions = tuple(int(value) for value in body.get("resolutions", library.resolutions))
    library.storyboards = bool(body.get("storyboards", library.storyboards))
    library.sound_only_files = bool(body.get("soundOnlyFiles", library.sound_only_files))
    life = body.get("accessTokenSeconds", simulation.oauth.access_token_seconds)
    simulation.oauth.access_token_seconds = float(life)
    return web.json_response(_settings(simulation))


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
        "accessTokenSeconds": simulation.oauth.access_token_seconds,
    }


ROUTES = (
    Route(method="GET", path="/simulation/videos", handler=videos),
    Route(method="GET", path="/simulation/statistics", handler=statistics),
    Route(method="POST", path="/simulation/jobs", handler=create_jobs, body=Body.JSON),
    Route(method="GET", path="/simulation/settings", handler=settings),
    Route(method="PUT", path="/simulation/settings", handler=change_settings, body=Body.JSON),
    Route(method="POST", path="/simulation/revoke-logins", handler=revoke_logins),
)
