"""Who shares a poller, and when it ends."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from runnerpool.api.pool import SecretRef, Server
from runnerpool.control.poller import Pace, ServerClient
from runnerpool.control.pollers import Pollers
from runnerpool.control.ports import Links, PoolKey
from runnerpool.peertube.accounts import RegisteredRunner, RunnerAccount
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.client import ChangeMark, JobPage
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.reading import Want
from runnerpool.planning.jobs import ServerReading

pytestmark = pytest.mark.looptime

URL = "https://video.example.org"
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

    async def list_jobs(self, *_: object, **__: object) -> JobPage:
        return JobPage(total=0, jobs=())

    async def list_runners(self) -> tuple[RunnerAccount, ...]:
        return ()

    async def register_runner(self, name: str, description: str) -> RegisteredRunner:
        return RegisteredRunner(id=1, token=SecretStr("t"))

    async def delete_runner(self, row_id: int) -> None:
        """Have none."""

    async def aclose(self) -> None:
        self.closed = True


class Servers:
    """Makes clients and remembers them."""

    def __init__(self) -> None:
        self.made: list[tuple[ServerAddress, EmptyServer]] = []

    def __call__(self, address: ServerAddress, credentials: Credentials) -> ServerClient:
        client = EmptyServer()
        self.made.append((address, client))
        return client


@pytest.fixture
def servers() -> Servers:
    return Servers()


def pollers(servers: Servers) -> Pollers:
    return Pollers(servers, clock=LoopClock(), pace=Pace(period=5))


def server(url: str = URL, internal_url: str | None = None) -> Server:
    return Server(url=url, internal_url=internal_url, credentials_ref=SecretRef(name="login"))


def login(password: str = "one", username: str = "root", url: str = URL) -> Credentials:
    values = {"url": url, "username": username, "password": password}
    return Credentials.from_secret({key: SecretStr(value) for key, value in values.items()}, server_url=url)


def ignore() -> None:
    """Wake nobody."""


async def test_pools_with_the_same_server_and_login_share_one_poller(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, server(), login(), ignore, Want())
    second = every.acquire(B, server(), login(), ignore, Want())
    await asyncio.sleep(21)

    assert first is second
    assert isinstance(first.reading, ServerReading)
    assert [client.looks for _, client in servers.made] == [5]
    await every.close()


async def test_the_origin_may_be_written_in_any_way(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, server("https://video.example.org"), login(), ignore, Want())

    assert every.acquire(B, server("https://Video.Example.Org:443"), login(), ignore, Want()) is first
    await every.close()


@pytest.mark.parametrize(
    ("other_server", "other_login"),
    [
        (server(), login("two")),
        (server(), login(username="other")),
        (server(internal_url="http://peertube.media.svc:9000"), login()),
        (server("https://b.example.org"), login(url="https://b.example.org")),
    ],
    ids=["password", "user", "internal address", "server"],
)
async def test_another_login_or_address_is_another_poller(
    servers: Servers, other_server: Server, other_login: Credentials
) -> None:
    every = pollers(servers)

    first = every.acquire(A, server(), login(), ignore, Want())
    second = every.acquire(B, other_server, other_login, ignore, Want())

    assert first is not second
    await every.close()


async def test_user_and_password_are_not_run_together(servers: Servers) -> None:
    every = pollers(servers)

    first = every.acquire(A, server(), login(username="ab", password="c"), ignore, Want())

    assert every.acquire(B, server(), login(username="a", password="bc"), ignore, Want()) is not first
    await every.close()


async def test_acquiring_again_changes_nothing_but_what_is_looked_for(servers: Servers) -> None:
    every = pollers(servers)
    first = every.acquire(A, server(), login(), ignore, Want())
    await asyncio.sleep(1)

    again = every.acquire(A, server(), login(), ignore, Want(size=7))

    assert again is first
    assert len(servers.made) == 1
    await every.close()


async def test_a_changed_secret_moves_the_pool_and_ends_the_old_login(servers: Servers) -> None:
    every = pollers(servers)
    old = every.acquire(A, server(), login("old"), ignore, Want())
    await asyncio.sleep(1)

    new = every.acquire(A, server(), login("new"), ignore, Want())
    await asyncio.sleep(30)

    (_, old_client), (_, new_client) = servers.made
    assert new is not old
    assert old_client.closed
    assert old_client.looks == 1
    assert not new_client.closed
    await every.close()


async def test_the_last_pool_that_goes_ends_the_poller(servers: Servers) -> None:
    every = pollers(servers)
    every.acquire(A, server(), login(), ignore, Want())
    every.acquire(B, server(), login(), ignore, Want())
    await asyncio.sleep(1)
    _, client = servers.made[0]

    every.release(A)
    await asyncio.sleep(5)
    assert (client.looks, client.closed) == (2, False)
    every.release(B)
    await asyncio.sleep(60)

    assert (client.looks, client.closed) == (2, True)


async def test_releasing_an_unknown_pool_is_fine(servers: Servers) -> None:
    pollers(servers).release(A)

    assert servers.made == []


async def test_closing_ends_all_and_forgets_all_logins(servers: Servers) -> None:
    every = pollers(servers)
    every.acquire(A, server(), login(), ignore, Want())
    every.acquire(B, server(), login("two"), ignore, Want())

    await every.close()

    assert [client.closed for _, client in servers.made] == [True, True]


async def test_no_key_holds_or_shows_a_password(servers: Servers) -> None:
    every = pollers(servers)
    every.acquire(A, server(), login("canary-password"), ignore, Want())

    assert "canary" not in repr(every._entries)
    assert "canary" not in repr(every._of_pool)
    await every.close()


async def test_the_registry_is_what_the_pool_tasks_expect(servers: Servers) -> None:
    links: Links = pollers(servers)  # judged by mypy

    assert links.acquire(A, server(), login(), ignore, Want()).rows is None
    links.release(A)
