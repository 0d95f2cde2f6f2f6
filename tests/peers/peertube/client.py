"""A small client for tests and the demo: what an administrator does, and what only the simulation answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from peers.peertube.simulation import DEFAULT_PASSWORD

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file that a runner delivered.

    Attributes:
        kind: `web-video`, `hls`, `storyboard`, `studio` or `captions`.
        resolution: What its job asked for; 0 is sound only, None where the job named none.
        media: duration, width, height, fps, hasVideo, hasAudio as ffprobe saw them; empty for pictures and text.
    """

    kind: str
    path: Path
    playlist: Path | None
    resolution: int | None
    job: str
    media: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedVideo:
    """A video on the server.

    Attributes:
        state: `idle`, `transcoding`, `published` or `failed`.
        complete: Every one of its jobs is completed.
        source_path, source: The uploaded file and its figures, as in `Output.media`.
        jobs: State id by job UUID.
    """

    uuid: str
    name: str
    state: str
    complete: bool
    source_path: Path | None
    source: Mapping[str, Any]
    jobs: Mapping[str, int]
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSteps:
    """A job's steps, oldest first: {time, before, after, cause, runner, detail}; it outlives the job's row."""

    uuid: str
    type: str
    video: str
    state: int | None
    history: tuple[Mapping[str, Any], ...]

    def count(self, cause: str) -> int:
        return sum(1 for step in self.history if step["cause"] == cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts since the server started.

    Attributes:
        orphans: UUIDs of jobs in processing that nobody works on.
        logins: By `password`, `refresh` and `failed`.
        requests: By "METHOD /path/{template}", then by status.
    """

    accepts: int
    aborts: int
    reclaims: int
    errors: int
    completed: int
    orphans: tuple[str, ...]
    pushes: int
    connected_runners: int
    logins: Mapping[str, int]
    requests: Mapping[str, Mapping[str, int]]
    jobs: tuple[JobSteps, ...]

    def requests_to(self, route: str) -> int:
        return sum(self.requests.get(route, {}).values())


class SimulationClient:
    """Talks to a simulated PeerTube.

    Args:
        base_url: Where it listens; the Host header is its public name, whatever that is.

    Every method raises `httpx.HTTPStatusError` if the server refuses.
    """

    def __init__(self, base_url: str, *, password: str = DEFAULT_PASSWORD, timeout: float = 60.0) -> None:
        self._password = password
        self._http = httpx.Client(base_url=base_url, timeout=timeout, trust_env=False)
        public_url = self._json("GET", "/simulation/settings")["publicUrl"]
        self._http.headers["Host"] = urlsplit(public_url).netloc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def login(self) -> None:
        """Sign in as root; needed before everything but videos, statistics, settings and enqueue."""
        client = self._json("GET", "/api/v1/oauth-clients/local")
        form = {**client, "grant_type": "password", "username": "root", "password": self._password}
        token = self._json("POST", "/api/v1/users/token", data=form)
        self._http.headers["Authorization"] = f"Bearer {token['access_token']}"

    def upload(self, path: Path, name: str) -> str:
        """Upload a video or sound file; returns the video's UUID once its jobs are in the queue."""
        with path.open("rb") as file:
            answer = self._json(
                "POST",
                "/api/v1/videos/upload",
                data={"name": name, "channelId": "1", "privacy": "1"},
                files={"videofile": (path.name, file)},
            )
        return str(answer["video"]["uuid"])

    def videos(self) -> list[SimulatedVideo]:
        return [_video(row) for row in self._json("GET", "/simulation/videos")["data"]]

    def statistics(self) -> Statistics:
        return _statistics(self._json("GET", "/simulation/statistics"))

    def registered(self) -> list[str]:
        """Names of all runners, with no login and no request of the API."""
        return [str(name) for name in self._json("GET", "/simulation/runners")["names"]]

    def secrets(self) -> dict[str, str]:
        """Every token that is good now, by what it is."""
        return {str(name): str(value) for name, value in self._json("GET", "/simulation/secrets").items()}

    def jobs(self, **query: Any) -> list[JSON]:
        """Job rows as the API shows them, over all pages; give `stateOneOf`, `typeOneOf`, `sort`, `search`."""
        return self._all("/api/v1/runners/jobs", query)

    def runners(self) -> list[JSON]:
        return self._all("/api/v1/runners", {})

    def registration_token(self) -> str:
        """The newest registration token."""
        tokens = self._json("GET", "/api/v1/runners/registration-tokens", params={"sort": "-createdAt"})
        return str(tokens["data"][0]["registrationToken"])

    def register(self, name: str, description: str | None = None) -> str:
        """Register a runner and return its token, as an operator would."""
        body = {"registrationToken": self.registration_token(), "name": name, "description": description}
        return str(self._json("POST", "/api/v1/runners/register", json=body)["runnerToken"])

    def delete_runner(self, runner_id: int) -> None:
        self._send("DELETE", f"/api/v1/runners/{runner_id}")

    def cancel(self, job_uuid: str) -> None:
        self._send("POST", f"/api/v1/runners/jobs/{job_uuid}/cancel")

    def delete_job(self, job_uuid: str) -> None:
        self._send("DELETE", f"/api/v1/runners/jobs/{job_uuid}")

    def enqueue(self, job_type: str, **order: Any) -> list[str]:
        """Put plain jobs into the queue (`plain.Order` has the fields); returns their UUIDs."""
        return [str(job) for job in self._json("POST", "/simulation/jobs", json={"type": job_type, **order})["jobs"]]

    def set(self, **settings: Any) -> JSON:
        """Change settings, such as `completingSeconds` or `watchdog`; returns all of them."""
        return self._json("PUT", "/simulation/settings", json=settings)

    def _all(self, path: str, query: Mapping[str, Any]) -> list[JSON]:
        rows: list[JSON] = []
        while True:
            # Sorted by age, so that rows do not move between pages.
            params = {"sort": "createdAt", **query, "start": len(rows), "count": 100}
            page = self._json("GET", path, params=params)
            rows += page["data"]
            if not page["data"] or len(rows) >= page["total"]:
                return rows

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        response = self._http.request(method, path, **arguments)
        response.raise_for_status()
        return response

    def _json(self, method: str, path: str, **arguments: Any) -> JSON:
        document: JSON = json.loads(self._send(method, path, **arguments).content)
        return document


def _video(row: JSON) -> SimulatedVideo:
    source = dict(row["source"] or {})
    path = source.pop("path", None)
    return SimulatedVideo(
        uuid=row["uuid"],
        name=row["name"],
        state=row["state"],
        complete=row["complete"],
        source_path=Path(path) if path else None,
        source=source,
        jobs=row["jobs"],
        outputs=tuple(_output(output) for output in row["outputs"]),
    )


def _output(row: JSON) -> Output:
    return Output(
        kind=row["kind"],
        path=Path(row["path"]),
        playlist=Path(row["playlist"]) if row["playlist"] else None,
        resolution=row["resolution"],
        job=row["jobUUID"],
        media=row["media"],
    )


def _statistics(document: JSON) -> Statistics:
    figures = {name: document[name] for name in ("accepts", "aborts", "reclaims", "errors", "completed", "pushes")}
    return Statistics(
        **figures,
        orphans=tuple(document["orphans"]),
        connected_runners=document["connectedRunners"],
        logins=document["logins"],
        requests=document["requests"],
        jobs=tuple(
            JobSteps(
                uuid=row["uuid"],
                type=row["type"],
                video=row["videoUUID"],
                state=row["state"],
                history=tuple(row["history"]),
            )
            for row in document["jobs"]
        ),
    )
