"""One login for all, renewed in time, never hammered."""

import asyncio

import httpx
import pytest

from runnerpool import __version__
from runnerpool.api.reasons import Reason
from runnerpool.peertube.errors import (
    InsufficientRights,
    InvalidResponse,
    LoginBlocked,
    LoginRefused,
    PeerTubeError,
    RateLimited,
    ServerFailed,
    TimedOut,
    Unreachable,
    WrongHost,
)
from runnerpool.peertube.patience import Patience
from runnerpool.peertube.telemetry import Operation
from runnerpool.peertube.transport import TOTAL_TIMEOUT_SECONDS, Call
from support.scripted_peertube import (
    JOBS,
    OAUTH_CLIENT,
    PASSWORD,
    TOKEN,
    URL,
    USERNAME,
    Counters,
    Say,
    ScriptedPeerTube,
    page,
    problem,
    tokens,
)

CALL = Call(operation=Operation.LIST_JOBS, method="GET", path=JOBS)


@pytest.fixture
def server() -> ScriptedPeerTube:
    server = ScriptedPeerTube()
    server.on("GET", JOBS, page())
    return server


def bearers(server: ScriptedPeerTube) -> list[str]:
    return [request.headers["Authorization"].removeprefix("Bearer ") for request in server.asked("GET", JOBS)]


async def test_the_first_call_logs_in_with_the_servers_own_client(server: ScriptedPeerTube) -> None:
    answer = await server.session().request(CALL)

    assert answer.status == 200
    assert server.forms() == [
        {
            "client_id": "client",
            "client_secret": "canary-client-secret",
            "grant_type": "password",
            "username": USERNAME,
            "password": PASSWORD,
        }
    ]
    assert server.asked("POST", TOKEN)[0].headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert bearers(server) == ["canary-access-1"]


async def test_every_request_is_recognisable_and_asks_for_plain_json(server: ScriptedPeerTube) -> None:
    await server.session().request(CALL)

    for request in server.requests:
        assert request.headers["User-Agent"] == f"runnerpool/{__version__}"
        assert request.headers["Accept-Encoding"] == "identity"
        assert request.url.host == "video.example.org"


async def test_an_internal_url_is_called_under_the_public_host(server: ScriptedPeerTube) -> None:
    await server.session(internal_url="http://peertube.media.svc:9000").request(CALL)

    for request in server.requests:
        assert str(request.url).startswith("http://peertube.media.svc:9000/")
        assert request.headers["Host"] == "video.example.org"


async def test_calls_at_the_same_time_share_one_login(server: ScriptedPeerTube) -> None:
    session = server.session()

    await asyncio.gather(*(session.request(CALL) for _ in range(20)))

    assert len(server.asked("GET", OAUTH_CLIENT)) == len(server.asked("POST", TOKEN)) == 1
    assert set(bearers(server)) == {"canary-access-1"}


class HangingPeerTube(ScriptedPeerTube):
    """Takes every call, and answers none."""

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


@pytest.mark.looptime
async def test_calls_at_the_same_time_share_the_failure_of_one_login() -> None:
    server = HangingPeerTube()
    session = server.session()

    results = await asyncio.gather(*(session.request(CALL) for _ in range(20)), return_exceptions=True)

    assert all(isinstance(result, TimedOut) for result in results)
    assert len(server.requests) == 1
    assert asyncio.get_running_loop().time() == TOTAL_TIMEOUT_SECONDS
    with pytest.raises(TimedOut):
        await session.request(CALL)
    assert len(server.requests) == 2


@pytest.mark.looptime
async def test_calls_that_wait_for_an_early_renewal_that_fails_go_on_with_the_old_token(
    server: ScriptedPeerTube,
) -> None:
    session = server.session()
    await session.request(CALL)
    server.on("POST", TOKEN, Say(502))
    await asyncio.sleep(86399 * 0.9)

    answers = await asyncio.gather(*(session.request(CALL) for _ in range(5)))

    assert all(answer.ok for answer in answers)
    assert len(server.forms()) == 2
    assert set(bearers(server)) == {"canary-access-1"}


