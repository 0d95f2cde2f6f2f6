"""What a server is spared, whoever asks: several pools, several logins, good ones and bad ones."""

import asyncio

import httpx
import pytest

from runnerpool.peertube.errors import LoginRefused, PeerTubeError, RateLimited
from runnerpool.peertube.patience import FAILURES_ALLOWED, Patience
from runnerpool.peertube.session import Session
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import Call
from support.scripted_peertube import JOBS, TOKEN, Say, ScriptedPeerTube, page, problem, tokens

pytestmark = pytest.mark.looptime

CALL = Call(operation=Operation.LIST_JOBS, method="GET", path=JOBS)


@pytest.fixture
def server() -> ScriptedPeerTube:
    """A server that accepts passwords that begin with `good`."""
    server = ScriptedPeerTube()
    server.on("GET", JOBS, page())
    server.on("POST", TOKEN, judge)
    return server


def judge(request: httpx.Request) -> Say:
    return tokens() if "password=good" in request.content.decode() else problem(400, "invalid_grant")


def tried(server: ScriptedPeerTube, password: str) -> int:
    return sum(form.get("password") == password for form in server.forms())


async def attempt(session: Session) -> PeerTubeError | None:
    try:
        await session.request(CALL)
    except PeerTubeError as error:
        return error
    return None


async def minutes(*sessions: Session, count: float) -> None:
    """All of them make a call every five seconds."""
    for _ in range(int(count * 12)):
        await asyncio.gather(*(attempt(session) for session in sessions))
        await asyncio.sleep(5)


async def test_pools_whose_logins_are_all_wrong_try_no_more_than_one_a_minute_together(
    server: ScriptedPeerTube,
) -> None:
    patience = Patience()
    sessions = [server.session(patience=patience, password=f"bad-{number}") for number in range(5)]

    await minutes(*sessions, count=1)
    first = len(server.forms())
    await minutes(*sessions, count=10)

    assert first == 5  # each of them once: nobody knew that they were wrong
    assert len(server.forms()) - first <= 10


async def test_a_changed_secret_is_tried_at_once_however_often_the_old_one_failed(server: ScriptedPeerTube) -> None:
    patience = Patience()
    await minutes(server.session(patience=patience, password="bad"), count=5)

    assert await attempt(server.session(patience=patience, password="good")) is None


async def test_a_good_login_does_not_wait_for_bad_ones(server: ScriptedPeerTube) -> None:
    patience = Patience()
    good = server.session(patience=patience, password="good")
    bad = [server.session(patience=patience, password=f"bad-{number}") for number in range(FAILURES_ALLOWED)]
    await attempt(good)
    await asyncio.gather(*(attempt(session) for session in bad))
    answers = [problem(401, "invalid_token"), page()]
    server.on("GET", JOBS, *answers)

    assert await attempt(good) is None


async def test_secrets_that_change_from_wrong_to_wrong_do_not_use_up_what_the_server_allows(
    server: ScriptedPeerTube,
) -> None:
    patience = Patience()
    began = asyncio.get_running_loop().time()

    for number in range(60):
        error = await attempt(server.session(patience=patience, password=f"bad-{number}"))
        assert isinstance(error, LoginRefused | RateLimited)
        await asyncio.sleep(5)

    assert asyncio.get_running_loop().time() - began == 300
    assert len(server.forms()) == FAILURES_ALLOWED
    assert isinstance(error, RateLimited)
    assert "correct their Secrets" in error.message


async def test_a_failure_of_long_ago_is_forgotten(server: ScriptedPeerTube) -> None:
    patience = Patience()
    await attempt(server.session(patience=patience, password="bad-1"))
    await asyncio.sleep(3600)

    await attempt(server.session(patience=patience, password="bad-2"))

    assert len(patience._failed) == 1


async def test_a_server_that_allows_no_more_logins_is_asked_for_none_by_anybody(server: ScriptedPeerTube) -> None:
    patience = Patience()
    working = server.session(patience=patience, password="good-1")
    await attempt(working)
    server.on("POST", TOKEN, Say(429, b"Too many requests", {"Retry-After": "240"}), judge)

    first = await attempt(server.session(patience=patience, password="good-2"))
    second = await attempt(server.session(patience=patience, password="good-3"))

    assert isinstance(first, RateLimited)
    assert isinstance(second, RateLimited)
    assert (tried(server, "good-2"), tried(server, "good-3")) == (1, 0)
    assert await attempt(working) is None
    await asyncio.sleep(241)
    assert await attempt(server.session(patience=patience, password="good-3")) is None


async def test_a_login_that_is_put_off_is_tried_again_when_its_time_is_over_and_then_once_a_minute(
    server: ScriptedPeerTube,
) -> None:
    server.on("POST", TOKEN, Say(429, b"Too many requests", {"Retry-After": "12"}))
    session = server.session(password="good")

    await minutes(session, count=3)

    # At once, after 20 s, and each minute from then on.
    assert len(server.forms()) == 4


async def test_a_server_that_asks_to_be_left_alone_is_left_alone_by_all(server: ScriptedPeerTube) -> None:
    patience = Patience()
    one, other = (server.session(patience=patience, password=f"good-{number}") for number in (1, 2))
    await attempt(one)
    await attempt(other)
    server.on("GET", JOBS, Say(429, b"", {"Retry-After": "30"}), page())
    await attempt(one)
    sent = len(server.requests)

    error = await attempt(other)

    assert isinstance(error, RateLimited)
    assert error.retry_after == 30
    assert len(server.requests) == sent
    await asyncio.sleep(30)
    assert await attempt(other) is None
