"""What the simulated server does wrong when it is told to, and what it counts meanwhile."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from peers.peertube.client import SimulationClient
from peers.peertube.faults import ADMINISTRATION
from peers.peertube.faulty import HUGE_NUMBER
from peers.peertube.profile import PEERTUBE_6_3, PEERTUBE_8_2, WEB_VIDEO, ServerProfile
from peers.peertube.replay import PUBLIC_URL, Player, sign_in
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings
from peers.plain_http import no_check

JOBS = "/api/v1/runners/jobs"
PING = "/api/v1/ping"
CONFIG = "/api/v1/config"
TOKEN = "/api/v1/users/token"


class Trouble:
    """A server that can be told to do wrong."""

    def __init__(self, server: RunningServer, player: Player) -> None:
        self.server = server
        self.player = player

    async def put_in(self, kind: str, **options: Any) -> str:
        answer = await self.player.send("POST", "/simulation/faults", json={"kind": kind, **options})
        assert answer.status == 200, answer.body
        return str(answer.body["canary"])

    async def lift(self) -> list[dict[str, Any]]:
        return list((await self.player.send("DELETE", "/simulation/faults")).body["data"])

    async def get(self, path: str) -> httpx.Response:
        """An administrator's request, its answer as it came."""
        headers = {"Authorization": f"Bearer {self.player.bearer}", "Host": "video.example.org"}
        async with self._client() as client:
            return await client.get(path, headers=headers, timeout=5)

    @contextlib.asynccontextmanager
    async def streamed(self, path: str) -> AsyncIterator[httpx.Response]:
        """An answer that is read as it comes."""
        async with (
            self._client() as client,
            client.stream("GET", path) as response,
        ):
            yield response

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.server.base_url, trust_env=False, verify=no_check())


@contextlib.asynccontextmanager
async def trouble(directory: Path, profile: ServerProfile = PEERTUBE_8_2) -> AsyncIterator[Trouble]:
    async with running(Settings(public_url=PUBLIC_URL, data_directory=directory, profile=profile)) as server:
        player = Player(server.base_url)
        try:
            await sign_in(player, DEFAULT_PASSWORD)
            await player.send("POST", "/simulation/jobs", json={"type": WEB_VIDEO})
            yield Trouble(server, player)
        finally:
            await player.close()


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        ({"kind": "status", "status": 401}, 401, {"content-type": "application/problem+json; charset=utf-8"}),
        ({"kind": "status", "status": 403}, 403, {"content-type": "application/problem+json; charset=utf-8"}),
        ({"kind": "status", "status": 429, "retryAfter": "7"}, 429, {"retry-after": "7"}),
        ({"kind": "status"}, 500, {"content-type": "application/problem+json; charset=utf-8"}),
        ({"kind": "html"}, 502, {"content-type": "text/html; charset=utf-8"}),
        ({"kind": "html", "status": 503, "retryAfter": "3"}, 503, {"retry-after": "3"}),
        ({"kind": "not-json"}, 200, {"content-type": "text/html; charset=utf-8"}),
        (
            {"kind": "redirect", "location": "https://other.example"},
            307,
            {"location": f"https://other.example{JOBS}?stateOneOf=1"},
        ),
    ],
    ids=lambda value: value.get("kind", "") if isinstance(value, dict) else str(value),
)
async def test_a_fault_answers_in_the_servers_place_until_it_is_lifted(
    tmp_path: Path, fault: dict[str, Any], status: int, headers: dict[str, str]
) -> None:
    async with trouble(tmp_path) as bad:
        canary = await bad.put_in(**fault)
        answer = await bad.get(f"{JOBS}?stateOneOf=1")
        assert (answer.status_code, canary in answer.text) == (status, True)
        assert {name: answer.headers[name] for name in headers} == headers
        assert [(lifted["kind"], lifted["met"]) for lifted in await bad.lift()] == [(fault["kind"], 1)]
        assert (await bad.get(JOBS)).json()["total"] == 1