async def test_a_refused_token_is_refreshed_once_and_the_call_repeated(server: ScriptedPeerTube) -> None:
    session = server.session()
    await session.request(CALL)
    server.on("GET", JOBS, problem(401, "invalid_token"), page())

    answer = await session.request(CALL)

    assert answer.ok
    assert server.forms()[1] == {
        "client_id": "client",
        "client_secret": "canary-client-secret",
        "grant_type": "refresh_token",
        "refresh_token": "canary-refresh-1",
    }
    assert bearers(server) == ["canary-access-1", "canary-access-1", "canary-access-2"]


async def test_many_calls_refused_at_once_refresh_once(server: ScriptedPeerTube) -> None:
    session = server.session()
    await session.request(CALL)

    def only_the_second(request: httpx.Request) -> Say:
        return page() if request.headers["Authorization"].endswith("access-2") else problem(401, "invalid_token")

    server.on("GET", JOBS, only_the_second)
    answers = await asyncio.gather(*(session.request(CALL) for _ in range(10)))

    assert all(answer.ok for answer in answers)
    assert [form["grant_type"] for form in server.forms()] == ["password", "refresh_token"]


async def test_a_dead_refresh_token_falls_back_to_the_password(server: ScriptedPeerTube) -> None:
    session = server.session()
    await session.request(CALL)
    server.on("GET", JOBS, problem(401, "invalid_token"), page())
    server.on("POST", TOKEN, problem(400, "invalid_grant"), tokens(7))

    assert (await session.request(CALL)).ok
    assert [form["grant_type"] for form in server.forms()] == ["password", "refresh_token", "password"]
    assert bearers(server)[-1] == "canary-access-7"


async def test_a_login_without_a_refresh_token_is_renewed_by_the_password(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, Say(body={"access_token": "a", "expires_in": 86399}), tokens(2))
    server.on("GET", JOBS, problem(401), page())

    assert (await server.session().request(CALL)).ok
    assert [form["grant_type"] for form in server.forms()] == ["password", "password"]


async def test_a_server_that_was_set_up_anew_is_asked_for_its_client_again(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, problem(400, "invalid_client"), tokens())

    assert (await server.session().request(CALL)).ok
    assert len(server.asked("GET", OAUTH_CLIENT)) == 2


@pytest.mark.looptime
async def test_a_token_is_renewed_before_it_ends(server: ScriptedPeerTube) -> None:
    session = server.session()  # draws the earliest moment: 80 % of the token's life
    await session.request(CALL)

    await asyncio.sleep(86399 * 0.8 - 1)
    await session.request(CALL)
    await asyncio.sleep(2)
    await session.request(CALL)

    assert bearers(server) == ["canary-access-1", "canary-access-1", "canary-access-2"]


@pytest.mark.looptime
async def test_a_token_that_is_said_to_live_a_second_is_not_renewed_at_every_call(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, tokens(1, expires_in=1))
    session = server.session()

    for _ in range(5):
        await session.request(CALL)
        await asyncio.sleep(5)

    assert len(server.forms()) == 1


@pytest.mark.looptime
@pytest.mark.parametrize("trouble", [Say(502), problem(429), httpx.ConnectError("x")])
async def test_a_token_that_could_not_be_renewed_early_serves_on(
    server: ScriptedPeerTube, trouble: Say | Exception
) -> None:
    session = server.session()
    await session.request(CALL)
    server.on("POST", TOKEN, trouble)
    await asyncio.sleep(86399 * 0.9)

    assert (await session.request(CALL)).ok
    assert (await session.request(CALL)).ok
    assert set(bearers(server)) == {"canary-access-1"}


