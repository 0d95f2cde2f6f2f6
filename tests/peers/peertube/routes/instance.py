"""Configuration, ping and sign-in."""

from aiohttp import web

from peers.peertube.call import Body, Call, Limit, Route
from peers.peertube.problems import Problem
from peers.peertube.records import JSON


async def ping(_call: Call) -> web.Response:
    return web.Response(text="pong", content_type="text/html")


async def config(call: Call) -> web.Response:
    """What a client needs to know of the configuration; the real answer holds more."""
    simulation = call.simulation
    on = {"enabled": True}
    off = {"enabled": False}
    profiles: JSON = {"profile": "default", "availableProfiles": ["default"]}
    body: JSON = {
        "serverVersion": simulation.profile.version,
        "transcoding": {
            "remoteRunners": on,
            "hls": {"enabled": True, "splitAudioAndVideo": False},
            "web_videos": on,
            "enabledResolutions": list(simulation.library.resolutions),
            **profiles,
            "alwaysTranscodeOriginalResolution": True,
            "alwaysTranscodePodcastOptimizedAudio": simulation.library.sound_only_files,
        },
        "live": {
            "enabled": True,
            "allowReplay": True,
            "dvr": {"maxWindow": 3600},
            "latencySetting": on,
            "maxDuration": -1,
            "maxInstanceLives": 20,
            "maxUserLives": 3,
            "transcoding": {"enabled": True, "remoteRunners": on, "enabledResolutions": [], **profiles},
            "rtmp": {"port": 1936},
        },
        "videoStudio": {"enabled": True, "remoteRunners": on},
        "videoTranscription": {"enabled": False, "remoteRunners": off},
        "storyboards": {"enabled": simulation.library.storyboards, "remoteRunners": on},
    }
    return web.json_response(body)


async def local_client(call: Call) -> web.Response:
    """Client credentials, only for those who call the server by its public name."""
    simulation = call.simulation
    if call.request.host != simulation.host:
        detail = f"Getting client tokens for host {call.request.host} is forbidden"
        raise Problem(403, detail, docs="getOAuthClient")
    credentials = {"client_id": simulation.oauth.client_id, "client_secret": simulation.oauth.client_secret}
    return web.json_response(credentials)


async def token(call: Call) -> web.Response:
    return web.json_response(call.simulation.oauth.grant(call.body))


async def revoke_token(call: Call) -> web.Response:
    call.simulation.oauth.revoke(call.access_token)
    return web.json_response({"success": True})


ROUTES = (
    Route(method="GET", path="/api/v1/ping", handler=ping),
    Route(method="GET", path="/api/v1/config", handler=config, limit=Limit.API),
    Route(method="GET", path="/api/v1/oauth-clients/local", handler=local_client, limit=Limit.API),
    Route(method="POST", path="/api/v1/users/token", handler=token, body=Body.FORM, limit=Limit.LOGIN),
    Route(method="POST", path="/api/v1/users/revoke-token", handler=revoke_token, admin=True),
)
