"""What can befall a simulated server and its jobs."""

import asyncio
from pathlib import Path

import httpx
import pytest

from peers.peertube.client import SimulationClient
from peers.peertube.profile import LIVE, WEB_VIDEO
from peers.peertube.server import running
from peers.peertube.simulation import Settings


async def test_a_job_is_given_to_another_runner_and_the_one_before_is_refused(tmp_path: Path) -> None:
    async with running(Settings(public_url="", data_directory=tmp_path)) as server:

        def story() -> None:
            with SimulationClient(server.base_url) as client:
                client.login()
                first, _ = client.register("first"), client.register("second")
                (job,) = client.enqueue(WEB_VIDEO)
                with httpx.Client(base_url=server.base_url, trust_env=False) as runner:
                    path, body = f"/api/v1/runners/jobs/{job}", {"runnerToken": first}
                    token = runner.post(f"{path}/accept", json=body).json()["job"]["jobToken"]
                    client.hand_over(job, "second")
                    body |= {"jobToken": token, "reason": "mine"}
                    assert runner.post(f"{path}/abort", json=body).status_code == 404
                (row,) = client.jobs()
                assert row["runner"]["name"] == "second"

        await asyncio.to_thread(story)


async def test_a_restart_ends_lives_and_leaves_other_jobs_as_they_are(tmp_path: Path) -> None:
    async with running(Settings(public_url="", data_directory=tmp_path)) as server:

        def story() -> None:
            with SimulationClient(server.base_url) as client:
                client.login()
                (live,), (vod,) = client.enqueue(LIVE), client.enqueue(WEB_VIDEO)
                client.restart()
                assert {row["uuid"]: row["state"]["id"] for row in client.jobs()} == {live: 6, vod: 1}

        await asyncio.to_thread(story)


async def test_requests_are_logged_one_by_one_and_those_of_the_tests_are_not(tmp_path: Path) -> None:
    async with running(Settings(public_url="", data_directory=tmp_path)) as server:

        def story() -> None:
            with SimulationClient(server.base_url) as client:
                client.login()
                client.age(*client.enqueue(WEB_VIDEO), 400)
                client.jobs()
                (entry,) = client.requests("/runners/jobs")
                assert (entry["method"], entry["route"], entry["status"]) == ("GET", "GET /api/v1/runners/jobs", 200)
                assert entry["userAgent"].startswith("python-httpx")
                assert not client.requests("/simulation")

        await asyncio.to_thread(story)


async def test_what_cannot_be_handed_over_is_refused(tmp_path: Path) -> None:
    async with running(Settings(public_url="", data_directory=tmp_path)) as server:

        def story() -> None:
            with SimulationClient(server.base_url) as client:
                client.login()
                client.register("other")
                (job,) = client.enqueue(WEB_VIDEO)
                for uuid, runner in ((job, "other"), (job, "nobody"), ("absent", "other")):
                    with pytest.raises(Exception, match=r"40[04]"):
                        client.hand_over(uuid, runner)

        await asyncio.to_thread(story)