@pytest.mark.looptime
async def test_while_the_login_fails_it_is_tried_once_a_minute(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, problem(400, "invalid_grant"))
    session = server.session()
    waits: list[float | None] = []

    for _ in range(36):
        with pytest.raises(LoginRefused) as caught:
            await session.request(CALL)
        waits.append(caught.value.retry_after)
        await asyncio.sleep(5)

    assert len(server.forms()) == 3
    assert waits[0] is None
    assert waits[1] == 55.0
    assert server.asked("GET", JOBS) == []


@pytest.mark.looptime
async def test_a_login_that_works_again_heals_at_once(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, problem(400, "invalid_grant"), tokens())
    session = server.session()
    with pytest.raises(LoginRefused):
        await session.request(CALL)
    await asyncio.sleep(60)

    assert (await session.request(CALL)).ok


@pytest.mark.looptime
async def test_a_server_that_gives_tokens_and_refuses_them_is_not_asked_for_more_than_one_a_minute(
    server: ScriptedPeerTube,
) -> None:
    server.on("GET", JOBS, problem(401, "invalid_token"))
    session = server.session()

    for _ in range(24):
        with pytest.raises(LoginRefused) as caught:
            await session.request(CALL)
        assert caught.value.reason is Reason.CREDENTIALS_REJECTED
        await asyncio.sleep(5)

    assert len(server.forms()) == 4  # a login and a refresh in each of two minutes


@pytest.mark.looptime
async def test_a_token_found_dead_by_two_calls_counts_as_one_failure(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, problem(401, "invalid_token"))
    counters = Counters()
    session = server.session(telemetry=counters)

    results = await asyncio.gather(session.request(CALL), session.request(CALL), return_exceptions=True)

    assert all(isinstance(result, LoginRefused) for result in results)
    assert counters.logins == ["success", "success", "CredentialsRejected"]


@pytest.mark.looptime
async def test_the_login_heeds_a_longer_wish_of_the_server(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, Say(429, b"Too many requests", {"Retry-After": "240"}), tokens())
    session = server.session()
    with pytest.raises(RateLimited) as caught:
        await session.request(CALL)
    assert caught.value.retry_after == 240
    await asyncio.sleep(239)
    with pytest.raises(RateLimited):
        await session.request(CALL)
    assert len(server.forms()) == 1
    await asyncio.sleep(2)

    assert (await session.request(CALL)).ok


@pytest.mark.looptime
@pytest.mark.parametrize("down", [Say(502, b"<html>"), Say(200, b"<html>"), httpx.ConnectError("x"), TimeoutError()])
async def test_a_server_that_was_down_is_logged_in_to_as_soon_as_it_is_back(
    server: ScriptedPeerTube, down: Say | Exception
) -> None:
    server.on("GET", OAUTH_CLIENT, down)
    session = server.session()
    for _ in range(10):
        with pytest.raises((ServerFailed, InvalidResponse, Unreachable, TimedOut)):
            await session.request(CALL)
        await asyncio.sleep(5)
    server.on("GET", OAUTH_CLIENT, Say(body={"client_id": "c", "client_secret": "s"}))

    assert (await session.request(CALL)).ok
    assert len(server.forms()) == 1


@pytest.mark.looptime
@pytest.mark.parametrize("trouble", [Say(502, b"<html>"), TimeoutError(), Say(200, b"cut off")])
async def test_a_login_that_got_no_proper_answer_is_tried_again_soon_and_then_once_a_minute(
    server: ScriptedPeerTube, trouble: Say | Exception
) -> None:
    server.on("POST", TOKEN, trouble)
    session = server.session()
    loop = asyncio.get_running_loop()
    tried: list[float] = []

    for _ in range(45):
        before = len(server.forms())
        with pytest.raises((ServerFailed, InvalidResponse, TimedOut)):
            await session.request(CALL)
        tried += [loop.time()] * (len(server.forms()) - before)
        await asyncio.sleep(5)

    assert tried == [0.0, 20.0, 80.0, 140.0, 200.0]


