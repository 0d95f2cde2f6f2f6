"""The stand-in runner says what the official runner 0.6.0 said to PeerTube 8.2.1: same calls, fields and order."""

import asyncio
import copy
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peers.runner.conversation import Event, calls_of_jobs, lines, load
from peers.runner.program import PATIENCE_SECONDS, running_server
from peers.runner.scene import Scene

pytestmark = pytest.mark.timeout(300)

RECORDING = Path(__file__).parent / "recordings" / "8.2.1" / "runner-0.6.0.jsonl"
READY = "Server is ready to process jobs"
VOD_TYPES = {
    "vod-web-video-transcoding",
    "vod-hls-transcoding",
    "vod-audio-merge-transcoding",
    "generate-video-storyboard",
}


def recorded(start: float, end: float) -> list[str]:
    """Seconds `start` to `end` of the recording, comparable."""
    return lines(load(RECORDING, start, end))


async def media(path: Path, *arguments: str) -> Path:
    process = await asyncio.create_subprocess_exec("ffmpeg", "-v", "error", "-nostdin", *arguments, path)
    assert await process.wait() == 0
    return path


async def small_video(directory: Path) -> Path:
    picture, sound = "testsrc2=size=426x240:rate=25:duration=3", "sine=frequency=440:duration=3"
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    return await media(directory / "small.mp4", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, *codecs)


async def test_it_registers_connects_and_asks_for_work_as_recorded(stage: Scene) -> None:
    async with running_server(stage.home) as runner:
        await runner.wait_for_line(READY)
        await stage.register()

    assert [line for line in lines(stage.conversation.events) if line != "ws-close"] == recorded(5.0, 5.12)


async def test_every_vod_and_storyboard_job_is_processed_with_the_recorded_calls(stage: Scene, tmp_path: Path) -> None:
    video = await small_video(tmp_path)
    sound = await media(tmp_path / "sound.mp3", "-f", "lavfi", "-i", "sine=duration=2")
    async with running_server(stage.home) as runner:
        await runner.wait_for_line(READY)
        await stage.register()
        await stage.admin(stage.server.upload, video, "a video")
        await stage.admin(stage.server.upload, sound, "a sound")
        await until_complete(stage)

    ours = calls_of_jobs(stage.conversation.events)
    official = {kind: without_resolution(said) for kind, said in calls_of_jobs(load(RECORDING, 0, 999)).items()}
    assert set(ours) == VOD_TYPES
    for kind, said in ours.items():
        assert without_resolution(said) <= official[kind], kind
        assert all("/success" in calls[-1] for calls in said), kind
    await assert_results_are_real(stage)


async def until_complete(stage: Scene) -> None:
    async with asyncio.timeout(2 * PATIENCE_SECONDS):
        while not all(video.complete for video in await stage.admin(stage.server.videos)):
            seen = len(stage.conversation.events)
            await stage.conversation.wait_for(lambda count=seen: len(stage.conversation.events) > count)  # type: ignore[misc]


def without_resolution(said: list[list[str]]) -> set[tuple[str, ...]]:
    return {tuple(re.sub(r"\*-\d+(?=[-.])", "*-N", line) for line in calls) for calls in said}


async def assert_results_are_real(stage: Scene) -> None:
    """As ffprobe sees them: height as asked for, length that of the source."""
    videos = await stage.admin(stage.server.videos)
    outputs = [(video, output) for video in videos for output in video.outputs]
    assert {output.kind for _, output in outputs} == {"web-video", "hls", "storyboard"}
    for video, output in outputs:
        if output.kind == "storyboard":
            continue
        assert output.media["hasVideo"] is (output.resolution != 0), output
        assert output.media["height"] == output.resolution, output
        assert output.media["duration"] == pytest.approx(video.source["duration"], abs=0.3), output


async def test_a_graceful_shutdown_in_mid_job_goes_as_recorded(stage: Scene, tmp_path: Path) -> None:
    video = await small_video(tmp_path)
    # The first job has to end before the second look; on a busy machine that may take longer than it did there.
    unhurried = replace(stage.home, switches={"STAND_IN_CLOCK_DIVISOR": "0.25"})
    async with running_server(unhurried) as runner:
        await runner.wait_for_line(READY)
        await stage.register()
        start = len(stage.conversation.events)
        looks = stage.conversation.count("/request")

        stage.proxy.downloads.hold()
        await stage.admin(stage.server.upload, video, "a video")
        await stage.conversation.wait_for_call("/accept")
        stage.proxy.downloads.pass_one()
        await stage.conversation.wait_for_call("/request", looks + 3)
        assert await stage.tell("graceful-shutdown") == {"success": True}
        stage.proxy.downloads.open()

        assert await runner.exit_code() == 0
        await stage.conversation.wait_for(lambda: stage.conversation.events[-1]["kind"] == "ws-close")

    assert lines(stage.since(start)) == recorded(94.2, 99.0)


