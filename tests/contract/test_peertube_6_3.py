"""What PeerTube 6.3 does otherwise than 8.2, with a runner that works for it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from peers.peertube.media import make_sample
from peers.peertube.profile import AUDIO_MERGE, HLS, PEERTUBE_6_3, STORYBOARD, STUDIO, TRANSCRIPTION, WEB_VIDEO
from peers.peertube.replay import PUBLIC_URL, Player, sign_in
from peers.peertube.server import running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings
from peers.runner.conversation import calls_of_jobs, load
from peers.runner.program import Home, running_server
from peers.runner.scene import Scene, scene

pytestmark = pytest.mark.timeout(300)

JOBS = "/api/v1/runners/jobs"
RECORDING = Path(__file__).parent / "recordings" / "6.3.0" / "runner-0.6.0.jsonl"


@pytest.fixture
async def stage(home: Home) -> AsyncIterator[Scene]:
    async with scene(home, profile=PEERTUBE_6_3) as playing:
        yield playing


@pytest.fixture
async def player(tmp_path: Path) -> AsyncIterator[Player]:
    """A signed-in administrator of a 6.3."""
    settings = Settings(public_url=PUBLIC_URL, data_directory=tmp_path / "server", profile=PEERTUBE_6_3)
    async with running(settings) as server:
        player = Player(server.base_url)
        await sign_in(player, DEFAULT_PASSWORD)
        yield player
        await player.close()


async def until_complete(stage: Scene) -> None:
    async with asyncio.timeout(240):
        # Counted before it is looked, so that no result goes unnoticed that comes in between.
        seen = stage.conversation.count("/success")
        while not all(video.complete for video in await stage.admin(stage.server.videos)):
            await stage.conversation.wait_for_call("/success", seen + 1)
            seen = stage.conversation.count("/success")


async def test_the_runner_transcodes_for_a_6_3_with_the_calls_that_were_recorded(stage: Scene, tmp_path: Path) -> None:
    sample = tmp_path / "sample.mp4"
    await make_sample(sample, seconds=2, height=240)
    async with running_server(stage.home) as runner:
        await runner.wait_for_line("Server is ready to process jobs")
        await stage.register()
        await stage.admin(stage.server.upload, sample, "a video")
        await until_complete(stage)

    [video] = await stage.admin(stage.server.videos)
    made = sorted((output.kind, output.resolution, output.media["height"]) for output in video.outputs)
    assert made == [("hls", 144, 144), ("hls", 240, 240), ("web-video", 144, 144), ("web-video", 240, 240)]
    ours, official = calls_of_jobs(stage.conversation.events), calls_of_jobs(load(RECORDING, 0, 999))
    assert set(ours) == {WEB_VIDEO, HLS}
    assert {_shape(calls) for kind in ours for calls in ours[kind]} <= {
        _shape(calls) for kind in official for calls in official[kind]
    }
    statistics = await stage.admin(stage.server.statistics)
    assert (statistics.completed, statistics.aborts, statistics.errors, statistics.orphans) == (4, 0, 0, ())


def _shape(calls: list[str]) -> tuple[str, ...]:
    """Which calls in which order, without what depends on the file."""
    return tuple(call.split(" {")[0].split("?")[0].split(" [")[0] for call in calls)


async def test_a_runner_that_enabled_one_type_alone_is_handed_every_type(stage: Scene) -> None:
    await stage.register_beforehand()
    async with running_server(stage.home, "--enable-job", HLS) as runner:
        await runner.wait_for_line("Connected to")
        await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
        await stage.conversation.wait_for_call("/success")
    asked = [event["body"] for event in stage.conversation.events if event.get("path", "").endswith("/request")]
    assert all(body["jobTypes"] == [HLS] for body in asked)
    [job] = await stage.admin(stage.server.jobs)
    assert (job["type"], job["state"]["label"]) == (WEB_VIDEO, "Completed")


async def test_no_filter_by_type_and_no_unknown_state_or_type_is_minded(player: Player) -> None:
    for job_type in (WEB_VIDEO, TRANSCRIPTION):
        await player.send("POST", "/simulation/jobs", json={"type": job_type})
    for query in ("typeOneOf=video-transcription", "typeOneOf=video-import", "stateOneOf=1&typeOneOf=x"):
        assert (await player.admin("GET", f"{JOBS}?{query}"))["total"] == 2
    for query in ("stateOneOf=77", "stateOneOf=none"):
        assert (await player.admin("GET", f"{JOBS}?{query}"))["total"] == 0


async def test_there_are_no_storyboards_and_nobody_can_have_them(player: Player) -> None:
    assert (await player.send("POST", "/simulation/jobs", json={"type": STORYBOARD})).status == 400
    assert (await player.send("PUT", "/simulation/settings", json={"storyboards": True})).status == 400
    assert (await player.send("PUT", "/simulation/settings", json={"remoteRunners": {"storyboards": 1}})).status == 400
    assert "storyboards" not in (await player.send("GET", "/api/v1/config")).body


async def test_lower_resolutions_are_as_urgent_as_the_first_and_studio_jobs_less(player: Player) -> None:
    for job_type in (WEB_VIDEO, HLS, AUDIO_MERGE, STUDIO, TRANSCRIPTION):
        await player.send("POST", "/simulation/jobs", json={"type": job_type})
    jobs = (await player.admin("GET", f"{JOBS}?sort=createdAt"))["data"]
    assert [job["priority"] for job in jobs] == [100, 100, 100, 150, 200]