@pytest.mark.looptime
@pytest.mark.parametrize("trouble", [Say(502, b"<html>"), httpx.ConnectError("x"), TimeoutError()])
async def test_after_a_login_without_an_answer_another_call_shows_first_whether_the_server_is_back(
    server: ScriptedPeerTube, trouble: Say | Exception
) -> None:
    server.on("POST", TOKEN, trouble, tokens())
    session = server.session()
    with pytest.raises((ServerFailed, Unreachable, TimedOut)):
        await session.request(CALL)
    await asyncio.sleep(20)
    server.on("GET", OAUTH_CLIENT, problem(404))

    with pytest.raises(InvalidResponse):
        await session.request(CALL)
    assert len(server.forms()) == 1
    server.on("GET", OAUTH_CLIENT, Say(body={"client_id": "c", "client_secret": "s"}))
    assert (await session.request(CALL)).ok


@pytest.mark.looptime
async def test_a_proxy_that_asks_for_a_login_of_its_own_costs_one_login_and_no_more_than_twenty_seconds_when_it_is_gone(
    server: ScriptedPeerTube,
) -> None:
    session = server.session()
    await session.request(CALL)
    own = {place: server._rows[place] for place in (("GET", OAUTH_CLIENT), ("GET", JOBS), ("POST", TOKEN))}
    for place in own:
        server.on(*place, problem(401, "invalid_token"))
    for _ in range(60):
        with pytest.raises(LoginBlocked):
            await session.request(CALL)
        await asyncio.sleep(5)
    assert [form["grant_type"] for form in server.forms()] == ["password", "refresh_token", "password"]

    server._rows |= own

    assert (await session.request(CALL)).ok


@pytest.mark.looptime
async def test_a_refused_login_is_told_when_the_next_try_comes(server: ScriptedPeerTube) -> None:
    server.on("POST", TOKEN, problem(400, "invalid_grant"))

    with pytest.raises(LoginRefused, match="once a minute, and at once when the Secret has changed"):
        await server.session().request(CALL)


@pytest.mark.looptime
async def test_a_refusal_is_remembered_when_the_same_login_comes_again_in_another_session(
    server: ScriptedPeerTube,
) -> None:
    server.on("POST", TOKEN, problem(400, "invalid_grant"))
    patience = Patience()
    for _ in range(12):
        session = server.session(patience=patience)
        with pytest.raises(LoginRefused):
            await session.request(CALL)
        await session.aclose()
        await asyncio.sleep(5)

    assert len(server.forms()) == 1


@pytest.mark.looptime
async def test_an_expired_token_costs_one_refresh_and_a_rejected_login_one_try_a_minute(
    server: ScriptedPeerTube,
) -> None:
    session = server.session()
    await session.request(CALL)
    server.on("GET", JOBS, problem(401, "invalid_token"))
    server.on("POST", TOKEN, problem(400, "invalid_grant"))

    for _ in range(24):
        with pytest.raises(LoginRefused):
            await session.request(CALL)
        await asyncio.sleep(5)

    assert [form["grant_type"] for form in server.forms()] == ["password", "refresh_token", "password", "password"]


REFUSALS = [
    (problem(400, "invalid_grant"), LoginRefused, Reason.CREDENTIALS_REJECTED),
    (problem(401, "missing_two_factor"), LoginRefused, Reason.OTP_REQUIRED),
    (problem(401), LoginBlocked, Reason.CREDENTIALS_REJECTED),
    (problem(403), LoginRefused, Reason.CREDENTIALS_REJECTED),
    (Say(400, b"canary-not-json"), LoginRefused, Reason.CREDENTIALS_REJECTED),
    (Say(400, ["canary"]), LoginRefused, Reason.CREDENTIALS_REJECTED),
    (problem(404), InvalidResponse, Reason.INVALID_RESPONSE),
    (Say(200, b"<html>canary</html>"), InvalidResponse, Reason.INVALID_RESPONSE),
    (Say(200, {"access_token": "canary with\nbreak", "expires_in": 1}), InvalidResponse, Reason.INVALID_RESPONSE),
    (Say(200, {"access_token": "canaryé", "expires_in": 1}), InvalidResponse, Reason.INVALID_RESPONSE),
    (Say(200, {"access_token": "canary", "expires_in": -1}), InvalidResponse, Reason.INVALID_RESPONSE),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), REFUSALS)
