"""A small client for tests and the demo: what an administrator does, and what only the simulation answers."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from peers.peertube import views
from peers.peertube.simulation import DEFAULT_PASSWORD
from peers.peertube.views import JSON, JobSteps, Output, SimulatedVideo, Statistics
from peers.plain_http import no_check

__all__ = ["JSON", "JobSteps", "Output", "SimulatedVideo", "SimulationClient", "Statistics"]


class SimulationClient:
    """Talks to a simulated PeerTube.

    Args:
        base_url: Where it listens; the Host header is its public name, whatever that is. With https it takes whatever
            certificate is shown: it has to reach the server also while that one is bad.

    Every method raises `httpx.HTTPStatusError` if the server refuses.
    """

    def __init__(self, base_url: str, *, password: str = DEFAULT_PASSWORD, timeout: float = 60.0) -> None:
        self._password = password
        self._http = httpx.Client(base_url=base_url, timeout=timeout, trust_env=False, verify=no_check())
        public_url = self._json("GET", "/simulation/settings")["publicUrl"]
        self._http.headers["Host"] = urlsplit(public_url).netloc
        if base_url.startswith("https:"):
            # A new certificate ends connections that were kept, maybe just as the next call is sent on them.
            self._http.headers["Connection"] = "close"

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
        return [views.video(row) for row in self._json("GET", "/simulation/videos")["data"]]

    def statistics(self) -> Statistics:
        return views.statistics(self._json("GET", "/simulation/statistics"))

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

    def transcode(self, video_uuid: str, kind: str, *, force: bool = False) -> None:
        body = {"transcodingType": kind, "forceTranscoding": force}
        self._send("POST", f"/api/v1/videos/{video_uuid}/transcoding", json=body)

    def restart(self) -> None:
        """Start the server again: completions are broken off for ever, sockets and lives end."""
        self._json("POST", "/simulation/restart")

    def age(self, job_uuid: str, seconds: float) -> None:
        """Let a job's last sign of life be that long ago."""
        self._json("POST", f"/simulation/jobs/{job_uuid}/age", json={"seconds": seconds})

    def hand_over(self, job_uuid: str, runner: str) -> None:
        """Give a job in processing to another runner; the one before is not told."""
        self._json("POST", f"/simulation/jobs/{job_uuid}/hand-over", json={"runner": runner})

    def requests(self, path: str = "") -> list[JSON]:
        """The latest requests whose path holds that text, oldest first."""
        return list(self._json("GET", "/simulation/requests", params={"path": path})["data"])

    def enqueue(self, job_type: str, **order: Any) -> list[str]:
        """Put plain jobs into the queue (`plain.Order` has the fields); returns their UUIDs."""
        return [str(job) for job in self._json("POST", "/simulation/jobs", json={"type": job_type, **order})["jobs"]]

    def set(self, **settings: Any) -> JSON:
        """Change settings, such as `completingSeconds` or `watchdog`; returns all of them."""
        return self._json("PUT", "/simulation/settings", json=settings)

    def put_in_fault(self, kind: str, **options: Any) -> str:
        """Let requests meet a fault (`faults.Fault` has the options, here in camel case); returns its canary."""
        return str(self._json("POST", "/simulation/faults", json={"kind": kind, **options})["canary"])

    def lift_faults(self) -> list[JSON]:
        """Take all faults away; returns each one's kind, path, canary, and how many requests met it."""
        return list(self._json("DELETE", "/simulation/faults")["data"])

    def grow(self, **counts: Any) -> None:
        """Add `finished`, `waiting` and `pending` rows (`growth.ordered_growth` has all fields)."""
        self._json("POST", "/simulation/grow", json=counts)

    def end_live(self, video_uuid: str) -> None:
        """The streamer leaves; the runner learns of it by its next chunk."""
        self._json("POST", f"/simulation/lives/{video_uuid}/end")

    def set_account(
        self, username: str, password: str, *, administrator: bool = True, one_time_password: str | None = None
    ) -> None:
        """Make an account, or change one."""
        account = {"username": username, "password": password, "administrator": administrator}
        self._json("POST", "/simulation/accounts", json={**account, "oneTimePassword": one_time_password})

    def revoke_logins(self) -> None:
        """Invalidate every OAuth token, this client's too."""
        self._json("POST", "/simulation/revoke-logins")

    def reload_certificate(self) -> None:
        """Have the server read its certificate's files again; connections end after the answer they wait for."""
        self._json("POST", "/simulation/certificate")

    def delete_registration_tokens(self) -> None:
        """Delete every registration token, and with it every runner that was registered."""
        tokens = self._json("GET", "/api/v1/runners/registration-tokens", params={"count": 100})
        for token in tokens["data"]:
            self._send("DELETE", f"/api/v1/runners/registration-tokens/{token['id']}")

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
