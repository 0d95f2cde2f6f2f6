"""The operator's PeerTube client against the simulated server, over real HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import SecretStr

from peers.peertube.jobs import JobQueue
from peers.peertube.journal import Cause
from peers.peertube.plain import Order, enqueue
from peers.peertube.profile import LIVE, PEERTUBE_8_2, STORYBOARD, TRANSCRIPTION, WEB_VIDEO
from peers.peertube.records import Job, Runner
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings
from runnerpool.api.reasons import Reason
from runnerpool.control.pace import Pace
from runnerpool.control.poller import ServerPoller
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import ChangeMark, PeerTubeClient
from runnerpool.peertube.connect import Connector
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.errors import LoginRefused, RegistrationFailed, WrongHost
from runnerpool.peertube.reading import Want, read_server
from runnerpool.planning.jobs import JobState, ServerReading
from runnerpool.planning.queue import QueueUnknown

MARK = "runnerpool test mark"
CONNECT = Connector()


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@asynccontextmanager
async def connected(
    server: RunningServer, *, url: str | None = None, internal_url: str | None = None, password: str = DEFAULT_PASSWORD
) -> AsyncIterator[PeerTubeClient]:
    """A client of the server; by default under the address that it listens at."""
    public = url or server.base_url
    values = {"url": public, "username": "root", "password": password}
    login = Credentials.from_secret({key: SecretStr(value) for key, value in values.items()}, server_url=public)
    client = CONNECT(Endpoint(address=ServerAddress.parse(public, internal_url), credentials=login))
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
async def server() -> AsyncIterator[RunningServer]:
    async with running() as server:
        yield server


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[PeerTubeClient]:
    async with connected(server) as client:
        yield client


async def put(server: RunningServer, kind: str = WEB_VIDEO, **order: object) -> list[Job]:
    """Put plain jobs into the queue."""
    _, jobs = await enqueue(server.simulation, Order.parse({"type": kind, **order}))
    return jobs


async def registered(server: RunningServer, client: PeerTubeClient, name: str = "vod-1") -> Runner:
    """Register a runner; the server's own record of it."""
    await client.register_runner(name, MARK)
    return next(runner for runner in server.simulation.runners.runners if runner.name == name)


async def test_one_login_serves_many_calls(server: RunningServer, client: PeerTubeClient) -> None:
    await asyncio.gather(*(client.change_mark() for _ in range(10)))
    await client.list_runners()

    assert dict(server.simulation.journal.logins) == {"password": 1}


async def test_a_token_that_is_refused_is_refreshed_once(server: RunningServer, client: PeerTubeClient) -> None:
    server.simulation.oauth.access_token_seconds = 0

    with pytest.raises(LoginRefused):  # each token is dead on arrival
        await client.change_mark()

    assert dict(server.simulation.journal.logins) == {"password": 1, "refresh": 1}


async def test_a_refresh_rotates_the_pair_and_the_next_refresh_uses_the_new_one(
    server: RunningServer, client: PeerTubeClient
) -> None:
    oauth = server.simulation.oauth
    for number in range(3):
        await client.change_mark()
        # As if the access tokens had ended, and the refresh tokens had not.
        oauth._pairs = {access: replace(pair, access_ends=0.0) for access, pair in oauth._pairs.items()}
        assert len(oauth._pairs) == 1, number

    assert dict(server.simulation.journal.logins) == {"password": 1, "refresh": 2}


async def test_after_every_token_was_revoked_the_password_is_used_again(
    server: RunningServer, client: PeerTubeClient
) -> None:
    await client.change_mark()
    server.simulation.oauth.revoke_all()

    await client.change_mark()

    assert dict(server.simulation.journal.logins) == {"password": 2, "failed": 1}


async def test_a_wrong_password_is_tried_once_and_named(server: RunningServer) -> None:
    async with connected(server, password="canary-wrong") as client:
        for _ in range(20):
            with pytest.raises(LoginRefused) as caught:
                await client.change_mark()

    assert caught.value.reason is Reason.CREDENTIALS_REJECTED
    assert "canary" not in str(caught.value)
    assert dict(server.simulation.journal.logins) == {"failed": 1}


async def test_a_server_is_reached_inside_the_cluster_under_its_public_name(tmp_path: Path) -> None:
    public = "https://video.example.org"
    async with running(Settings(public_url=public, data_directory=tmp_path)) as server:
        async with connected(server, url=public, internal_url=server.base_url) as client:
            assert await client.change_mark() == ChangeMark(0, None)
        async with connected(server) as client:
            with pytest.raises(WrongHost, match="webserver") as caught:
                await client.change_mark()

    assert caught.value.reason is Reason.WRONG_HOST


async def test_what_the_server_can_do_is_told(server: RunningServer, client: PeerTubeClient) -> None:
    facts = await client.server_facts()

    assert (facts.version, facts.filters_by_type) == (PEERTUBE_8_2.version, True)
    assert facts.remote_job_types == frozenset(PEERTUBE_8_2.job_types) - {TRANSCRIPTION}


