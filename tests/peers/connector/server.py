"""The connector as a server on loopback: a process that a test stops and starts, and its database to look at."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from peers.plain_http import no_check

_TESTS = Path(__file__).parents[2]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_MANAGE = ("-m", "django")
_APP = "django_peertube_runner_connector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job's row. States are PeerTube's numbers: 1 pending, 2 in processing, 3 completed, 4 errored, 5 waiting."""

    uuid: str
    state: int
    runner: str | None
    failures: int
    error: str | None


@dataclass(slots=True, kw_only=True)
class Connector:
    """The site of this folder.

    Attributes:
        python: the interpreter that has it.
        home: its database, its videos and its log.
        url: where it listens, started or not.
    """

    python: Path
    home: Path
    url: str
    _secret: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return when it answers.

        Raises:
            AssertionError: it does not.
        """
        port = httpx.URL(self.url).port
        serve = ("-m", "uvicorn", "peers.connector.asgi:application", "--host=127.0.0.1", f"--port={port}")
        with (self.home / "log").open("a") as log:
            self._process = await asyncio.create_subprocess_exec(
                self.python, *serve, "--timeout-graceful-shutdown=2", stdout=log, stderr=log, env=self._environment()
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._answers():
                    assert self._process.returncode is None, self.log
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"the connector did not answer within {_START_SECONDS:.0f} s: {self.log}") from None

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; what does not end is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def migrate(self) -> None:
        """Make its home and its tables."""
        self.home.mkdir(parents=True, exist_ok=True)
        await self._manage("migrate", "--verbosity=0")

    async def registration_token(self) -> str:
        """A new one, made by the package's own command."""
        said = await self._manage("create_runner_registration_token")
        return said.rpartition(": ")[2].strip()

    async def register(self, name: str) -> str:
        """Register a runner over the server's API; its token."""
        body = {"name": name, "description": "for tests", "registrationToken": await self.registration_token()}
        answer = await self._post("/api/v1/runners/register", body)
        return str(answer.json()["runnerToken"])

    async def transcode(self, video: Path) -> None:
        """Put a copy of a file into the storage, and have it transcoded."""
        target = self.home / "videos" / video.name
        target.parent.mkdir(exist_ok=True)
        await asyncio.to_thread(shutil.copy, video, target)
        await self._post(f"/transcode/{video.name}", {})

    def jobs(self) -> list[Job]:
        """All jobs, oldest first."""
        table, runners = f"{_APP}_runnerjob", f"{_APP}_runner"
        rows = self._select(
            f"SELECT job.uuid, job.state, runner.name AS runner, job.failures, job.error FROM {table} job "
            f"LEFT JOIN {runners} runner ON runner.id = job.runner_id ORDER BY job.createdAt"
        )
        return [Job(**row) for row in rows]

    def runners(self) -> list[str]:
        """Names of all registered runners."""
        return [row["name"] for row in self._select(f"SELECT name FROM {_APP}_runner ORDER BY name")]

    def results(self) -> list[tuple[int, Path]]:
        """Resolution and file of each copy that was made."""
        rows = self._select(f"SELECT resolution, filename FROM {_APP}_videofile ORDER BY resolution")
        made = [(int(row["resolution"]), self.home / "videos" / row["filename"]) for row in rows]
        return [(resolution, path) for resolution, path in made if path.parent.name == "transcoded"]

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace")[-4000:]

    def _select(self, query: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.home / "db.sqlite3", timeout=20)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query)]

    async def _answers(self) -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False, verify=no_check()) as client:
                return (await client.get(f"{self.url}/api/v1/ping")).is_success
        except httpx.TransportError:
            return False

    async def _post(self, path: str, body: object) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, verify=no_check(), timeout=30) as client:
            answer = await client.post(f"{self.url}{path}", json=body)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text[:300]}\n{self.log}"
        return answer

    async def _manage(self, *arguments: str) -> str:
        return await _output([str(self.python), *_MANAGE, *arguments], self._environment())

    def _environment(self) -> dict[str, str]:
        own = {"CONNECTOR_HOME": str(self.home), "CONNECTOR_URL": self.url, "CONNECTOR_SECRET": self._secret}
        found = {"PYTHONPATH": str(_TESTS), "DJANGO_SETTINGS_MODULE": "peers.connector.settings"}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        return {**inherited, **own, **found}


@asynccontextmanager
async def running_connector(python: Path, home: Path) -> AsyncIterator[Connector]:
    """A connector with an empty queue, started; stopped when the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Connector(python=python, home=home, url=f"http://127.0.0.1:{port}")
    await made.migrate()
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def _output(command: Sequence[str], environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()
