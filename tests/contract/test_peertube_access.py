"""Sign-in, rate limits, and who may do what."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

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
