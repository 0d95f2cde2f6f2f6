"""What the official runner is known to do where no recording shows it (its server.ts, and seen on it)."""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from peers.runner.program import Home, new_home, running_server
from peers.runner.recording_proxy import Event, Gate
from peers.runner.scene import Scene, scene

pytestmark = pytest.mark.timeout(300)

READY = "Server is ready to process jobs"
WEB_VIDEO = "vod-web-video-transcoding"
# A heartbeat every second, a second look after 42 ms.
HURRIED = {"STAND_IN_CLOCK_DIVISOR": "60"}


@pytest.fixture
def home(program: Path) -> Iterator[Home]:
    with new_home(program, **HURRIED) as home:
        yield home


@pytest.fixture
async def stage(home: Home) -> AsyncIterator[Scene]:
    async with scene(home, clock_divisor=10) as playing:
        await playing.register_beforehand(threads=1, nice=7)
        yield playing


def calls(stage: Scene, path_end: str) -> list[Event]:
    return [event for event in stage.conversation.events if event.get("path", "").endswith(path_end)]


def refusal(code: str) -> tuple[int, Event]:
    return 409, {"status": 409, "detail": "refused by the test", "code": code}


# Getting work (apps/peertube-runner/src/server/server.ts).


@pytest.mark.parametrize("code", ["runner_job_not_in_pending_state", "something_else"])
async def test_after_five_rounds_of_lost_claims_it_waits_for_the_next_event(stage: Scene, code: str) -> None:
    stage.proxy.refusals["/accept"] = refusal(code)
    await stage.admin(stage.server.enqueue, WEB_VIDEO)
    # One round ends where a push or the connection comes in the middle, so the count starts when all is quiet.
    async with running_server(stage.home) as runner:
        await runner.wait_for_line("Connected to")
        await quiet(stage)
        before = len(calls(stage, "/accept"))

        await stage.admin(stage.server.enqueue, WEB_VIDEO)
        await stage.conversation.wait_for_call("/accept", before + 5)
        await quiet(stage)

        assert len(calls(stage, "/accept")) == before + 5


async def quiet(stage: Scene, seconds: float = 1.0) -> None:
    """Waits until nothing has been said for a while: a runner with no job in hand gets there."""
    async with asyncio.timeout(20):
        seen = -1
        while len(stage.conversation.events) != seen:
            seen = len(stage.conversation.events)
            await asyncio.sleep(seconds)


async def test_a_look_without_an_answer_is_its_last(stage: Scene) -> None:
    stage.proxy.answers["/request"] = Gate(is_open=False)
    async with running_server(stage.home):
        await stage.proxy.answers["/request"].holds_one.wait()
        await stage.conversation.wait_for(lambda: any(event.get("text", "")[:2] == "40" for event in stage.since(0)))
        await stage.admin(stage.server.enqueue, WEB_VIDEO)
        await stage.conversation.wait_for(
            lambda: any("available-jobs" in event.get("text", "") for event in stage.since(0))
        )
        await quiet(stage)

        assert stage.conversation.count("/request", answered=False) == 1
        assert (await stage.tell("list-jobs"))["success"] is True


async def test_a_full_runner_asks_and_takes_nothing(stage: Scene) -> None:
    stage.proxy.downloads.hold()
    await stage.admin(stage.server.enqueue, WEB_VIDEO, count=3, file=True)
    async with running_server(stage.home):
        await stage.conversation.wait_for_call("/accept", 2)
        looks = stage.conversation.count("/request")
        await stage.admin(stage.server.enqueue, WEB_VIDEO)
        await stage.conversation.wait_for_call("/request", looks + 1)
        # A claim would follow at once, long before the next heartbeats.
        await stage.conversation.wait_for_call("/update", stage.conversation.count("/update") + 2)

        assert len(calls(stage, "/accept")) == 2


async def test_a_graceful_shutdown_while_a_job_is_being_accepted_orphans_it(stage: Scene) -> None:
    stage.proxy.answers["/accept"] = Gate(is_open=False)
    await stage.admin(stage.server.enqueue, WEB_VIDEO)
    async with running_server(stage.home) as runner:
        await stage.proxy.answers["/accept"].holds_one.wait()
        assert await stage.tell("graceful-shutdown") == {"success": True}
        assert await runner.exit_code() == 0
        stage.proxy.answers["/accept"].open()

    [job] = await stage.admin(stage.server.jobs)
    assert job["state"]["label"] == "Processing"
    assert calls(stage, "/abort") == []


# Processing.


async def test_progress_is_reported_again_and_again(stage: Scene) -> None:
    paced = Home(
        program=stage.home.program, directory=stage.home.directory, switches={**HURRIED, "STAND_IN_READ_RATE": "1"}
    )
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=6.0)
    begin = time.monotonic()
    async with running_server(paced):
        await stage.conversation.wait_for_call("/success")
        took = time.monotonic() - begin

    reported = [int(event["body"][0]["value"]) for event in calls(stage, "/update")]
    assert took > 5.5
    assert len(reported) >= 5
    assert reported[0] == 0
    assert reported == sorted(reported)
    assert 0 < reported[-1] <= 100


