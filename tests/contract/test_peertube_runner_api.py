"""The runner's side of the simulated server, over HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from peers.peertube.media import make_sample
from peers.peertube.profile import (
    AUDIO_MERGE,
    HLS,
    LIVE,
    PEERTUBE_8_2,
    STORYBOARD,
    STUDIO,
    TRANSCRIPTION,
    WEB_VIDEO,
    ServerProfile,
)
from peers.peertube.recordings import Answer
from peers.peertube.records import JobState
from peers.peertube.replay import PUBLIC_URL, Player, results, sign_in, work_off
from peers.peertube.server import running
from peers.peertube.simulation import DEFAULT_PASSWORD, Settings, Simulation

JOBS = "/api/v1/runners/jobs"


class Peer:
    """A server, an administrator and a runner."""

    def __init__(self, simulation: Simulation, player: Player) -> None:
        self.simulation = simulation
        self.player = player
        self.token = self.register("runner-a")

    def register(self, name: str) -> str:
        registration = self.simulation.runners.tokens[-1].value
        return self.simulation.runners.register(
            registration_token=registration, name=name, description=None, version=None, ip="127.0.0.1"
        ).token

    async def enqueue(self, job_type: str = WEB_VIDEO, **order: Any) -> str:
        answer = await self.player.send("POST", "/simulation/jobs", json={"type": job_type, **order})
        assert answer.status == 200, answer.body
        return str(answer.body["jobs"][0])

    async def accept(self, job: str, token: str | None = None) -> Answer:
        return await self.player.send("POST", f"{JOBS}/{job}/accept", json={"runnerToken": token or self.token})

    async def take(self, job: str) -> dict[str, str]:
        """Accept a job; returns what every later call needs."""
        answer = await self.accept(job)
        assert answer.status == 200, answer.body
        return {"runnerToken": self.token, "jobToken": answer.body["job"]["jobToken"]}

    async def post(self, job: str, action: str, body: dict[str, Any]) -> Answer:
        return await self.player.send("POST", f"{JOBS}/{job}/{action}", json=body)

    async def post_form(self, job: str, action: str, fields: dict[str, str], **files: Any) -> Answer:
        parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
        return await self.player.send("POST", f"{JOBS}/{job}/{action}", files={**parts, **files})

    def state(self, job: str) -> JobState:
        found = self.simulation.queue.get(job)
        assert found is not None
        return found.state


@contextlib.asynccontextmanager
async def peers(directory: Path, profile: ServerProfile = PEERTUBE_8_2) -> AsyncIterator[Peer]:
    settings = Settings(public_url=PUBLIC_URL, data_directory=directory / "server", profile=profile)
    async with running(settings) as server:
        player = Player(server.base_url)
        try:
            yield Peer(server.simulation, player)
        finally:
            await player.close()


async def test_of_two_accepts_at_once_one_gets_409_and_a_later_one_400(tmp_path: Path) -> None:
    # Long enough for both requests to be inside it on a busy machine.
    slow_transaction = replace(PEERTUBE_8_2, accept_seconds=1.0)
    async with peers(tmp_path, slow_transaction) as peer:
        job = await peer.enqueue()
        answers = await asyncio.gather(peer.accept(job), peer.accept(job, peer.register("runner-b")))
        assert sorted(answer.status for answer in answers) == [200, 409]
        refused = max(answers, key=lambda answer: answer.status)
        assert refused.body["code"] == "runner_job_not_in_pending_state"
        late = await peer.accept(job)
        assert (late.status, "code" in late.body) == (400, False)


async def test_a_json_report_of_progress_is_answered_with_500(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue()
        tokens = await peer.take(job)
        assert (await peer.post(job, "update", {**tokens, "progress": 3})).status == 500
        assert (await peer.post_form(job, "update", {**tokens, "progress": "3"})).status == 204
        assert (await peer.post_form(job, "update", {**tokens, "progress": "101"})).status == 400


async def test_files_are_served_only_to_the_jobs_runner_while_it_is_processed(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue(file=True, seconds=1, resolution=144)
        found = peer.simulation.queue.get(job)
        assert found is not None
        path = found.payload["input"]["videoFileUrl"].removeprefix(PUBLIC_URL)
        tokens = await peer.take(job)
        assert (await peer.player.send("POST", path, json={**tokens, "jobToken": "ptrjt-other"})).status == 404
        served = await peer.player.send("POST", path, json=tokens)
        assert (served.status, served.headers["content-type"]) == (200, "video/mp4")
        source = next(iter(peer.simulation.library)).source
        assert source is not None
        assert int(served.headers["content-length"]) == source.stat().st_size
        assert (await peer.player.send("POST", f"{path}/audio", json=tokens)).status == 200
        thumbnail = path.replace("max-quality", "thumbnails/max-quality")
        assert (await peer.player.send("POST", thumbnail, json=tokens)).status == 404
        await peer.post(job, "abort", {**tokens, "reason": "stopped"})
        assert (await peer.player.send("POST", path, json=tokens)).status == 404


async def test_another_videos_files_are_not_served(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job, _ = await peer.enqueue(), await peer.enqueue(file=True, seconds=1, resolution=144)
        tokens = await peer.take(job)
        foreign = list(peer.simulation.library)[1].uuid
        answer = await peer.player.send("POST", f"{JOBS}/{job}/files/videos/{foreign}/max-quality", json=tokens)
        assert answer.status == 404


async def test_a_result_waits_for_completing_and_late_updates_get_a_silent_204(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue()
        tokens = await peer.take(job)
        peer.simulation.completer.seconds = 1.5
        success = asyncio.create_task(peer.post_form(job, "success", tokens, **results(WEB_VIDEO, b"x")))
        while peer.state(job) is not JobState.COMPLETING:
            await peer.player.send("GET", "/api/v1/ping")
        assert (await peer.post_form(job, "update", {**tokens, "progress": "99"})).status == 204
        refused = await peer.post(job, "error", {**tokens, "message": "too late"})
        assert (refused.status, refused.body["code"]) == (400, "runner_job_not_in_processing_state")
        assert not success.done()
        assert (await success).status == 204
        assert peer.state(job) is JobState.COMPLETED
        assert (await peer.post_form(job, "update", tokens)).status == 204


async def test_a_result_without_its_files_is_refused_and_the_job_stays(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue(HLS)
        tokens = await peer.take(job)
        video_alone = {"payload[videoFile]": ("v.mp4", b"x", "video/mp4")}
        assert (await peer.post_form(job, "success", tokens, **video_alone)).status == 400
        assert peer.state(job) is JobState.PROCESSING
        assert list((tmp_path / "server" / "incoming").iterdir()) == []


async def test_a_result_that_is_no_video_ends_the_job_in_error(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue(file=True, seconds=1, resolution=144)
        tokens = await peer.take(job)
        assert (await peer.post_form(job, "success", tokens, **results(WEB_VIDEO, b"not a video"))).status == 204
        assert peer.state(job) is JobState.ERRORED


@pytest.mark.parametrize("action", ["abort", "error"])
async def test_a_reason_may_have_5000_characters_and_must_not_be_missing(tmp_path: Path, action: str) -> None:
    name = {"abort": "reason", "error": "message"}[action]
    async with peers(tmp_path) as peer:
        job = await peer.enqueue()
        tokens = await peer.take(job)
        for bad in ({}, {name: ""}, {name: "x" * 5001}, {name: 7}):
            assert (await peer.post(job, action, {**tokens, **bad})).status == 400
        assert (await peer.post(job, action, {**tokens, name: "x" * 5000})).status == 204
        assert peer.state(job) is JobState.PENDING


async def test_a_deleted_runners_calls_get_404_and_its_job_stays_in_processing(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue(STORYBOARD)
        tokens = await peer.take(job)
        peer.simulation.runners.delete(peer.simulation.runners.by_token(peer.token).id)
        assert peer.state(job) is JobState.PROCESSING
        assert (await peer.post_form(job, "update", tokens)).status == 404
        request = await peer.player.send("POST", f"{JOBS}/request", json={"runnerToken": peer.token})
        assert (request.status, request.body["code"]) == (404, "unknown_runner_token")


async def test_bad_bodies_and_unknown_jobs_are_told_apart(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        assert (await peer.accept("00000000-0000-4000-8000-000000000000")).status == 404
        broken = await peer.player.send("POST", f"{JOBS}/request", content=b"{broken")
        assert broken.status == 400
        odd = {"runnerToken": peer.token, "jobTypes": "vod-hls-transcoding"}
        assert (await peer.player.send("POST", f"{JOBS}/request", json=odd)).status == 400


async def test_an_upload_is_worked_off_and_every_output_is_kept_and_looked_at(tmp_path: Path) -> None:
    source = tmp_path / "sample.mp4"
    await make_sample(source, seconds=1, height=240)
    async with peers(tmp_path) as peer:
        await sign_in(peer.player, DEFAULT_PASSWORD)
        files = {"videofile": (source.name, source.read_bytes()), "previewfile": ("p.jpg", b"a picture")}
        await peer.player.admin("POST", "/api/v1/videos/upload", data={"name": "sample"}, files=files)
        assert await work_off(peer.player, peer.token, source.read_bytes()) == 6
        answer = await peer.player.send("GET", "/simulation/videos")
        (video,) = answer.body["data"]
        assert (video["state"], video["complete"]) == ("published", True)
        kinds = sorted((output["kind"], output["resolution"]) for output in video["outputs"] if output["resolution"])
        assert kinds == [("hls", 144), ("hls", 240), ("web-video", 144), ("web-video", 240)]
        kept = {str(path) for path in (tmp_path / "server" / "videos").rglob("*")}
        assert {output["path"] for output in video["outputs"]} <= kept
        looked_at = [output["media"]["height"] for output in video["outputs"] if output["kind"] == "web-video"]
        assert looked_at == [240, 240, 240]


@pytest.mark.parametrize("job_type", [AUDIO_MERGE, TRANSCRIPTION, STUDIO, STORYBOARD, HLS])
async def test_plain_jobs_of_every_type_can_be_finished(tmp_path: Path, job_type: str) -> None:
    captions = {"payload[vttFile]": ("captions.vtt", b"WEBVTT", "text/vtt")}
    async with peers(tmp_path) as peer:
        job = await peer.enqueue(job_type)
        tokens = await peer.take(job)
        files = captions if job_type == TRANSCRIPTION else results(job_type, b"x")
        assert (await peer.post_form(job, "success", tokens, **files)).status == 204
        assert peer.state(job) is JobState.COMPLETED


async def test_live_chunks_come_and_go_and_are_the_heartbeat(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue(LIVE)
        tokens = await peer.take(job)
        chunk = {**tokens, "payload[type]": "add-chunk", "payload[videoChunkFilename]": "0-000001.ts"}
        listed = {**chunk, "payload[resolutionPlaylistFilename]": "0.m3u8"}
        files = {
            "payload[videoChunkFile]": ("0-000001.ts", b"chunk", "video/mp2t"),
            "payload[resolutionPlaylistFile]": ("0.m3u8", b"#EXTM3U", "application/vnd.apple.mpegurl"),
            "payload[masterPlaylistFile]": ("master.m3u8", b"#EXTM3U", "application/vnd.apple.mpegurl"),
        }
        assert (await peer.post_form(job, "update", listed, **files)).status == 204
        directory = next(iter(peer.simulation.library)).directory / "live"
        assert {path.name for path in directory.iterdir()} == {"0-000001.ts", "0.m3u8", "master.m3u8"}
        assert (await peer.post_form(job, "update", {**chunk, "payload[type]": "remove-chunk"})).status == 204
        assert not (directory / "0-000001.ts").exists()
        assert (await peer.post_form(job, "update", {**tokens, "payload[type]": "add-chunk"})).status == 400
        assert (await peer.post_form(job, "success", tokens)).status == 204
        assert peer.state(job) is JobState.COMPLETED


async def test_a_runner_that_dies_while_it_uploads_leaves_no_file_and_its_job_in_processing(tmp_path: Path) -> None:
    async with peers(tmp_path) as peer:
        job = await peer.enqueue()
        await peer.take(job)
        incoming = peer.simulation.incoming_directory
        address = urlsplit(peer.player.base_url)
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        part = 'Content-Disposition: form-data; name="payload[videoFile]"; filename="v.mp4"'
        head = f"POST {JOBS}/{job}/success HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n"
        kind = "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        writer.write(f"{head}{kind}--b\r\n{part}\r\n\r\n".encode() + b"x" * 300_000)
        while not list(incoming.iterdir()):
            await peer.player.send("GET", "/api/v1/ping")
        writer.close()
        route = f"POST {JOBS}/{{jobUUID}}/success"
        while not peer.simulation.journal.requests[route]:
            await peer.player.send("GET", "/api/v1/ping")
        assert list(incoming.iterdir()) == []
        assert (peer.simulation.journal.requests[route][400], peer.state(job)) == (1, JobState.PROCESSING)
