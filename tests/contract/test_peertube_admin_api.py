"""The administrator's side, the simulation's own routes, the client and the command line."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from peers.peertube.client import SimulationClient
from peers.peertube.media import make_sample
from peers.peertube.profile import HLS, LIVE, STORYBOARD, STUDIO, WEB_VIDEO
from peers.peertube.records import JobState
from peers.peertube.replay import PUBLIC_URL, Player, sign_in
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings

JOBS = "/api/v1/runners/jobs"
TOKENS = "/api/v1/runners/registration-tokens"


@contextlib.asynccontextmanager
async def administered(directory: Path) -> AsyncIterator[tuple[RunningServer, Player]]:
    async with running(Settings(public_url=PUBLIC_URL, data_directory=directory)) as server:
        player = Player(server.base_url)
        try:
            await sign_in(player, DEFAULT_PASSWORD)
            yield server, player
        finally:
            await player.close()


async def enqueue(player: Player, **order: object) -> list[str]:
    answer = await player.send("POST", "/simulation/jobs", json=order)
    assert answer.status == 200, answer.body
    return list(answer.body["jobs"])


async def test_the_list_filters_by_state_type_runner_and_uuid(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, player):
        web = await enqueue(player, type=WEB_VIDEO, count=3)
        (hls,) = await enqueue(player, type=HLS, parent=web[0])
        runner = server.simulation.runners.register(
            registration_token=server.simulation.runners.tokens[0].value,
            name="Pool-7",
            description=None,
            version=None,
            ip="127.0.0.1",
        )
        await player.send("POST", f"{JOBS}/{web[1]}/accept", json={"runnerToken": runner.token})

        async def found(query: str) -> list[str]:
            return [job["uuid"] for job in (await player.admin("GET", f"{JOBS}?sort=createdAt&{query}"))["data"]]

        assert await found("stateOneOf=2") == [web[1]]
        assert await found("stateOneOf=1&stateOneOf=5") == [web[0], web[2], hls]
        assert await found("typeOneOf=vod-hls-transcoding&typeOneOf=video-transcription") == [hls]
        assert await found("search=pool-7") == [web[1]]
        assert await found("search=HLS") == [hls]
        assert await found(f"search={web[2]}") == [web[2]]


async def test_pages_follow_start_and_count_and_totals_do_not(tmp_path: Path) -> None:
    async with administered(tmp_path) as (_, player):
        jobs = await enqueue(player, type=WEB_VIDEO, count=20)
        default = await player.admin("GET", f"{JOBS}?sort=createdAt")
        assert (default["total"], [job["uuid"] for job in default["data"]]) == (20, jobs[:15])
        page = await player.admin("GET", f"{JOBS}?sort=createdAt&start=18&count=100")
        assert (page["total"], [job["uuid"] for job in page["data"]]) == (20, jobs[18:])


async def test_the_list_sorts_by_every_column_both_ways(tmp_path: Path) -> None:
    async with administered(tmp_path) as (_, player):
        (late,) = await enqueue(player, type=WEB_VIDEO, priority=7)
        (soon,) = await enqueue(player, type=STORYBOARD, priority=3)
        for column in ("priority", "createdAt", "updatedAt", "state", "progress"):
            for sort in (column, f"-{column}"):
                assert (await player.admin("GET", f"{JOBS}?sort={sort}"))["total"] == 2
        up = [job["uuid"] for job in (await player.admin("GET", f"{JOBS}?sort=priority"))["data"]]
        down = [job["uuid"] for job in (await player.admin("GET", f"{JOBS}?sort=-priority"))["data"]]
        assert (up, down) == ([soon, late], [late, soon])


BAD_QUERIES = ["start=-1", "start=x", "count=x", "typeOneOf=video-import", "stateOneOf=x", "sort=-uuid"]


@pytest.mark.parametrize("query", BAD_QUERIES)
async def test_a_query_that_the_server_does_not_know_is_refused_by_its_name(tmp_path: Path, query: str) -> None:
    async with administered(tmp_path) as (_, player):
        headers = {"Authorization": f"Bearer {player.bearer}"}
        answer = await player.send("GET", f"{JOBS}?{query}", headers=headers)
        assert answer.status == 400
        assert list(answer.body["invalid-params"]) == [query.partition("=")[0]]


async def test_what_is_over_cannot_be_cancelled_but_deleted(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, player):
        (job,) = await enqueue(player, type=WEB_VIDEO)
        (child,) = await enqueue(player, type=HLS, parent=job)
        await player.admin("POST", f"{JOBS}/{job}/cancel")
        headers = {"Authorization": f"Bearer {player.bearer}"}
        assert (await player.send("POST", f"{JOBS}/{job}/cancel", headers=headers)).status == 400
        found = server.simulation.queue.get(child)
        assert found is not None
        assert found.state is JobState.PARENT_CANCELLED
        await player.admin("DELETE", f"{JOBS}/{job}")
        assert (await player.admin("GET", JOBS))["total"] == 0
        assert (await player.send("DELETE", f"{JOBS}/{job}", headers=headers)).status == 404
        assert (await player.send("DELETE", f"{JOBS}/nonsense", headers=headers)).status == 400


async def test_deleting_a_registration_token_deletes_its_runners(tmp_path: Path) -> None:
    async with administered(tmp_path) as (_, player):
        await player.admin("POST", f"{TOKENS}/generate")
        newest, oldest = (await player.admin("GET", f"{TOKENS}?sort=-createdAt"))["data"]
        for name, token in (("a", oldest), ("b", newest), ("c", newest)):
            body = {"registrationToken": token["registrationToken"], "name": name}
            assert (await player.send("POST", "/api/v1/runners/register", json=body)).status == 200
        counts = [row["registeredRunnersCount"] for row in (await player.admin("GET", TOKENS))["data"]]
        assert counts == [2, 1]
        await player.admin("DELETE", f"{TOKENS}/{newest['id']}")
        assert [row["name"] for row in (await player.admin("GET", "/api/v1/runners"))["data"]] == ["a"]
        headers = {"Authorization": f"Bearer {player.bearer}"}
        assert (await player.send("DELETE", f"{TOKENS}/{newest['id']}", headers=headers)).status == 404
        assert (await player.send("DELETE", f"{TOKENS}/x", headers=headers)).status == 400


async def test_the_job_of_a_runner_that_went_with_its_token_stays_in_processing_for_nobody(tmp_path: Path) -> None:
    async with administered(tmp_path) as (_, player):
        [job] = await enqueue(player, type=WEB_VIDEO)
        [token] = (await player.admin("GET", TOKENS))["data"]
        body = {"registrationToken": token["registrationToken"], "name": "a"}
        runner = (await player.send("POST", "/api/v1/runners/register", json=body)).body["runnerToken"]
        await player.send("POST", f"{JOBS}/{job}/accept", json={"runnerToken": runner})
        await player.admin("DELETE", f"{TOKENS}/{token['id']}")
        [row] = (await player.admin("GET", JOBS))["data"]
        assert (row["state"]["id"], row["runner"]) == (2, None)
        answer = await player.send("POST", f"{JOBS}/request", json={"runnerToken": runner})
        assert (answer.status, answer.body["code"]) == (404, "unknown_runner_token")
        assert (await player.send("POST", "/api/v1/runners/register", json=body)).status == 404


async def test_an_upload_that_is_no_media_or_has_no_name_is_refused(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, player):
        headers = {"Authorization": f"Bearer {player.bearer}"}
        path = "/api/v1/videos/upload"
        file = {"videofile": ("a.mp4", b"not a video")}
        assert (await player.send("POST", path, headers=headers, data={"name": "a"}, files=file)).status == 422
        assert (await player.send("POST", path, headers=headers, files=file)).status == 400
        assert (await player.send("POST", path, headers=headers, files={"name": (None, "a")})).status == 400
        assert list(server.simulation.library) == []
        assert list((tmp_path / "incoming").iterdir()) == []


BAD_ORDERS: list[object] = [
    {},
    {"type": "video-import"},
    {"type": WEB_VIDEO, "colour": "red"},
    {"type": WEB_VIDEO, "parent": "nobody"},
    {"type": WEB_VIDEO, "video": "none"},
    [],
]


@pytest.mark.parametrize("order", BAD_ORDERS, ids=str)
async def test_an_order_for_plain_jobs_that_cannot_be_met_is_refused(tmp_path: Path, order: object) -> None:
    async with administered(tmp_path) as (server, player):
        assert (await player.send("POST", "/simulation/jobs", json=order)).status == 400
        assert list(server.simulation.queue) == []


async def test_plain_jobs_have_their_types_priority_unless_told_otherwise(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, player):
        for job_type in (WEB_VIDEO, STORYBOARD, STUDIO, LIVE):
            await enqueue(player, type=job_type)
        await enqueue(player, type=WEB_VIDEO, priority=1)
        assert [job.priority for job in server.simulation.queue] == [100, 95, 150, 100, 1]


async def test_settings_change_what_is_given_and_refuse_what_is_fixed(tmp_path: Path) -> None:
    async with administered(tmp_path) as (server, player):
        changes = {"completingSeconds": 2, "watchdog": False, "resolutions": [240], "accessTokenSeconds": 30}
        answer = await player.send("PUT", "/simulation/settings", json=changes)
        assert {key: answer.body[key] for key in changes} == changes
        assert (answer.body["storyboards"], server.simulation.watchdog.enabled) == (True, False)
        assert (await player.send("PUT", "/simulation/settings", json={"version": "6.3.0"})).status == 400
        assert (await player.send("PUT", "/simulation/settings", json={"speed": 2})).status == 400


def _administer(base_url: str, sample: Path) -> None:
    with SimulationClient(base_url) as client:
        client.login()
        video = client.upload(sample, "sample")
        token = client.register("r", "for a test")
        (runner,) = client.runners()
        (plain,) = client.enqueue(HLS, priority=1)
        offer = httpx.post(f"{base_url}{JOBS}/request", json={"runnerToken": token}, trust_env=False).json()
        assert offer["availableJobs"][0]["uuid"] == plain
        httpx.post(f"{base_url}{JOBS}/{plain}/accept", json={"runnerToken": token}, trust_env=False)
        client.delete_runner(runner["id"])
        statistics = client.statistics()
        assert (statistics.accepts, statistics.orphans, statistics.completed) == (1, (plain,), 0)
        assert statistics.requests_to(f"POST {JOBS}/request") == 1
        history = next(job for job in statistics.jobs if job.uuid == plain)
        assert [step["cause"] for step in history.history] == ["created", "accept"]
        assert (history.count("accept"), history.history[1]["runner"]) == (1, "r")
        client.cancel(plain)
        client.delete_job(plain)
        assert len(client.jobs()) == len(client.jobs(stateOneOf=[1, 5])) == 6
        (uploaded, _) = client.videos()
        assert (uploaded.uuid, uploaded.state, uploaded.complete) == (video, "transcoding", False)
        assert (uploaded.source["width"], uploaded.source["hasAudio"]) == (426, True)
        assert client.set(completingSeconds=1)["completingSeconds"] == 1


async def test_the_client_does_what_tests_and_the_demo_need(tmp_path: Path) -> None:
    sample = tmp_path / "sample.mp4"
    await make_sample(sample, seconds=1, height=240)
    settings = Settings(public_url=PUBLIC_URL, data_directory=tmp_path / "server")
    async with running(settings) as server:
        await asyncio.to_thread(_administer, server.base_url, sample)


async def test_a_server_for_a_test_needs_no_settings() -> None:
    async with running(clock_divisor=10) as server:
        assert server.simulation.settings.public_url == server.base_url
        assert server.simulation.clock.divisor == 10


def _command(tmp_path: Path, listen: str) -> subprocess.Popen[str]:
    password = tmp_path / "password"
    password.write_text("another-password\n")
    options = ["--listen", listen, "--public-url", "http://video.test", "--data-dir", str(tmp_path / "data")]
    return subprocess.Popen(
        [sys.executable, "-m", "peers.peertube", *options, "--password-file", str(password), "--watchdog", "off"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_says_when_it_is_ready_and_ends_on_sigterm(tmp_path: Path) -> None:
    with _command(tmp_path, "127.0.0.1:0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        base_url = line.split(" ready on ")[1].split()[0]
        with SimulationClient(base_url, password="another-password") as client:
            client.login()
            assert client.set()["watchdog"] is False
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")


def test_the_command_says_what_to_do_when_it_cannot_listen(tmp_path: Path) -> None:
    with _command(tmp_path, "192.0.2.1:9000") as process:
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
        assert "choose another --listen" in errors