async def test_ffmpeg_has_the_threads_and_the_niceness_of_the_settings_and_outlives_the_runner(stage: Scene) -> None:
    paced = Home(program=stage.home.program, directory=stage.home.directory, switches={"STAND_IN_READ_RATE": "0.1"})
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True, seconds=6.0)
    async with running_server(paced) as runner:
        await runner.wait_for_line("Built supported ffmpeg encoders.")
        pid, arguments = await ffmpeg_of(stage.home)
        try:
            assert arguments[arguments.index("-threads") + 1] == "1"
            assert arguments[arguments.index("-readrate") + 1] == "0.1"
            assert os.getpriority(os.PRIO_PROCESS, pid) == 7

            runner.signal(signal.SIGTERM)
            assert await runner.exit_code() == 0
            assert arguments_of(Path(f"/proc/{pid}/cmdline")) == arguments
            assert list(stage.home.transcoding.iterdir()) == []
        finally:
            os.kill(pid, signal.SIGKILL)
    assert [event["status"] for event in calls(stage, "/abort")] == [204]


async def ffmpeg_of(home: Home) -> tuple[int, list[str]]:
    """The FFmpeg that works in this home, once it has started."""
    async with asyncio.timeout(30):
        while (found := find_ffmpeg(home)) is None:  # noqa: ASYNC110 - another process's start raises no event here
            await asyncio.sleep(0.05)
    return found


def find_ffmpeg(home: Home) -> tuple[int, list[str]] | None:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        arguments = arguments_of(entry)
        if arguments[:1] == ["ffmpeg"] and any(str(home.transcoding) in word for word in arguments):
            return int(entry.parent.name), arguments
    return None


def arguments_of(command_line: Path) -> list[str]:
    try:
        return command_line.read_text().split("\0")
    except OSError:
        return []


@pytest.mark.parametrize("kind", ["video-studio-transcoding", "video-transcription", "live-rtmp-hls-transcoding"])
async def test_a_job_that_it_cannot_process_is_answered_with_an_error_that_says_so(stage: Scene, kind: str) -> None:
    await stage.admin(stage.server.enqueue, kind)
    async with running_server(stage.home):
        await stage.conversation.wait_for_call("/error")

    body = calls(stage, "/error")[0]["body"]
    assert list(body) == ["message", "jobToken", "runnerToken"]
    assert (
        body["message"] == f"The stand-in runner cannot process jobs of type {kind}: use the official runner for them"
    )


async def test_a_failed_download_is_answered_with_an_error(stage: Scene) -> None:
    await stage.admin(stage.server.enqueue, WEB_VIDEO)
    async with running_server(stage.home) as runner:
        await stage.conversation.wait_for_call("/error")
        await runner.wait_for_line("Cannot process job")

    assert calls(stage, "/error")[0]["body"]["message"] == "Not Found"


async def test_an_input_that_ffmpeg_cannot_read_is_answered_with_an_error_and_leaves_no_file(stage: Scene) -> None:
    stage.proxy.refusals["/max-quality"] = (200, {"no": "video"})
    await stage.admin(stage.server.enqueue, "generate-video-storyboard", file=True)
    async with running_server(stage.home) as runner:
        await stage.conversation.wait_for_call("/error")
        await runner.wait_for_line("Cannot process job")

        assert re.match(
            r"ffmpeg exited with code \d+: .*Invalid data", calls(stage, "/error")[0]["body"]["message"], re.DOTALL
        )
        assert list(stage.home.transcoding.iterdir()) == []


# Stopping.


async def test_an_abort_that_is_refused_ends_it_with_255(stage: Scene) -> None:
    stage.proxy.downloads.hold()
    stage.proxy.refusals["/abort"] = refusal("unknown_runner_job")
    await stage.admin(stage.server.enqueue, WEB_VIDEO, count=2, file=True)
    async with running_server(stage.home) as runner:
        await stage.conversation.wait_for_call("/update", 2)
        runner.signal(signal.SIGTERM)

        assert await runner.exit_code() == 255
    assert len(calls(stage, "/abort")) == 1


async def test_a_second_signal_is_ignored(stage: Scene) -> None:
    stage.proxy.downloads.hold()
    stage.proxy.answers["/abort"] = Gate(is_open=False)
    await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
    async with running_server(stage.home) as runner:
        await stage.conversation.wait_for_call("/update")
        runner.signal(signal.SIGTERM)
        await stage.proxy.answers["/abort"].holds_one.wait()
        runner.signal(signal.SIGINT)
        # It answers, so it has had time for the signal.
        await stage.tell("list-jobs")
        stage.proxy.answers["/abort"].open()

        assert await runner.exit_code() == 0
    assert len(calls(stage, "/abort")) == 1
    assert sum("Cleaning up" in line for line in runner.lines) == 1


@pytest.mark.parametrize("value", ["0", "-1", "fast"])
async def test_a_switch_that_is_no_positive_number_is_refused(program: Path, value: str) -> None:
    with new_home(program, STAND_IN_CLOCK_DIVISOR=value) as home:
        code, printed = await home.command("server")

    assert code == 255
    assert printed == f"STAND_IN_CLOCK_DIVISOR is '{value}': it must be a number above 0. Correct or unset it.\n"