async def test_a_refusal_names_a_code_and_on_6_3_the_legacy_error(tmp_path: Path) -> None:
    async with trouble(tmp_path, PEERTUBE_6_3) as bad:
        await bad.put_in("status", status=401)
        assert ((await bad.get(JOBS)).json()["code"], "error" in (await bad.get(JOBS)).json()) == (
            "invalid_token",
            True,
        )
        await bad.put_in("status", status=400, code="account_blocked")
        assert (await bad.get(JOBS)).json()["code"] == "account_blocked"


async def test_truncated_json_ends_in_the_middle_and_is_a_whole_answer_for_http(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        canary = await bad.put_in("truncated")
        answer = await bad.get(JOBS)
        assert (answer.status_code, canary in answer.text) == (200, True)
        with pytest.raises(json.JSONDecodeError):
            answer.json()


async def test_wrong_types_and_numbers_come_in_the_servers_own_answer(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        canary = await bad.put_in("wrong-types")
        wrong = (await bad.get(JOBS)).json()
        assert {name: wrong[name] for name in ("total", "data")} == {"total": f"{canary} int", "data": f"{canary} list"}
        assert isinstance((await bad.get(CONFIG)).json()["serverVersion"], int)
        await bad.put_in("negative")
        negative = (await bad.get(JOBS)).json()
        assert (negative["total"], negative["data"][0]["priority"] < 0) == (-2, True)
        await bad.put_in("huge")
        assert (await bad.get(JOBS)).json()["total"] == HUGE_NUMBER


async def test_silence_gives_no_answer_and_ends_without_one(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in("silence", path=JOBS)
        asked = asyncio.create_task(bad.get(JOBS))
        while not bad.server.simulation.journal.faulty["silence"]:
            assert (await bad.get(PING)).status_code == 200
        assert not asked.done()
        await bad.lift()
        with pytest.raises(httpx.RemoteProtocolError):
            await asked
        assert (await bad.get(JOBS)).status_code == 200


async def test_silence_is_broken_off_by_a_client_that_has_had_enough(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in("silence", path=JOBS)
        asked = asyncio.create_task(bad.get(JOBS))
        while not bad.server.simulation.journal.faulty["silence"]:
            await bad.get(PING)
        asked.cancel()
        requests = bad.server.simulation.journal.requests[f"GET {JOBS}"]
        while not requests[0]:
            await bad.get(PING)


async def test_a_drip_fed_body_comes_byte_by_byte_and_fast_once_it_is_lifted(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in("drip", bytesPerSecond=5)
        began = time.monotonic()
        async with bad.streamed(CONFIG) as response:
            body = response.aiter_raw()
            first = [await anext(body) for _ in range(4)]
            seconds = time.monotonic() - began
            await bad.lift()
            rest = b"".join([chunk async for chunk in body])
        assert b"".join(first).startswith(b'{"c')
        assert all(len(chunk) == 1 for chunk in first)
        assert seconds >= 0.55
        assert json.loads(b"".join(first) + rest)["serverVersion"] == "8.2.1"


async def test_an_endless_body_goes_on_until_the_client_leaves(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        canary = await bad.put_in("endless")
        read = 0
        async with bad.streamed(CONFIG) as response:
            async for chunk in response.aiter_raw():
                assert read or canary.encode() in chunk
                read += len(chunk)
                if read > 20_000_000:
                    break
        requests = bad.server.simulation.journal.requests[f"GET {CONFIG}"]
        while not requests.total():
            await bad.player.send("GET", "/simulation/faults")


@pytest.mark.parametrize("kind", ["closed", "cut"])
async def test_a_connection_is_closed_before_its_answer_or_within_it(tmp_path: Path, kind: str) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in(kind)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await bad.get(CONFIG)
        assert bad.server.simulation.journal.requests[f"GET {CONFIG}"] == {0: 1}


async def test_a_slow_server_answers_rightly_in_the_end(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in("slow", seconds=0.3)
        began = time.monotonic()
        assert (await bad.get(JOBS)).json()["total"] == 1
        assert time.monotonic() - began >= 0.3


async def test_a_fault_strikes_only_where_how_and_how_often_it_is_told_to(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in("status", path=f"{JOBS}.*", methods=["GET"], times=2)
        runner = bad.server.simulation.runners.register(
            registration_token=bad.server.simulation.runners.tokens[0].value,
            name="r",
            description=None,
            version=None,
            ip="127.0.0.1",
        )
        answer = await bad.player.send("POST", f"{JOBS}/request", json={"runnerToken": runner.token})
        assert answer.status == 200
        assert [(await bad.get(JOBS)).status_code for _ in range(3)] == [500, 500, 200]
        assert (await bad.get(PING)).status_code == 200


async def test_administration_can_be_struck_alone_so_that_runners_go_on(tmp_path: Path) -> None:
    job = "00000000-0000-4000-8000-000000000000"
    async with trouble(tmp_path) as bad:
        await bad.put_in("status", status=503, path=ADMINISTRATION)
        for method, path in (
            ("GET", CONFIG),
            ("GET", "/api/v1/oauth-clients/local"),
            ("POST", TOKEN),
            ("GET", "/api/v1/runners"),
            ("POST", "/api/v1/runners/register"),
            ("DELETE", "/api/v1/runners/7"),
            ("GET", "/api/v1/runners/registration-tokens"),
            ("GET", JOBS),
            ("POST", f"{JOBS}/{job}/cancel"),
        ):
            assert (await bad.player.send(method, path)).status == 503, path
        for path in ("request", f"{job}/accept", f"{job}/abort", f"{job}/error", f"{job}/update", f"{job}/success"):
            assert (await bad.player.send("POST", f"{JOBS}/{path}", json={})).status != 503, path


async def test_of_two_faults_the_later_strikes_and_the_earlier_when_that_one_is_spent(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        await bad.put_in("html")
        await bad.put_in("status", status=429, times=1)
        assert [(await bad.get(JOBS)).status_code for _ in range(2)] == [429, 502]
        shown = (await bad.player.send("GET", "/simulation/faults")).body["data"]
        assert [(fault["kind"], fault["met"]) for fault in shown] == [("html", 1), ("status", 1)]


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "earthquake"},
        {"kind": "status", "colour": "red"},
        {"kind": "status", "status": 999},
        {"kind": "status", "path": "("},
        {"kind": "status", "times": 0},
        {"kind": "redirect"},
        {"kind": "drip", "bytesPerSecond": 0},
        {"kind": "slow", "seconds": "long"},
    ],
    ids=str,
)
async def test_a_fault_that_makes_no_sense_is_refused(tmp_path: Path, fault: dict[str, Any]) -> None:
    async with trouble(tmp_path) as bad:
        answer = await bad.player.send("POST", "/simulation/faults", json=fault)
        assert (answer.status, await bad.lift()) == (400, [])


async def test_every_request_is_counted_with_its_second_also_during_a_fault(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        began = int(time.time())
        await bad.put_in("html", path=f"({TOKEN}|{JOBS})")
        for grant_type in ("password", "password", "refresh_token"):
            await bad.player.send("POST", TOKEN, data={"grant_type": grant_type})
        await bad.get(JOBS)
        await bad.lift()
        await bad.get(JOBS)
        with await asyncio.to_thread(SimulationClient, bad.server.base_url) as client:
            statistics = await asyncio.to_thread(client.statistics)
        assert statistics.requests[f"GET {JOBS}"] == {"502": 1, "200": 1}
        assert statistics.requests_to(f"POST {TOKEN}") == 4
        assert (statistics.logins, statistics.login_attempts) == ({"password": 1}, {"password": 3, "refresh_token": 1})
        assert statistics.faulty == {"html": 4}
        assert statistics.arrived(began, route=f"GET {JOBS}") == 2
        assert statistics.arrived(0, began - 3600) == 0
        assert 1 <= statistics.most_in_a_second(f"POST {TOKEN}") <= 4
        assert not any("/simulation" in route for route in statistics.requests)


async def test_the_client_puts_faults_in_and_lifts_them(tmp_path: Path) -> None:
    async with trouble(tmp_path) as bad:
        with await asyncio.to_thread(SimulationClient, bad.server.base_url) as client:
            canary = await asyncio.to_thread(client.put_in_fault, "status", status=403)
            assert canary in (await bad.get(CONFIG)).text
            [lifted] = await asyncio.to_thread(client.lift_faults)
            assert (lifted["canary"], lifted["met"]) == (canary, 1)
