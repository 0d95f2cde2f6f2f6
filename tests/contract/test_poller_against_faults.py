"""The shared pollers against a server out of order, over real HTTP: what is told, what is given away, what heals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from peers.peertube.accounts import Account
from peers.peertube.faults import ADMINISTRATION, Fault, Kind
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD
from runnerpool.api.reasons import Reason
from runnerpool.control.pace import Pace
from runnerpool.control.poller import ServerPoller
from runnerpool.control.pollers import Pollers
from runnerpool.control.ports import PoolKey
from runnerpool.peertube.address import ServerAddress
from runnerpool.peertube.connect import Connector
from runnerpool.peertube.credentials import Credentials
from runnerpool.peertube.endpoint import Endpoint
from runnerpool.peertube.reading import Want
from runnerpool.planning.jobs import ServerReading
from runnerpool.planning.queue import QueueUnknown

PERIOD = 0.2
QUICK = Pace(period=PERIOD, full_read=1.0, longest_pause=0.5)


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Pools:
    """The pools of one server, with pollers as the operator has them, but faster."""

    server: RunningServer
    pollers: Pollers = field(default_factory=lambda: Pollers(Connector(), clock=SystemClock(), pace=QUICK))
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def poller(self, pool: str = "vod", *, username: str = "root", password: str = DEFAULT_PASSWORD) -> ServerPoller:
        """What a pool with this Secret gets at its next pass."""
        address = ServerAddress.parse(self.server.base_url)
        login = Credentials(origin=address.public, username=username, password=SecretStr(password))
        endpoint = Endpoint(address=address, credentials=login)
        return self.pollers.acquire(PoolKey("media", pool), endpoint, self.changed.set, Want())

    async def wait(self, poller: ServerPoller, met: Callable[[ServerReading | QueueUnknown], bool]) -> float:
        """How long it took until the reading was as wanted, in seconds."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(30):
            while not met(poller.reading):
                self.changed.clear()
                await self.changed.wait()
        return loop.time() - began

    async def known(self, poller: ServerPoller) -> float:
        return await self.wait(poller, lambda reading: isinstance(reading, ServerReading))

    async def unknown(self, poller: ServerPoller) -> QueueUnknown:
        await self.wait(poller, lambda reading: isinstance(reading, QueueUnknown) and reading.reason != "NotYetRead")
        assert isinstance(poller.reading, QueueUnknown)
        return poller.reading

    def logins(self) -> int:
        """Logins that reached the server, good and bad."""
        return sum(self.server.simulation.journal.login_attempts.values())


@pytest.fixture
async def pools() -> AsyncIterator[Pools]:
    async with running() as server:
        pools = Pools(server)
        yield pools
        await pools.pollers.close()


FAULTS = [
    (Kind.STATUS, {"status": 500}, Reason.SERVER_ERROR),
    (Kind.HTML, {"status": 502}, Reason.SERVER_ERROR),
    (Kind.NOT_JSON, {}, Reason.INVALID_RESPONSE),
    (Kind.TRUNCATED, {}, Reason.INVALID_RESPONSE),
    (Kind.WRONG_TYPES, {}, Reason.INVALID_RESPONSE),
    (Kind.NEGATIVE, {}, Reason.INVALID_RESPONSE),
    (Kind.HUGE, {}, Reason.INVALID_RESPONSE),
    (Kind.ENDLESS, {}, Reason.INVALID_RESPONSE),
    (Kind.CLOSED, {}, Reason.SERVER_UNREACHABLE),
    (Kind.CUT, {}, Reason.SERVER_UNREACHABLE),
    (Kind.STATUS, {"status": 429, "retry_after": "1"}, Reason.RATE_LIMITED),
    (Kind.STATUS, {"status": 403}, Reason.INSUFFICIENT_RIGHTS),
    (Kind.STATUS, {"status": 404}, Reason.INVALID_RESPONSE),
]