async def two_jobs_in_hand(stage: Scene) -> None:
    """Has two jobs accepted, whose downloads are held."""
    stage.proxy.downloads.hold()
    await stage.admin(stage.server.enqueue, "vod-web-video-transcoding", count=2, file=True)
    await stage.conversation.wait_for_call("/accept", 2)
    await stage.conversation.wait_for_call("/update", 2)


async def test_a_sigterm_hands_back_each_job_in_turn_as_recorded(stage: Scene) -> None:
    async with running_server(stage.home) as runner:
        await runner.wait_for_line(READY)
        await stage.register()
        await two_jobs_in_hand(stage)
        start = len(stage.conversation.events)
        looks = stage.conversation.count("/request")

        await stage.admin(stage.server.enqueue, "vod-hls-transcoding")
        await stage.conversation.wait_for_call("/request", looks + 1)
        runner.signal(signal.SIGTERM)

        assert await runner.exit_code() == 0
        await stage.conversation.wait_for(lambda: stage.conversation.events[-1]["kind"] == "ws-close")

    assert lines(stage.since(start)) == recorded(105.8, 107.0)
    assert paths(stage, "/abort") == paths(stage, "/accept")


def paths(stage: Scene, path_end: str) -> list[str]:
    """The jobs that the calls of this kind were about, in order."""
    said = [event["path"] for event in stage.conversation.events if event.get("path", "").endswith(path_end)]
    return [path.removesuffix(path_end) for path in said]


async def started_with(stage: Scene, *options: str) -> list[Event]:
    """What a registered runner says from its start until it has taken an HLS job."""
    await stage.register_beforehand()
    await stage.admin(stage.server.enqueue, "vod-hls-transcoding", file=True)
    await pushed(stage)
    stage.proxy.downloads.hold()
    async with running_server(stage.home, *options):
        await stage.conversation.wait_for_call("/update")
        await stage.conversation.wait_for(
            lambda: sum(event["kind"] == "ws" for event in stage.conversation.events) >= 3
        )
    return [event for event in stage.conversation.events if event["kind"] != "ws-close"]


async def pushed(stage: Scene) -> None:
    """Waits until the server has announced the job to nobody, so that a runner that starts now hears nothing of it."""
    async with asyncio.timeout(10):
        while (await stage.admin(stage.server.statistics)).pushes == 0:  # noqa: ASYNC110 - over HTTP, no event tells it
            await asyncio.sleep(0.1)


def split(said: list[str]) -> tuple[list[str], list[str]]:
    """Calls, and what went over the socket: at a start the two race."""
    return [line for line in said if line.startswith("POST")], [line for line in said if not line.startswith("POST")]


ONLY_HLS_AND_WEB = ("--enable-job", "vod-hls-transcoding", "--enable-job", "vod-web-video-transcoding")


async def test_a_second_start_with_two_job_types_asks_for_those_as_recorded(stage: Scene) -> None:
    said = await started_with(stage, *ONLY_HLS_AND_WEB)

    assert split(lines(said)) == split(recorded(109.0, 109.2))


async def test_a_start_without_job_types_is_told_from_the_recorded_one_with_two(stage: Scene) -> None:
    said = await started_with(stage)

    calls, socket = split(lines(said))
    official_calls, official_socket = split(recorded(109.0, 109.2))
    assert socket == official_socket
    assert [ours == theirs for ours, theirs in zip(calls, official_calls, strict=True)] == [False, True, True]


def drop_a_field(events: list[Event]) -> None:
    del events[5]["body"]["version"]


def swap_two_fields(events: list[Event]) -> None:
    events[5]["body"] = dict(reversed(events[5]["body"].items()))


def swap_two_parts(events: list[Event]) -> None:
    events[7]["body"].reverse()


def change_a_parts_type(events: list[Event]) -> None:
    events[8]["body"][2]["type"] = "application/octet-stream"


def change_the_boundary(events: list[Event]) -> None:
    events[7]["headers"]["content-type"] = "multipart/form-data; boundary=x"


def swap_two_calls(events: list[Event]) -> None:
    events[6], events[7] = events[7], events[6]


def leave_a_call_out(events: list[Event]) -> None:
    del events[7]


def open_another_namespace(events: list[Event]) -> None:
    events[3]["text"] = events[3]["text"].replace("/runners", "/")


@pytest.mark.parametrize(
    "change",
    [
        drop_a_field,
        swap_two_fields,
        swap_two_parts,
        change_a_parts_type,
        change_the_boundary,
        swap_two_calls,
        leave_a_call_out,
        open_another_namespace,
    ],
)
def test_the_comparison_notices_a_conversation_that_differs(change: Callable[[list[Event]], None]) -> None:
    official = load(RECORDING, 5.0, 6.105)
    other: list[dict[str, Any]] = copy.deepcopy(official)
    change(other)

    assert lines(other) != lines(official)
