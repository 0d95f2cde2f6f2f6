"""The official runner's whole conversations with 6.3.0 and 8.2.1, spoken again to the simulated server.

Every HTTP call goes out in the recorded order with the recorded fields; what happened on the server's other side (two
uploads, a studio edit, a live stream) is done when the recording first shows its effect.
"""

import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import pytest_asyncio

from peers.peertube import completion, recordings
from peers.peertube.media import probe
from peers.peertube.profile import (
    AUDIO_MERGE,
    HLS,
    LIVE,
    PEERTUBE_6_3,
    PEERTUBE_8_2,
    STORYBOARD,
    STUDIO,
    WEB_VIDEO,
    ServerProfile,
)
from peers.peertube.recordings import UUID, Answer, differences
from peers.peertube.records import JobState, MediaInfo
from peers.peertube.replay import PUBLIC_URL, Player, sign_in
from peers.peertube.server import RunningServer, running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One conversation.

    Attributes:
        videos: What was uploaded, by the UUID that the recorded server gave it: `small`, `large`, `sound` or `live`.
        before: Uploaded before storyboards and sound-only files were switched on.
        too_early: When the runner asked before that server had queued the jobs of an edited video, which takes this
            one no time; these calls are left out.
        handed_back: Jobs that the runner handed back at its end, or that nobody had taken then.
    """

    profile: ServerProfile
    videos: Mapping[str, str]
    before: str | None = None
    too_early: frozenset[float] = frozenset()
    handed_back: int = 0

    @property
    def events(self) -> list[Mapping[str, Any]]:
        return recordings.conversation(self.profile.version)

    @property
    def calls(self) -> list[Mapping[str, Any]]:
        return [event for event in self.events if event["kind"] == "http" and event["t"] not in self.too_early]


RECORDED_6_3 = Recorded(
    profile=PEERTUBE_6_3,
    videos={
        "68040ed8-d191-44c5-bc06-12ff6ecea075": "small",
        "70d6a0a8-7ba0-4022-99d2-aab02f53ed4c": "sound",
        "00000000-0000-4000-8000-000000000000": "live",
        "34bd0042-f067-4b81-8a2b-1692d1287d10": "large",
    },
    too_early=frozenset({83.813}),
    handed_back=7,
)
RECORDED_8_2 = Recorded(
    profile=PEERTUBE_8_2,
    videos={
        "de51c345-32b8-477c-ae99-1f2aae83f7cf": "small",
        "c23a9f0f-4d3d-4f22-b9d9-dec1cfe67d6b": "small",
        "a4ca0760-340e-4fe7-8ab0-74f82166206d": "sound",
        "00000000-0000-4000-8000-000000000000": "live",
        "da223c26-50fe-4bfa-bfc5-cf9436ab5fe0": "large",
    },
    before="de51c345-32b8-477c-ae99-1f2aae83f7cf",
)
LIVE_VIDEO = "00000000-0000-4000-8000-000000000000"
BOTH = [RECORDED_6_3, RECORDED_8_2]
CONVERSATION = RECORDED_8_2.events


class Runner:
    """The recorded runner, and the people who upload meanwhile."""

    def __init__(self, recorded: Recorded, player: Player, media: Mapping[str, Path]) -> None:
        self._recorded = recorded
        self._player = player
        self._media = media
        self._seen_videos: set[str] = set()
        self._job_tokens: dict[str, str] = {}
        self._studio_done = False

    async def prepare(self) -> None:
        await sign_in(self._player, DEFAULT_PASSWORD)
        if self._recorded.before is not None:
            await self._player.send("PUT", "/simulation/settings", json={"storyboards": False, "soundOnlyFiles": False})
            await self._happen(self._recorded.before)
            await self._player.send("PUT", "/simulation/settings", json={"storyboards": True, "soundOnlyFiles": True})
        tokens = await self._player.admin("GET", "/api/v1/runners/registration-tokens")
        self._player.values["registrationToken"] = tokens["data"][0]["registrationToken"]

    async def repeat(self, call: Mapping[str, Any]) -> tuple[Answer, Answer]:
        """Make a recorded call; returns the recorded and the simulated answer."""
        for job in (call["response"] or {}).get("availableJobs", []):
            await self._cause(job)
        if (call["response"] or {}).get("detail") == "Session of this live ended":
            await self._player.send("POST", f"/simulation/lives/{self._player.identifiers[LIVE_VIDEO]}/end")
        job_uuid = next(iter(UUID.findall(call["path"])), "")
        answer = await self._player.send(call["method"], self._translated(call["path"]), **self._body(call, job_uuid))
        self._learn(call, answer, job_uuid)
        headers = {name: value for name, value in answer.headers.items() if name == "content-type"}
        expected = Answer(status=call["status"], headers=_json_header(call), body=call["response"])
        return expected, Answer(status=answer.status, headers=headers, body=answer.body)

    async def _cause(self, job: Mapping[str, Any]) -> None:
        """Do what made the recorded job appear, if that has not been done yet."""
        text = json.dumps(job["payload"])
        video = next(video for video in self._recorded.videos if video in text)
        if video not in self._seen_videos:
            await self._happen(video)
        if job["type"] == STUDIO and not self._studio_done:
            self._studio_done = True
            tasks = [{"name": "cut", "options": {"end": 3, "start": 1}}]
            order = {"type": STUDIO, "video": self._translated(video), "tasks": tasks}
            await self._player.send("POST", "/simulation/jobs", json=order)

    async def _happen(self, video: str) -> None:
        self._seen_videos.add(video)
        kind = self._recorded.videos[video]
        if kind == "live":
            order = {"type": LIVE, "resolution": 360}
            answer = await self._player.send("POST", "/simulation/jobs", json=order)
            self._player.identifiers[video] = answer.body["video"]
            return
        path = self._media[kind]
        files = {"videofile": (path.name, path.read_bytes(), "application/octet-stream")}
        body = await self._player.admin(
            "POST", "/api/v1/videos/upload", data={"name": path.stem, "channelId": "1"}, files=files
        )
        self._player.identifiers[video] = body["video"]["uuid"]

    def _translated(self, text: str) -> str:
        return UUID.sub(lambda match: self._player.identifiers.get(match.group(), match.group()), text)

    def _body(self, call: Mapping[str, Any], job_uuid: str) -> dict[str, Any]:
        values = {**self._player.values, "jobToken": self._job_tokens.get(job_uuid, "")}
        if isinstance(call["body"], dict):
            return {"json": {name: values.get(name, value) for name, value in call["body"].items()}}
        return {"files": [(part["name"], self._part(part, values)) for part in call["body"]]}

    def _part(self, part: Mapping[str, Any], values: Mapping[str, str]) -> tuple[str | None, Any, str | None]:
        if part["filename"] is None:
            return (None, values.get(part["name"], part["value"]), part["type"])
        is_video = part["filename"].endswith(".mp4")
        content = self._media["small"].read_bytes() if is_video else b"x" * min(part["size"], 1000)
        return (part["filename"], content, part["type"])

    def _learn(self, call: Mapping[str, Any], answer: Answer, job_uuid: str) -> None:
        """Remember this server's identifiers and tokens; jobs are recognised by their place in the offer."""
        if answer.status != call["status"] or not isinstance(answer.body, dict):
            return
        recorded, actual = (body.get("availableJobs", []) for body in (call["response"], answer.body))
        for left, right in zip(recorded, actual, strict=True):
            self._player.identifiers[left["uuid"]] = right["uuid"]
        if "runnerToken" in answer.body:
            self._player.values["runnerToken"] = answer.body["runnerToken"]
        if "job" in answer.body:
            self._job_tokens[job_uuid] = answer.body["job"]["jobToken"]


