"""The operator's reader against a server with 600,000 rows, over HTTP: few requests, flat memory, an honest number."""

import gc
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from peers.peertube.client import SimulationClient
from peers.peertube.profile import HLS, TRANSCRIPTION, WEB_VIDEO
from peers.peertube.simulation import DEFAULT_PASSWORD
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.connect import Connector
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.reading import Want, read_server
from runnerpool.planning.jobs import ServerReading

PUBLIC_URL = "http://video.example.org"
ROUTE = "GET /api/v1/runners/jobs"
ROWS = 300_000
VERSIONS = ("6.3", "8.2")
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server in a process of its own, so that its memory is not the reader's."""

    url: str
    client: SimulationClient
    pid: int

    def resident_bytes(self) -> int:
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def lists(self) -> int:
        return self.client.statistics().requests_to(ROUTE)

    async def read(self, *wants: Want) -> ServerReading:
        """What the operator's reader makes of the queue, at no more than six requests."""
        before = self.lists()
        values = {"url": PUBLIC_URL, "username": "root", "password": DEFAULT_PASSWORD}
        secret = {name: SecretStr(value) for name, value in values.items()}
        login = Credentials.from_secret(secret, server_url=PUBLIC_URL)
        client = Connector()(Endpoint(address=ServerAddress.parse(PUBLIC_URL, self.url), credentials=login))
        try:
            reading = await read_server(client, wants, now=lambda: datetime.now(UTC))
        finally:
            await client.aclose()
        assert self.lists() - before <= 6
        return reading


@contextmanager
def serving(version: str, directory: Path) -> Iterator[Server]:
    options = ["--listen", "127.0.0.1:0", "--public-url", PUBLIC_URL, "--data-dir", str(directory)]
    process = subprocess.Popen(
        [sys.executable, "-m", "peers.peertube", "--peertube", version, *options],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().split(" ready on ")[1].split()[0]
        with SimulationClient(url) as client:
            client.login()
            yield Server(url=url, client=client, pid=process.pid)
        process.terminate()


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with 300,000 finished rows and 300,000 that wait for 40 pending ones."""
    with serving(request.param, tmp_path_factory.mktemp("grown")) as server:
        server.client.grow(finished=ROWS, waiting=ROWS, pending=40)
        yield server


@pytest.fixture(scope="module", params=VERSIONS)
def flooded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with 300,000 pending rows of one type, and behind them three jobs of another."""
    with serving(request.param, tmp_path_factory.mktemp("flooded")) as server:
        server.client.grow(finished=ROWS, pending=ROWS)
        server.client.enqueue(TRANSCRIPTION, count=3, priority=200)
        yield server


async def test_the_number_of_pending_jobs_is_right_and_those_that_wait_are_told_as_at_least(server: Server) -> None:
    reading = await server.read(Want(types=frozenset({WEB_VIDEO, HLS}), size=100))
    assert (reading.pending_total, len(reading.pending)) == (40, 40)
    assert (reading.waiting_total, len(reading.waiting)) == (ROWS, 100)
    assert reading.complete is False


async def test_a_pool_that_could_use_more_than_there_is_a_page_of_gets_as_much(flooded: Server) -> None:
    reading = await flooded.read(Want(types=frozenset({WEB_VIDEO}), size=250))
    assert (reading.pending_total >= ROWS, len(reading.pending), reading.complete) == (True, 300, False)


async def test_a_pools_few_jobs_behind_a_flood_are_counted_or_said_to_be_at_least_so_many(flooded: Server) -> None:
    version = flooded.client.set()["version"]
    reading = await flooded.read(Want(types=frozenset({TRANSCRIPTION}), size=10))
    found = [job for job in reading.pending if job.type == TRANSCRIPTION]
    if version.startswith("8."):
        assert (len(found), reading.complete) == (3, True)
    else:
        # It does not filter, and six pages do not reach the end of 300,000 rows.
        assert (found, reading.complete) == ([], False)
        assert reading.pending_total == ROWS + 3


async def test_the_reader_takes_no_more_memory_for_600_000_rows_than_for_a_thousand(
    server: Server, tmp_path: Path
) -> None:
    version = ".".join(server.client.set()["version"].split(".")[:2])
    with serving(version, tmp_path) as small:
        small.client.grow(finished=500, waiting=500, pending=40)
        few = await _peak(small)
    many = await _peak(server)
    assert many <= few + MEBIBYTE // 4, f"{many} bytes at the peak instead of {few}"


async def _peak(server: Server) -> int:
    """Bytes that a reading takes at its worst; the first one also loads what is loaded once."""
    want = Want(types=frozenset({WEB_VIDEO, HLS}), size=100)
    await server.read(want)
    gc.collect()
    tracemalloc.start()
    try:
        await server.read(want)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_server_holds_its_rows_in_little_memory_and_shows_any_page_at_once(server: Server) -> None:
    before = server.resident_bytes()
    with httpx.Client(base_url=server.url, headers={"Host": "video.example.org"}, trust_env=False) as client:
        oauth = client.get("/api/v1/oauth-clients/local").json()
        form = {**oauth, "grant_type": "password", "username": "root", "password": DEFAULT_PASSWORD}
        token = client.post("/api/v1/users/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for sort in ("priority", "-updatedAt", "createdAt", "-state", "progress"):
            for start in (0, ROWS, 2 * ROWS - 60):
                page = client.get("/api/v1/runners/jobs", params={"sort": sort, "start": start, "count": 100})
                assert (page.json()["total"], len(page.json()["data"])) == (2 * ROWS + 40, 100)
                # A real one takes a tenth of a second; a list of as many objects would take several.
                assert page.elapsed.total_seconds() < 1
    # As many objects would take hundreds of MiB.
    assert server.resident_bytes() < 150 * MEBIBYTE
    assert server.resident_bytes() - before < 20 * MEBIBYTE


@pytest.mark.parametrize(
    "order",
    [
        {"pending": -1},
        {"pending": "many"},
        {"pending": 1, "colour": 1},
        {"pending": 1, "pendingType": "generate-video-storyboard"},
    ],
    ids=str,
)
def test_an_order_for_rows_that_cannot_be_met_is_refused(server: Server, order: dict[str, object]) -> None:
    answer = httpx.post(f"{server.url}/simulation/grow", json=order, trust_env=False)
    assert answer.status_code == 400


def test_rows_that_would_wait_for_nothing_are_refused(tmp_path: Path) -> None:
    with serving("8.2", tmp_path) as empty, pytest.raises(httpx.HTTPStatusError, match="400"):
        empty.client.grow(waiting=5)
