"""What `/config` says goes to runners, and what becomes of work that does not."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from peers.peertube.media import make_sample
from peers.peertube.profile import PEERTUBE_6_3, PEERTUBE_8_2, ServerProfile
from peers.peertube.replay import PUBLIC_URL, Player, sign_in
from peers.peertube.server import running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings

SETTINGS = "/simulation/settings"
CONFIG = "/api/v1/config"
BOTH = pytest.mark.parametrize("profile", [PEERTUBE_6_3, PEERTUBE_8_2], ids=lambda profile: profile.version)


@contextlib.asynccontextmanager
async def serving(directory: Path, profile: ServerProfile) -> AsyncIterator[Player]:
    async with running(Settings(public_url=PUBLIC_URL, data_directory=directory, profile=profile)) as server:
        player = Player(server.base_url)
        try:
            await sign_in(player, DEFAULT_PASSWORD)
            yield player
        finally:
            await player.close()


def switches(config: Any) -> dict[str, bool]:
    """The remote-runner switches by where they stand."""
    places = {
        "transcoding": config["transcoding"],
        "live": config["live"]["transcoding"],
        "studio": config["videoStudio"],
        "transcription": config["videoTranscription"],
        "storyboards": config.get("storyboards"),
    }
    return {name: place["remoteRunners"]["enabled"] for name, place in places.items() if place is not None}


@BOTH
async def test_the_configuration_is_public_and_names_version_and_switches(
    tmp_path: Path, profile: ServerProfile
) -> None:
    async with serving(tmp_path, profile) as player:
        config = (await player.send("GET", CONFIG)).body
        storyboards = {"storyboards": True} if profile is PEERTUBE_8_2 else {}
        assert config["serverVersion"] == profile.version
        assert switches(config) == {
            "transcoding": True,
            "live": True,
            "studio": True,
            "transcription": False,
            **storyboards,
        }


@BOTH
async def test_each_switch_is_set_alone(tmp_path: Path, profile: ServerProfile) -> None:
    async with serving(tmp_path, profile) as player:
        names = list(switches((await player.send("GET", CONFIG)).body))
        for name in names:
            before = switches((await player.send("GET", CONFIG)).body)
            changed = {**before, name: not before[name]}
            answer = await player.send("PUT", SETTINGS, json={"remoteRunners": {name: changed[name]}})
            assert answer.body["remoteRunners"][name] is changed[name]
            assert switches((await player.send("GET", CONFIG)).body) == changed


@pytest.mark.parametrize("wish", [True, {"studios": True}, {"studio": "yes"}], ids=str)
async def test_a_switch_that_there_is_not_is_refused(tmp_path: Path, wish: object) -> None:
    async with serving(tmp_path, PEERTUBE_8_2) as player:
        assert (await player.send("PUT", SETTINGS, json={"remoteRunners": wish})).status == 400


async def test_what_the_server_does_itself_never_comes_into_the_queue(tmp_path: Path) -> None:
    sample = tmp_path / "sample.mp4"
    await make_sample(sample, seconds=1, height=144)

    async def types_after_upload(**remote_runners: bool) -> set[str]:
        await player.send("PUT", SETTINGS, json={"remoteRunners": remote_runners})
        before = (await player.admin("GET", "/api/v1/runners/jobs?count=0"))["total"]
        files = {"videofile": (sample.name, sample.read_bytes())}
        await player.admin("POST", "/api/v1/videos/upload", data={"name": "a"}, files=files)
        jobs = await player.admin("GET", f"/api/v1/runners/jobs?sort=createdAt&start={before}")
        return {job["type"] for job in jobs["data"]}

    async with serving(tmp_path / "server", PEERTUBE_8_2) as player:
        vod = {"vod-web-video-transcoding", "vod-hls-transcoding"}
        assert await types_after_upload() == {*vod, "generate-video-storyboard"}
        assert await types_after_upload(storyboards=False) == vod
        assert await types_after_upload(transcoding=False, storyboards=True) == {"generate-video-storyboard"}
        assert await types_after_upload(transcoding=False, storyboards=False) == set()


@BOTH
async def test_jobs_that_are_in_the_queue_stay_when_their_switch_goes_off(
    tmp_path: Path, profile: ServerProfile
) -> None:
    async with serving(tmp_path, profile) as player:
        await player.send("POST", "/simulation/jobs", json={"type": "vod-hls-transcoding"})
        await player.send("PUT", SETTINGS, json={"remoteRunners": {"transcoding": False}})
        assert (await player.admin("GET", "/api/v1/runners/jobs?stateOneOf=1"))["total"] == 1