async def test_a_registered_runner_is_listed_and_its_token_is_good(
    server: RunningServer, client: PeerTubeClient
) -> None:
    runner = await client.register_runner("vod-1", MARK)

    rows = await client.list_runners()
    assert [(row.id, row.name, row.description) for row in rows] == [(runner.id, "vod-1", MARK)]
    assert server.simulation.runners.by_token(runner.token.get_secret_value()).name == "vod-1"


async def test_registering_again_replaces_our_row_and_its_token(server: RunningServer, client: PeerTubeClient) -> None:
    first = await client.register_runner("vod-1", MARK)
    second = await client.register_runner("vod-1", MARK)

    assert [row.id for row in await client.list_runners()] == [second.id]
    assert server.simulation.runners.find(first.token.get_secret_value()) is None


async def test_a_foreign_row_of_that_name_stays(client: PeerTubeClient) -> None:
    await client.register_runner("vod-1", "somebody else's")

    with pytest.raises(RegistrationFailed) as caught:
        await client.register_runner("vod-1", MARK)

    assert caught.value.reason is Reason.NAME_TAKEN
    assert [row.description for row in await client.list_runners()] == ["somebody else's"]


@pytest.mark.parametrize(("name", "description"), [("", MARK), ("x" * 101, MARK), ("vod-1", "x" * 1001)])
async def test_a_name_or_description_that_peertube_refuses_is_told(
    client: PeerTubeClient, name: str, description: str
) -> None:
    with pytest.raises(RegistrationFailed, match="refuses the name or the description"):
        await client.register_runner(name, description)


async def test_the_administrators_login_lifts_the_rate_limit_on_registrations(client: PeerTubeClient) -> None:
    limit, _ = PEERTUBE_8_2.api_limit

    await asyncio.gather(*(client.register_runner(f"vod-{number}", MARK) for number in range(limit + 20)))

    assert len(await client.list_runners()) == limit + 20


async def test_a_deleted_registration_token_is_replaced_by_a_new_one(
    server: RunningServer, client: PeerTubeClient
) -> None:
    await client.register_runner("vod-1", MARK)
    for token in list(server.simulation.runners.tokens):
        server.simulation.runners.delete_token(token.id)

    await client.register_runner("vod-2", MARK)

    assert [row.name for row in await client.list_runners()] == ["vod-2"]  # the mass event took the other


async def test_the_newest_registration_token_is_used(server: RunningServer, client: PeerTubeClient) -> None:
    newest = server.simulation.runners.generate_token()

    await client.register_runner("vod-1", MARK)

    assert [runner.name for runner in server.simulation.runners.registered_with(newest.id)] == ["vod-1"]


async def test_a_ghost_is_removed_and_removing_it_again_is_fine(client: PeerTubeClient) -> None:
    runner = await client.register_runner("vod-1", MARK)

    await client.delete_runner(runner.id)
    await client.delete_runner(runner.id)

    assert await client.list_runners() == ()


async def test_runners_are_listed_over_all_pages(client: PeerTubeClient) -> None:
    for number in range(101):
        await client.register_runner(f"vod-{number}", MARK)

    assert {row.name for row in await client.list_runners()} == {f"vod-{number}" for number in range(101)}


async def test_a_busy_runner_that_is_removed_leaves_its_job_to_nobody(
    server: RunningServer, client: PeerTubeClient
) -> None:
    (job,) = await put(server)
    runner = await registered(server, client)
    server.simulation.queue.accept(job, runner)
    busy = await read_server(client, now=SystemClock().now)

    await client.delete_runner(runner.id)

    left = await read_server(client, now=SystemClock().now)
    assert [(row.uuid, row.runner) for row in busy.active] == [(job.uuid, "vod-1")]
    assert [(row.uuid, row.runner) for row in left.active] == [(job.uuid, None)]


Move = Callable[[JobQueue, Job, Runner], object]


def accept(queue: JobQueue, job: Job, runner: Runner) -> None:
    queue.accept(job, runner)


def start_completing(queue: JobQueue, job: Job, runner: Runner) -> None:
    queue.start_completing(job)


MOVES: dict[str, list[Move]] = {
    "accepted": [accept],
    "progress": [accept, lambda queue, job, _: queue.report(job, 10)],
    "aborted": [accept, lambda queue, job, _: queue.give_back(job, Cause.ABORT)],
    "failed": [accept, lambda queue, job, _: queue.report_error(job, "x")],
    "completing": [accept, start_completing],
    "completed": [accept, start_completing, lambda queue, job, _: queue.finish_completing(job)],
    "cancelled": [lambda queue, job, _: queue.cancel(job)],
    "cancelled in work": [accept, lambda queue, job, _: queue.cancel(job)],
    "deleted": [lambda queue, job, _: queue.delete(job)],
}