def _json_header(call: Mapping[str, Any]) -> dict[str, str]:
    if call["response"] is None:
        return {}
    kind = "application/json" if call["status"] < httpx.codes.BAD_REQUEST else "application/problem+json"
    return {"content-type": f"{kind}; charset=utf-8"}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("media")
    small = _video(directory / "small.mp4", "426x240", 25, 5)
    large = _video(directory / "large.mp4", "1280x720", 30, 20)
    sound = directory / "sound.mp3"
    _ffmpeg("-f", "lavfi", "-i", "sine=duration=6.5", str(sound))
    return {"small": small, "large": large, "sound": sound}


def _video(path: Path, size: str, fps: int, seconds: int) -> Path:
    """One second of picture, encoded once and repeated by copy, which costs next to nothing; sound all along."""
    second = path.with_name(f"one-second-{path.name}")
    picture = f"color=c=teal:size={size}:rate={fps}:duration=1"
    _ffmpeg("-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast", str(second))
    inputs = ("-stream_loop", str(seconds - 1), "-i", str(second), "-f", "lavfi", "-i", f"sine=duration={seconds}")
    _ffmpeg(*inputs, "-c:v", "copy", "-c:a", "aac", str(path))
    return path


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *arguments], check=True)


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running(Settings(public_url=PUBLIC_URL, data_directory=tmp_path / "server")) as server:
        yield server


