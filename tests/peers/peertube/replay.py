"""Plays recorded requests against a server, with the placeholders filled in."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from peers.peertube.recordings import Answer, Recording
from peers.plain_http import no_check

PUBLIC_URL = "https://video.example.org"
PUBLIC_HOST = "video.example.org"


class Player:
    """Sends requests as they were recorded.

    Attributes:
        values: What takes the place of a recorded field's value, by field name; a field that is missing here goes out
            as recorded.
        identifiers: Identifiers of this server by the recorded ones, for paths.
        base_url: The server's own address.
        bearer: The access token for requests that were recorded with one.
    """

    def __init__(self, base_url: str) -> None:
        self.values: dict[str, str] = {}
        self.identifiers: dict[str, str] = {}
        self.bearer = ""
        self.base_url = base_url
        self._http = httpx.AsyncClient(base_url=base_url, timeout=30, trust_env=False, verify=no_check())

    async def close(self) -> None:
        await self._http.aclose()

    async def play(self, recording: Recording, keep: frozenset[str] = frozenset()) -> Answer:
        """Send a recorded request; the fields named in `keep` go out as recorded."""
        request = recording.request
        headers = {"Host": request.get("host", PUBLIC_HOST)}
        if request.get("auth") == "bearer":
            headers["Authorization"] = f"Bearer {self.bearer}"
        bodies: dict[str, Any] = {}
        if "form" in request:
            bodies["data"] = self._filled(request["form"], keep)
        if "json" in request:
            bodies["json"] = self._filled(request["json"], keep)
        if "multipart" in request:
            fields = self._filled(request["multipart"], keep)
            bodies["files"] = {name: (None, str(value)) for name, value in fields.items()}
        return await self.send(request["method"], self._path(request["path"]), headers=headers, **bodies)

    async def send(self, method: str, path: str, **arguments: Any) -> Answer:
        headers = {"Host": PUBLIC_HOST, **arguments.pop("headers", {})}
        response = await self._http.request(method, path, headers=headers, **arguments)
        return Answer(status=response.status_code, headers=dict(response.headers), body=_body(response))

    async def admin(self, method: str, path: str, **arguments: Any) -> Any:
        """A request of an administrator; returns the body."""
        headers = {"Authorization": f"Bearer {self.bearer}"}
        answer = await self.send(method, path, headers=headers, **arguments)
        if answer.status >= httpx.codes.BAD_REQUEST:
            raise AssertionError(f"{method} {path} was refused with {answer.status}: {answer.body}")
        return answer.body

    def _filled(self, fields: Mapping[str, Any], keep: frozenset[str]) -> dict[str, Any]:
        return {name: value if name in keep else self.values.get(name, value) for name, value in fields.items()}

    def _path(self, path: str) -> str:
        for recorded, actual in self.identifiers.items():
            path = path.replace(recorded, actual)
        return path


def _body(response: httpx.Response) -> Any:
    if not response.content:
        return None
    return json.loads(response.content) if "json" in response.headers["content-type"] else response.text


async def sign_in(player: Player, password: str) -> dict[str, Any]:
    """Sign in as root; the token pair is returned and the access token becomes the player's bearer."""
    client = (await player.send("GET", "/api/v1/oauth-clients/local")).body
    form = {**client, "grant_type": "password", "username": "root", "password": password}
    pair: dict[str, Any] = (await player.send("POST", "/api/v1/users/token", data=form)).body
    player.bearer = pair["access_token"]
    player.values |= {**client, "password": password}
    return pair


async def work_off(player: Player, runner_token: str, video: bytes) -> int:
    """Take and finish jobs, as a runner does, until none is offered; returns how many."""
    done = 0
    while True:
        offer = await player.send("POST", "/api/v1/runners/jobs/request", json={"runnerToken": runner_token})
        if not offer.body["availableJobs"]:
            return done
        path = f"/api/v1/runners/jobs/{offer.body['availableJobs'][0]['uuid']}"
        job = (await player.send("POST", f"{path}/accept", json={"runnerToken": runner_token})).body["job"]
        tokens = {"runnerToken": (None, runner_token), "jobToken": (None, job["jobToken"])}
        answer = await player.send("POST", f"{path}/success", files={**tokens, **results(job["type"], video)})
        if answer.status != httpx.codes.NO_CONTENT:
            raise AssertionError(f"Success of a {job['type']} job was refused with {answer.status}: {answer.body}")
        done += 1


def results(job_type: str, video: bytes) -> dict[str, tuple[str, bytes, str]]:
    """Result files of a job, by part name."""
    if job_type == "generate-video-storyboard":
        return {"payload[storyboardFile]": ("storyboard.jpg", b"\xff\xd8 a picture", "image/jpeg")}
    files = {"payload[videoFile]": ("output.mp4", video, "video/mp4")}
    if job_type == "vod-hls-transcoding":
        files["payload[resolutionPlaylistFile]"] = ("output.m3u8", b"#EXTM3U\n", "application/vnd.apple.mpegurl")
    return files
