"""A PeerTube whose every answer the test writes by hand, in place of the network."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
from pydantic import SecretStr

from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import PeerTubeClient
from runnerpool.peertube.connection import open_http
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.patience import Patience
from runnerpool.peertube.session import Session
from runnerpool.peertube.transport import Transport

URL = "https://video.example.org"
USERNAME = "operator"
PASSWORD = "canary-password"
JOBS = "/api/v1/runners/jobs"
RUNNERS = "/api/v1/runners"
REGISTER = "/api/v1/runners/register"
TOKEN = "/api/v1/users/token"
OAUTH_CLIENT = "/api/v1/oauth-clients/local"
REGISTRATION_TOKENS = "/api/v1/runners/registration-tokens"


@dataclass(frozen=True)
class Say:
    """One answer: a status, and a body that becomes JSON unless it is bytes already."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> httpx.Response:
        content = self.body
        if not isinstance(content, bytes):
            content = b"" if self.body is None else json.dumps(self.body).encode()
        return httpx.Response(self.status, stream=httpx.ByteStream(content), headers=self.headers)


Answer = Say | Exception | Callable[[httpx.Request], Say]


def problem(status: int, code: str | None = None) -> Say:
    """An error as PeerTube words it."""
    return Say(
        status, {"type": "about:blank", "detail": "canary-detail", "status": status} | ({"code": code} if code else {})
    )


def tokens(number: int = 1, expires_in: int = 86399) -> Say:
    """A pair of tokens."""
    return Say(
        body={
            "token_type": "Bearer",
            "access_token": f"canary-access-{number}",
            "refresh_token": f"canary-refresh-{number}",
            "expires_in": expires_in,
            "refresh_token_expires_in": 2419199,
        }
    )


def job_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of the job list."""
    row: dict[str, Any] = {
        "uuid": f"00000000-0000-4000-8000-{number:012}",
        "type": "vod-web-video-transcoding",
        "state": {"id": 1, "label": "Pending"},
        "progress": None,
        "priority": 100,
        "failures": 0,
        "error": None,
        "payload": {},
        "createdAt": "2026-11-23T18:24:06.165Z",
        "updatedAt": "2026-11-23T18:24:06.165Z",
        "runner": None,
        "privatePayload": {"videoUUID": "x"},
    }
    return row | changes


def runner_row(number: int, name: str, description: str | None = None) -> dict[str, Any]:
    """A row of the runner list."""
    moment = "2026-11-23T18:24:06.165Z"
    return {
        "id": number,
        "name": name,
        "description": description,
        "ip": "192.0.2.10",
        "lastContact": moment,
        "version": None,
        "createdAt": moment,
        "updatedAt": moment,
    }


def page(*rows: dict[str, Any], total: int | None = None) -> Say:
    """A page of a list."""
    return Say(body={"total": len(rows) if total is None else total, "data": list(rows)})


class Counters:
    """Telemetry that remembers."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.logins: list[str] = []

    def peertube_request(self, server: str, operation: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.requests.append((server, operation, code))

    def peertube_login(self, server: str, result: str) -> None:
        self.logins.append(result)


class ScriptedPeerTube:
    """Answers by method and path; the last answer of a row is repeated. Login works unless the test says otherwise."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._rows: dict[tuple[str, str], deque[Answer]] = {}
        self.on("GET", OAUTH_CLIENT, Say(body={"client_id": "client", "client_secret": "canary-client-secret"}))
        self.on("POST", TOKEN, *(tokens(number) for number in range(1, 10)))

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Answer so from now on."""
        self._rows[method, path] = deque(answers)

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await asyncio.sleep(0)  # as on a network, other calls get on meanwhile
        row = self._rows.get((request.method, request.url.path))
        if row is None:
            return problem(404).response()
        answer = row.popleft() if len(row) > 1 else row[0]
        if isinstance(answer, Exception):
            raise answer
        return (answer if isinstance(answer, Say) else answer(request)).response()

    def asked(self, method: str, path: str) -> list[httpx.Request]:
        """The requests of that method and path, oldest first."""
        return [request for request in self.requests if (request.method, request.url.path) == (method, path)]

    def forms(self) -> list[dict[str, str]]:
        """What was posted to the token endpoint."""
        return [
            {key: values[0] for key, values in parse_qs(request.content.decode()).items()}
            for request in self.asked("POST", TOKEN)
        ]

    def session(
        self,
        *,
        internal_url: str | None = None,
        telemetry: Counters | None = None,
        patience: Patience | None = None,
        password: str = PASSWORD,
    ) -> Session:
        """A session with this server."""
        address = ServerAddress.parse(URL, internal_url)
        http = open_http(address, transport=httpx.MockTransport(self.handle))
        transport = Transport(address, http, telemetry or Counters(), patience=patience)
        return Session(transport, credentials(password=password), draw=lambda low, high: low)

    def client(self, *, internal_url: str | None = None, telemetry: Counters | None = None) -> PeerTubeClient:
        """A client of this server."""
        return PeerTubeClient(self.session(internal_url=internal_url, telemetry=telemetry))


def credentials(url: str = URL, password: str = PASSWORD) -> Credentials:
    """The login that the scripts expect."""
    values = {"url": url, "username": USERNAME, "password": password}
    return Credentials.from_secret({key: SecretStr(value) for key, value in values.items()}, server_url=url)
