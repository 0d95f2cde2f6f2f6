"""Who shares a poller, and when it ends."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from runnerpool.control.pace import Pace
from runnerpool.control.pollers import Pollers
from runnerpool.control.ports import Links, PoolKey
from runnerpool.control.server_client import ServerClient
from runnerpool.peertube.accounts import RegisteredRunner, RunnerAccount
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import ChangeMark, JobPage
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.reading import Want
from runnerpool.peertube.trust import CaBundle
from runnerpool.planning.jobs import Job, JobState, ServerReading
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.server import ServerFacts

pytestmark = pytest.mark.looptime

URL = "https://video.example.org"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B = PoolKey("media", "a"), PoolKey("other", "b")


class LoopClock:
    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time())


class EmptyServer:
    """Has nothing, and counts how often it is looked at."""

    filters_types = True

    def __init__(self) -> None:
        self.looks = 0
        self.closed = False

    async def change_mark(self) -> ChangeMark:
        self.looks += 1
        return ChangeMark(0, None)

    async def server_facts(self) -> ServerFacts:
        return ServerFacts(version="8.2.1", remote_job_types=frozenset(), filters_by_type=True)

    async def list_jobs(self, *_: object, **__: object) -> JobPage:
        return JobPage(total=0, jobs=())

    async def list_runners(self) -> tuple[RunnerAccount, ...]:
        return ()

    async def register_runner(self, name: str, description: str) -> RegisteredRunner:
        return RegisteredRunner(id=1, token=SecretStr("t"))

    async def delete_runner(self, row_id: int) -> None:
        """Have none."""

    async def cancel_job(self, uuid: str) -> bool:
        return False

    async def delete_job(self, uuid: str) -> bool:
        return False

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        """Have no videos."""

    async def aclose(self) -> None:
        self.closed = True


class Servers:
    """Makes clients and remembers them."""

    def __init__(self) -> None:
        self.made: list[tuple[Endpoint, EmptyServer]] = []

    def __call__(self, endpoint: Endpoint) -> ServerClient:
        client = EmptyServer()
        self.made.append((endpoint, client))
        return client


@pytest.fixture
def servers() -> Servers:
    return Servers()


def pollers(servers: Servers, forgotten: list[str] | None = None) -> Pollers:
    forget = (forgotten if forgotten is not None else []).append
    return Pollers(servers, clock=LoopClock(), pace=Pace(period=5), forget=forget)


def login(password: str = "one", username: str = "root", url: str = URL) -> Credentials:
    values = {"url": url, "username": username, "password": password}
    return Credentials.from_secret({key: SecretStr(value) for key, value in values.items()}, server_url=url)


def endpoint(
    url: str = URL,
    internal_url: str | None = None,
    credentials: Credentials | None = None,
    ca_bundle: CaBundle | None = None,
) -> Endpoint:
    address = ServerAddress.parse(url, internal_url)
    return Endpoint(address=address, credentials=credentials or login(url=url), ca_bundle=ca_bundle)


def ignore() -> None:
    """Wake nobody."""


async def test_pools_with_the_same_server_and_login_share_one_poller(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, endpoint(), ignore, Want())
    second = every.acquire(B, endpoint(), ignore, Want())
    await asyncio.sleep(21)

    assert first is second
    assert isinstance(first.reading, ServerReading)
    assert [client.looks for _, client in servers.made] == [5]
    await every.close()


async def test_the_origin_may_be_written_in_any_way(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, endpoint("https://video.example.org"), ignore, Want())

    assert every.acquire(B, endpoint("https://Video.Example.Org:443"), ignore, Want()) is first
    await every.close()


@pytest.mark.parametrize(
    "other",
    [
        endpoint(credentials=login("two")),
        endpoint(credentials=login(username="other")),
        endpoint(internal_url="http://peertube.media.svc:9000"),
        endpoint("https://b.example.org"),
        endpoint(ca_bundle=CaBundle("one")),
    ],
    ids=["password", "user", "internal address", "server", "authorities"],
)
async def test_another_login_address_or_trust_is_another_poller(servers: Servers, other: Endpoint) -> None:
    every = pollers(servers)

    first = every.acquire(A, endpoint(), ignore, Want())
    second = every.acquire(B, other, ignore, Want())

    assert first is not second
    await every.close()


async def test_pools_that_name_the_same_authorities_share_one_poller(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, endpoint(ca_bundle=CaBundle("one")), ignore, Want())

    assert every.acquire(B, endpoint(ca_bundle=CaBundle("one")), ignore, Want()) is first
    await every.close()


async def test_user_and_password_are_not_run_together(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, endpoint(credentials=login(username="ab", password="c")), ignore, Want())

    assert every.acquire(B, endpoint(credentials=login(username="a", password="bc")), ignore, Want()) is not first
    await every.close()


async def test_acquiring_again_changes_nothing_but_what_is_looked_for(servers: Servers) -> None:
    every = pollers(servers)
    first = every.acquire(A, endpoint(), ignore, Want())
    await asyncio.sleep(1)

    again = every.acquire(A, endpoint(), ignore, Want(size=7))

    assert again is first
    assert len(servers.made) == 1
    await every.close()


async def test_a_changed_secret_moves_the_pool_and_ends_the_old_login(servers: Servers) -> None:
    every = pollers(servers)
    old = every.acquire(A, endpoint(credentials=login("old")), ignore, Want())
    await asyncio.sleep(1)

    new = every.acquire(A, endpoint(credentials=login("new")), ignore, Want())
    await asyncio.sleep(30)

    (_, old_client), (_, new_client) = servers.made
    assert new is not old
    assert old_client.closed
    assert old_client.looks == 1
    assert not new_client.closed
    await every.close()


async def test_a_rotated_authority_makes_another_poller_that_knows_what_the_old_one_knew(servers: Servers) -> None:
    every = pollers(servers)
    old = every.acquire(A, endpoint(ca_bundle=CaBundle("old")), ignore, Want())
    await asyncio.sleep(1)
    job = Job(uuid="1", type="t", state=JobState.PROCESSING, priority=1, created=NOON, updated=NOON, runner="vod-1")
    before = ServerReading(at=NOON, active=(job,))

    new = every.acquire(A, endpoint(ca_bundle=CaBundle("new")), ignore, Want(), before)

    assert new is not old
    assert new.last_known is before
    assert isinstance(new.reading, QueueUnknown)
    assert new.reading.held == {"vod-1": 1}
    await asyncio.sleep(1)
    assert [client.closed for _, client in servers.made] == [True, False]
    await every.close()


async def test_the_last_pool_that_goes_ends_the_poller(servers: Servers) -> None:
    every = pollers(servers)
    every.acquire(A, endpoint(), ignore, Want())
    every.acquire(B, endpoint(), ignore, Want())
    await asyncio.sleep(1)
    _, client = servers.made[0]

    assert len(every.in_use()) == 1
    every.release(A)
    await asyncio.sleep(5)
    assert (client.looks, client.closed) == (2, False)
    every.release(B)
    assert every.in_use() == ()
    await asyncio.sleep(60)

    assert (client.looks, client.closed) == (2, True)


async def test_a_server_is_forgotten_when_the_last_way_to_it_has_ended(servers: Servers) -> None:
    forgotten: list[str] = []
    every = pollers(servers, forgotten)
    every.acquire(A, endpoint(), ignore, Want())
    every.acquire(B, endpoint(credentials=login("two")), ignore, Want())

    every.acquire(A, endpoint("https://b.example.org:8443"), ignore, Want())
    await asyncio.sleep(1)
    assert forgotten == []
    every.release(B)
    await asyncio.sleep(1)
    assert forgotten == ["video.example.org"]

    await every.close()
    assert forgotten == ["video.example.org", "b.example.org:8443"]


async def test_a_server_whose_login_has_changed_is_not_forgotten(servers: Servers) -> None:
    forgotten: list[str] = []
    every = pollers(servers, forgotten)
    every.acquire(A, endpoint(credentials=login("old")), ignore, Want())

    every.acquire(A, endpoint(credentials=login("new")), ignore, Want())
    await asyncio.sleep(1)

    assert servers.made[0][1].closed
    assert forgotten == []
    await every.close()


async def test_releasing_an_unknown_pool_is_fine(servers: Servers) -> None:
    pollers(servers).release(A)

    assert servers.made == []


async def test_closing_ends_all_and_forgets_all_logins(servers: Servers) -> None:
    every = pollers(servers)
    every.acquire(A, endpoint(), ignore, Want())
    every.acquire(B, endpoint(credentials=login("two")), ignore, Want())

    await every.close()

    assert [client.closed for _, client in servers.made] == [True, True]


async def test_no_key_holds_or_shows_a_password(servers: Servers) -> None:
    every = pollers(servers)
    every.acquire(A, endpoint(credentials=login("canary-password")), ignore, Want())

    assert "canary" not in repr(every._entries)
    assert "canary" not in repr(every._of_pool)
    await every.close()


async def test_the_registry_is_what_the_pool_tasks_expect(servers: Servers) -> None:
    links: Links = pollers(servers)  # judged by mypy

    assert links.acquire(A, endpoint(), ignore, Want()).rows is None
    links.release(A)
