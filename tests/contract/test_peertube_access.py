"""Sign-in, rate limits, and who may do what."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peers.peertube.recordings import Answer
from peers.peertube.replay import PUBLIC_URL, Player, sign_in
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings

CLIENT = "/api/v1/oauth-clients/local"
TOKEN = "/api/v1/users/token"


@contextlib.asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[RunningServer, Player]]:
    async with running(Settings(public_url=PUBLIC_URL, data_directory=directory)) as server:
        player = Player(server.base_url)
        try:
            yield server, player
        finally:
            await player.close()


async def test_over_the_limit_administrators_and_runners_pass_and_bad_bearers_get_401(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, player):
        await sign_in(player, DEFAULT_PASSWORD)
        token = server.simulation.runners.tokens[0].value
        runner = server.simulation.runners.register(
            registration_token=token, name="r", description=None, version=None, ip="127.0.0.1"
        )
        for _ in range(50):
            answer = await player.send("GET", CLIENT)
        assert (await player.send("GET", CLIENT)).status == 429
        assert (await player.admin("GET", "/api/v1/runners"))["total"] == 1
        body = {"runnerToken": runner.token}
        assert (await player.send("POST", "/api/v1/runners/jobs/request", json=body)).status == 200
        answer = await player.send("GET", "/api/v1/runners", headers={"Authorization": "Bearer wrong"})
        assert (answer.status, answer.body["code"]) == (401, "invalid_token")


async def test_the_sixteenth_login_in_five_minutes_is_refused_even_with_the_right_password(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, player):
        for _ in range(15):
            await sign_in(player, DEFAULT_PASSWORD)
        client = (await player.send("GET", CLIENT)).body
        form = {**client, "grant_type": "password", "username": "root", "password": DEFAULT_PASSWORD}
        headers = {"Authorization": f"Bearer {player.bearer}"}
        answer = await player.send("POST", TOKEN, data=form, headers=headers)
        assert (answer.status, answer.body) == (429, "Too many requests, please try again later.")
        assert 0 < int(answer.headers["retry-after"]) <= 300


async def test_revoking_ends_a_session_and_a_release_may_end_them_all(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, player):
        await sign_in(player, DEFAULT_PASSWORD)
        assert await player.admin("POST", "/api/v1/users/revoke-token") == {"success": True}
        headers = {"Authorization": f"Bearer {player.bearer}"}
        assert (await player.send("GET", "/api/v1/runners", headers=headers)).status == 401
        await sign_in(player, DEFAULT_PASSWORD)
        await player.send("POST", "/simulation/revoke-logins")
        headers = {"Authorization": f"Bearer {player.bearer}"}
        assert (await player.send("GET", "/api/v1/runners", headers=headers)).status == 401
        assert server.simulation.journal.logins == {"password": 2}


async def grant(player: Player, username: str, password: str, **headers: str) -> Answer:
    """A password grant."""
    client = (await player.send("GET", CLIENT)).body
    form = {**client, "grant_type": "password", "username": username, "password": password}
    return await player.send("POST", TOKEN, data=form, headers=headers)


async def set_account(player: Player, **account: object) -> None:
    assert (await player.send("POST", "/simulation/accounts", json=account)).status == 200


async def test_an_account_with_a_second_factor_gets_in_with_its_one_time_password_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, player):
        await set_account(player, username="careful", password="secret", oneTimePassword="123456")
        missing = await grant(player, "careful", "secret")
        assert (missing.status, missing.body["code"]) == (401, "missing_two_factor")
        assert missing.headers["x-peertube-otp"] == "required; app"
        wrong = await grant(player, "careful", "secret", **{"x-peertube-otp": "000000"})
        assert (wrong.status, wrong.body["code"]) == (400, "invalid_two_factor")
        # Who does not know the password does not learn that there is a second factor.
        assert (await grant(player, "careful", "wrong")).body["code"] == "invalid_grant"
        right = await grant(player, "careful", "secret", **{"x-peertube-otp": "123456"})
        form = {"grant_type": "refresh_token", "refresh_token": right.body["refresh_token"]}
        renewed = await player.send("POST", TOKEN, data={**(await player.send("GET", CLIENT)).body, **form})
        assert (right.status, renewed.status) == (200, 200)
        assert server.simulation.journal.logins == {"password": 1, "refresh": 1, "failed": 3}


async def test_an_account_that_is_no_administrator_is_kept_from_runners_but_may_upload(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, player):
        await set_account(player, username="guest", password="secret", administrator=False)
        pair = (await grant(player, "guest", "secret")).body
        headers = {"Authorization": f"Bearer {pair['access_token']}"}
        for method, path in ADMIN_ROUTES:
            if "users/" in path:
                continue
            answer = await player.send(method, path, headers=headers)
            below = path.removeprefix("/api/v1/runners") or "/"
            assert (answer.status, answer.body["detail"]) == (
                403,
                f"User guest does not have right 29 to access to {below}.",
            )
        answer = await player.send("POST", "/api/v1/videos/upload", headers=headers, files={"name": (None, "a")})
        assert answer.status == 400  # for want of a file
        assert (await player.send("POST", "/api/v1/users/revoke-token", headers=headers)).status == 200


async def test_over_the_limit_an_account_that_is_no_administrator_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, player):
        await set_account(player, username="guest", password="secret", administrator=False)
        pair = (await grant(player, "guest", "secret")).body
        for _ in range(50):
            await player.send("GET", CLIENT)
        headers = {"Authorization": f"Bearer {pair['access_token']}"}
        assert (await player.send("GET", "/api/v1/runners", headers=headers)).status == 429


async def test_a_changed_password_is_the_one_that_counts_and_tokens_stay_good(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, player):
        await sign_in(player, DEFAULT_PASSWORD)
        await set_account(player, username="root", password="changed")
        assert (await grant(player, "root", DEFAULT_PASSWORD)).status == 400
        assert (await grant(player, "root", "changed")).status == 200
        assert (await player.admin("GET", "/api/v1/runners"))["total"] == 0


@pytest.mark.parametrize("account", [{}, {"username": "x"}, {"username": "", "password": "y"}], ids=str)
async def test_an_account_needs_a_name_and_a_password(tmp_path: Path, account: dict[str, str]) -> None:
    async with serving(tmp_path) as (_, player):
        assert (await player.send("POST", "/simulation/accounts", json=account)).status == 400


async def test_the_oauth_client_is_given_under_the_public_name_alone(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, player):
        answer = await player.send("GET", CLIENT, headers={"Host": "peertube.media.svc:9000"})
        assert (answer.status, "code" in answer.body) == (403, False)
        assert (await player.send("GET", CLIENT)).status == 200


ADMIN_ROUTES = [
    ("GET", "/api/v1/runners"),
    ("GET", "/api/v1/runners/jobs"),
    ("GET", "/api/v1/runners/registration-tokens"),
    ("POST", "/api/v1/runners/registration-tokens/generate"),
    ("DELETE", "/api/v1/runners/registration-tokens/1"),
    ("DELETE", "/api/v1/runners/1"),
    ("POST", "/api/v1/runners/jobs/00000000-0000-4000-8000-000000000000/cancel"),
    ("DELETE", "/api/v1/runners/jobs/00000000-0000-4000-8000-000000000000"),
    ("POST", "/api/v1/users/revoke-token"),
]


async def test_every_administrators_route_asks_for_a_bearer(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, player):
        for method, path in ADMIN_ROUTES:
            answer = await player.send(method, path)
            assert (answer.status, answer.body["code"]) == (401, "unauthorized_request"), path
        answer = await player.send("POST", "/api/v1/videos/upload", files={"name": (None, "a")})
        assert answer.status == 401