@pytest.mark.parametrize("moves", MOVES.values(), ids=MOVES)
async def test_the_change_mark_moves_with_every_move_of_a_job(
    server: RunningServer, client: PeerTubeClient, moves: list[Move]
) -> None:
    runner = await registered(server, client)
    marks = [await client.change_mark()]
    (job,) = await put(server)
    marks.append(await client.change_mark())

    for move in moves:
        await asyncio.sleep(0.002)  # the server's times are in milliseconds
        move(server.simulation.queue, job, runner)
        marks.append(await client.change_mark())

    assert all(before != after for before, after in pairwise(marks)), marks
    assert await client.change_mark() == marks[-1]


async def test_a_child_that_is_freed_moves_the_mark(server: RunningServer, client: PeerTubeClient) -> None:
    (parent,) = await put(server)
    await put(server, parent=parent.uuid, count=3)
    runner = await registered(server, client)
    queue = server.simulation.queue
    queue.accept(parent, runner)
    queue.start_completing(parent)
    before = await read_server(client, now=SystemClock().now)
    mark = await client.change_mark()
    await asyncio.sleep(0.002)

    queue.finish_completing(parent)

    after = await read_server(client, now=SystemClock().now)
    assert await client.change_mark() != mark
    assert (len(before.pending), len(before.active), len(before.waiting)) == (0, 1, 3)
    assert {(job.parent_uuid, job.parent_state) for job in before.waiting} == {(parent.uuid, JobState.COMPLETING)}
    assert (len(after.pending), len(after.active), len(after.waiting)) == (3, 0, 0)


async def test_pending_jobs_are_read_in_the_order_in_which_they_are_handed_out(
    server: RunningServer, client: PeerTubeClient
) -> None:
    await put(server, TRANSCRIPTION)
    for _ in range(3):
        await put(server, WEB_VIDEO, priority=10_000)
        await asyncio.sleep(0.002)  # the server's times are in milliseconds
    await put(server, STORYBOARD)
    await put(server, LIVE)

    reading = await read_server(client, now=SystemClock().now)

    assert [job.uuid for job in reading.pending] == [job.uuid for job in server.simulation.queue.offered(None)]
    assert reading.complete


async def test_counting_and_paging_see_the_whole_queue(server: RunningServer, client: PeerTubeClient) -> None:
    await put(server, count=230)

    pages = [await client.list_jobs([JobState.PENDING], start=start) for start in (0, 100, 200)]

    assert {page.total for page in pages} == {230}
    assert (await client.list_jobs([JobState.PROCESSING, JobState.COMPLETING], count=0)).total == 0
    assert [len(page.jobs) for page in pages] == [100, 100, 30]
    assert len({job.uuid for page in pages for job in page.jobs}) == 230


async def test_a_pool_finds_its_jobs_behind_many_of_other_types(server: RunningServer, client: PeerTubeClient) -> None:
    await put(server, WEB_VIDEO, count=700, priority=1)
    (mine,) = await put(server, TRANSCRIPTION)

    reading = await read_server(client, [Want(types=frozenset({TRANSCRIPTION}))], now=SystemClock().now)

    assert [job.uuid for job in reading.pending] == [mine.uuid]
    assert reading.complete
    assert client.filters_types


async def test_a_type_that_the_server_does_not_know_hides_nothing(
    server: RunningServer, client: PeerTubeClient
) -> None:
    (mine,) = await put(server)

    reading = await read_server(client, [Want(types=frozenset({WEB_VIDEO, "vod-hologram"}))], now=SystemClock().now)

    assert [job.uuid for job in reading.pending] == [mine.uuid]
    assert not client.filters_types


async def test_a_poller_sees_a_job_within_its_period_and_says_when_the_server_has_gone() -> None:
    woken = asyncio.Event()

    async def wake() -> None:
        await asyncio.wait_for(woken.wait(), 20)
        woken.clear()

    async with AsyncExitStack() as up:
        server = await up.enter_async_context(running())
        async with connected(server) as client:
            poller = ServerPoller(server.base_url, client, clock=SystemClock(), pace=Pace(period=1.0))
            poller.subscribe("pool", woken.set, Want())
            polling = asyncio.create_task(poller.run())
            await wake()
            token = await poller.register("vod-1", MARK)
            await put(server)
            await wake()
            first = poller.reading
            server.simulation.oauth.revoke_all()
            await put(server)
            await wake()
            second = poller.reading
            await up.aclose()
            await wake()
            polling.cancel()
            await asyncio.wait([polling])

    assert token.get_secret_value().startswith("ptrt-")
    assert isinstance(first, ServerReading)
    assert len(first.pending) == 1
    assert isinstance(second, ServerReading)
    assert len(second.pending) == 2
    assert isinstance(poller.reading, QueueUnknown)
    assert poller.reading.reason is Reason.SERVER_UNREACHABLE
    assert poller.last_known == second
    assert [row.name for row in poller.rows or ()] == ["vod-1"]