@pytest.mark.parametrize(("kind", "values", "reason"), FAULTS, ids=str)
async def test_each_fault_is_told_by_its_cause_and_heals_by_itself(
    pools: Pools, kind: Kind, values: dict[str, object], reason: Reason
) -> None:
    poller = pools.poller()
    await pools.known(poller)
    fault = Fault(kind=kind, path=ADMINISTRATION, **values)  # type: ignore[arg-type]
    pools.server.simulation.faults.put_in(fault)

    told = await pools.unknown(poller)
    await asyncio.sleep(4 * PERIOD)
    pools.server.simulation.faults.lift_all()

    assert told.reason is reason
    assert fault.canary not in told.message
    assert isinstance(poller.last_known, ServerReading)
    assert await pools.known(poller) < 3
    assert pools.logins() == 1


@pytest.mark.timeout(100)  # which sets it going early, as it mostly waits
@pytest.mark.parametrize("kind", [Kind.SILENCE, Kind.DRIP])
async def test_silence_is_cut_after_ten_seconds(pools: Pools, kind: Kind) -> None:
    poller = pools.poller()
    await pools.known(poller)
    pools.server.simulation.faults.put_in(Fault(kind=kind, path=ADMINISTRATION))

    told = await pools.unknown(poller)
    pools.server.simulation.faults.lift_all()

    assert told.reason is Reason.SERVER_TIMEOUT
    # The call that hangs now was begun before the cure.
    assert await pools.known(poller) < 13


@pytest.mark.parametrize("path", [ADMINISTRATION, "/api/v1/users/token"], ids=["all calls", "the login"])
async def test_a_redirect_is_not_followed_and_the_other_host_hears_nothing(pools: Pools, path: str) -> None:
    async with running() as other:
        away = Fault(kind=Kind.REDIRECT, location=other.base_url, path=path)
        pools.server.simulation.faults.put_in(away)
        poller = pools.poller()

        told = await pools.unknown(poller)
        await asyncio.sleep(4 * PERIOD)

        assert told.reason is Reason.REDIRECTED
        assert not other.simulation.journal.requests


@pytest.mark.parametrize(
    ("account", "password", "reason"),
    [
        (Account(username="admin", password="right"), "wrong", Reason.CREDENTIALS_REJECTED),
        (Account(username="admin", password="right", one_time_password="123456"), "right", Reason.OTP_REQUIRED),
        (Account(username="admin", password="right", administrator=False), "right", Reason.INSUFFICIENT_RIGHTS),
    ],
    ids=["wrong password", "one-time password", "no right"],
)
async def test_twenty_pools_with_one_bad_login_make_one_login_and_a_mended_secret_works_at_once(
    pools: Pools, account: Account, password: str, reason: Reason
) -> None:
    pools.server.simulation.oauth.set_account(account)
    pollers = {pools.poller(f"pool-{n}", username="admin", password=password) for n in range(20)}
    (poller,) = pollers

    told = await pools.unknown(poller)
    await asyncio.sleep(2)

    assert told.reason is reason
    assert pools.logins() == 1
    for number in range(20):
        mended = pools.poller(f"pool-{number}")
    assert await pools.known(mended) < 3
    assert pools.logins() == 2


async def test_the_server_is_asked_what_it_can_do_again_when_it_was_away(pools: Pools) -> None:
    poller = pools.poller()
    await pools.known(poller)
    before = poller.facts
    pools.server.simulation.faults.put_in(Fault(kind=Kind.CLOSED))
    await pools.unknown(poller)
    pools.server.simulation.remote_runners.transcoding = False
    pools.server.simulation.faults.lift_all()

    await pools.known(poller)

    assert before is not None
    assert poller.facts is not None
    assert {kind for kind in before.remote_job_types - poller.facts.remote_job_types if kind.startswith("vod-")}
    assert not [kind for kind in poller.facts.remote_job_types if kind.startswith("vod-")]