async def test_a_refused_login_is_told_by_its_cause_and_repeats_nothing(
    server: ScriptedPeerTube, answer: Say, kind: type[PeerTubeError], reason: Reason
) -> None:
    server.on("POST", TOKEN, answer)

    with pytest.raises(kind) as caught:
        await server.session().request(CALL)

    assert caught.value.reason is reason
    assert "canary" not in str(caught.value)
    assert URL in caught.value.message


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (problem(403), WrongHost, Reason.WRONG_HOST),
        (problem(401), LoginBlocked, Reason.CREDENTIALS_REJECTED),
        (problem(404), InvalidResponse, Reason.INVALID_RESPONSE),
        (Say(200, {"client_id": "canary"}), InvalidResponse, Reason.INVALID_RESPONSE),
    ],
)
async def test_the_password_is_not_sent_when_the_first_step_fails(
    server: ScriptedPeerTube, answer: Say, kind: type[PeerTubeError], reason: Reason
) -> None:
    server.on("GET", OAUTH_CLIENT, answer)

    with pytest.raises(kind) as caught:
        await server.session().request(CALL)

    assert caught.value.reason is reason
    assert "canary" not in str(caught.value)
    assert server.forms() == []


async def test_an_account_without_the_right_is_told_so(server: ScriptedPeerTube) -> None:
    server.on("GET", JOBS, problem(403))

    with pytest.raises(InsufficientRights, match="Administrator") as caught:
        await server.session().request(CALL)

    assert caught.value.reason is Reason.INSUFFICIENT_RIGHTS


async def test_requests_and_logins_are_counted(server: ScriptedPeerTube) -> None:
    counters = Counters()
    server.on("GET", JOBS, problem(401), Say(418), Say(499))
    session = server.session(telemetry=counters)

    await session.request(CALL)
    await session.request(CALL)

    host = "video.example.org"
    assert counters.requests == [
        (host, "oauth_client", "200"),
        (host, "login", "200"),
        (host, "list_jobs", "401"),
        (host, "login", "200"),
        (host, "list_jobs", "418"),
        (host, "list_jobs", "other"),
    ]
    assert counters.logins == ["success", "success"]


async def test_failures_are_counted_by_their_reason(server: ScriptedPeerTube) -> None:
    counters = Counters()
    server.on("POST", TOKEN, problem(400, "invalid_grant"))
    server.on(
        "GET", OAUTH_CLIENT, httpx.ConnectError("x"), Say(503), Say(body={"client_id": "c", "client_secret": "s"})
    )
    session = server.session(telemetry=counters)

    for _ in range(3):
        with pytest.raises(PeerTubeError):
            await session.request(CALL)

    codes = [code for _, _, code in counters.requests]
    assert codes == ["ServerUnreachable", "503", "200", "400"]
    assert counters.logins == ["ServerUnreachable", "ServerError", "CredentialsRejected"]


async def test_a_closed_session_has_forgotten_its_tokens(server: ScriptedPeerTube) -> None:
    session = server.session()
    await session.request(CALL)

    await session.aclose()

    assert session._tokens is None


async def test_nothing_shows_a_secret(server: ScriptedPeerTube) -> None:
    session = server.session()
    answer = await session.request(CALL)
    form = Call(operation=Operation.LOGIN, method="POST", path=TOKEN, form={"password": PASSWORD})

    shown = " ".join(map(repr, (session, session._tokens, session._grants._client, form, answer)))

    assert "canary" not in shown