@pytest.fixture
def each_result_is_probed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay delivers one and the same file 40 times; looking at it once spares 39 processes."""
    known: dict[int, MediaInfo] = {}

    async def probe_once(path: Path) -> MediaInfo:
        size = path.stat().st_size  # noqa: ASYNC240 - a test's own small file
        if size not in known:
            known[size] = await probe(path)
        return known[size]

    monkeypatch.setattr(completion, "probe", probe_once)


@pytest.mark.usefixtures("each_result_is_probed_once")
@pytest.mark.parametrize("recorded", BOTH, ids=lambda recorded: recorded.profile.version)
async def test_the_official_runners_conversation_gets_the_recorded_answers(
    recorded: Recorded, tmp_path: Path, media: dict[str, Path]
) -> None:
    settings = Settings(public_url=PUBLIC_URL, data_directory=tmp_path / "server", profile=recorded.profile)
    async with running(settings) as server:
        player = Player(server.base_url)
        runner = Runner(recorded, player, media)
        try:
            await runner.prepare()
            for index, call in enumerate(recorded.calls):
                expected, actual = await runner.repeat(call)
                assert differences(expected, actual) == [], f"call {index} at {call['t']} s: {call['path']}"
        finally:
            await player.close()
        jobs = list(server.simulation.queue)
    unfinished = [job for job in jobs if job.state is not JobState.COMPLETED]
    assert len(unfinished) == recorded.handed_back
    assert all(job.runner is None for job in unfinished)
    assert len(jobs) >= len({UUID.findall(call["path"])[0] for call in recorded.calls if "/accept" in call["path"]})


async def test_the_socket_shakes_hands_and_pushes_as_recorded(server: RunningServer) -> None:
    simulation = server.simulation
    token = simulation.runners.tokens[0].value
    runner = simulation.runners.register(
        registration_token=token, name="r", description=None, version=None, ip="127.0.0.1"
    )
    frames = [event["text"] for event in CONVERSATION if event["kind"] == "ws" and event["dir"] == "server->runner"]
    async with _socket(server) as socket:
        opened, recorded = json.loads((await socket.receive_str())[1:]), json.loads(frames[0][1:])
        assert {**opened, "sid": ""} == {**recorded, "sid": ""}
        await socket.send_str("40/runners," + json.dumps({"runnerToken": runner.token}))
        prefix, connected = (await socket.receive_str()).split(",", 1)
        assert (prefix, list(json.loads(connected))) == ("40/runners", ["sid"])
        simulation.socket.announce()
        assert await socket.receive_str() == '42/runners,["available-jobs"]'
        assert '42/runners,["available-jobs"]' in frames


async def test_the_socket_refuses_a_runner_token_that_it_does_not_know(server: RunningServer) -> None:
    async with _socket(server) as socket:
        await socket.receive_str()
        await socket.send_str('40/runners,{"runnerToken":"ptrt-unknown"}')
        assert (await socket.receive_str()).startswith('44/runners,{"message"')


@contextlib.asynccontextmanager
async def _socket(server: RunningServer) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A raw WebSocket, as the runner opens it."""
    url = f"{server.base_url}/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield socket


@pytest.mark.parametrize(("recorded", "calls"), [(RECORDED_6_3, 121), (RECORDED_8_2, 200)])
def test_the_recorded_conversations_have_all_that_the_replay_claims(recorded: Recorded, calls: int) -> None:
    assert len(recorded.calls) == calls
    endings = {call["path"].rpartition("/")[2] for call in recorded.calls}
    assert endings == {"register", "request", "accept", "update", "success", "abort"}
    offered = [job for call in recorded.calls for job in (call["response"] or {}).get("availableJobs", [])]
    storyboards = {STORYBOARD} & set(recorded.profile.job_types)
    assert {job["type"] for job in offered} == {WEB_VIDEO, HLS, AUDIO_MERGE, LIVE, STUDIO} | storyboards
