"""The stand-in runner's log has the official runner's lines (0.6.0 with PeerTube 8.2.1), in their order."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.runner.log_text import records, section, templates
from peers.runner.program import Home, RunningServer, new_home, running_server
from peers.runner.scene import Scene

pytestmark = pytest.mark.timeout(300)

RECORDINGS = Path(__file__).parent / "recordings"
READY = "Server is ready to process jobs"
CHECKING = "INFO Checking available jobs on URL"
CONNECTED = "INFO Connected to URL/runners socket"
STORYBOARD = "generate-video-storyboard"
WEB_VIDEO = "vod-web-video-transcoding"
HLS = "vod-hls-transcoding"


@pytest.fixture
def home(program: Path) -> Iterator[Home]:
    # A heartbeat every 2 s, a second look after 83 ms.
    with new_home(program, STAND_IN_CLOCK_DIVISOR="30") as home:
        yield home


def recorded(title: str) -> list[str]:
    return records(section(RECORDINGS / "8.2.1" / "runner-0.6.0.log", title))


def printed(runner: RunningServer, start: int = 0) -> list[str]:
    return records("\n".join(runner.lines[start:]))


async def test_a_start_prints_the_recorded_lines(home: Home) -> None:
    async with running_server(home) as runner:
        await runner.wait_for_line(READY)

        assert printed(runner) == recorded("start")


async def test_a_registration_prints_the_recorded_lines(stage: Scene) -> None:
    async with running_server(stage.home) as runner:
        await runner.wait_for_line(READY)
        start = len(runner.lines)
        await stage.register()
        await runner.wait_for_line("Checking available jobs")

        assert printed(runner, start) == recorded("register")


def about(said: list[str], kind: str) -> list[str]:
    """The lines of one job of that type, from its begin to its end; other jobs' lines are left out."""
    marks = {STORYBOARD: "storyboard", WEB_VIDEO: "web video", HLS: "HLS"}
    begin = next(index for index, line in enumerate(said) if f"Processing job of type {kind}:" in line)
    end = next(index for index, line in enumerate(said) if f"Finished processing job of type {kind}:" in line)
    words = [f"of type {kind}:", marks[kind], "Built supported"]
    return [line for line in said[begin : end + 1] if any(word in line.split("\n", 1)[0] for word in words)]


@pytest.mark.parametrize("kind", [STORYBOARD, WEB_VIDEO, HLS])
async def test_a_job_prints_the_recorded_lines_from_begin_to_end(stage: Scene, kind: str) -> None:
    await stage.register_beforehand()
    await stage.admin(stage.server.enqueue, kind, file=True, seconds=5.0)
    async with running_server(stage.home) as runner:
        await runner.wait_for_line(f"Finished processing job of type {kind}")

        said = about(printed(runner), kind)
    official = about(recorded("a short video: accepted, finished"), kind)
    # What looks for the encoders says so once a process: there, the web video came first.
    if kind == HLS:
        said = [line for line in said if "Built supported" not in line]
    assert said == official


async def test_a_cancelled_job_prints_refusals_and_its_failure_as_recorded(stage: Scene) -> None:
    await stage.register_beforehand()
    [job] = await stage.admin(stage.server.enqueue, WEB_VIDEO, file=True)
    stage.proxy.downloads.hold()
    async with running_server(stage.home) as runner:
        await stage.proxy.downloads.holds_one.wait()
        start = len(runner.lines)
        await stage.admin(stage.server.cancel, job)
        await runner.wait_for_line("Cannot send job progress", 2)
        assert await stage.tell("graceful-shutdown") == {"success": True}
        await runner.wait_for_line("Cannot send job progress", 3)
        stage.proxy.downloads.open()
        assert await runner.exit_code() == 0

        said = printed(runner, start)
    refusals = recorded(f"cancel {CANCELLED}") + recorded("graceful shutdown while the cancelled job is still encoded")
    assert once_each(said) == once_each(refusals)


CANCELLED = "5cbe58d8-3cf9-4378-91cc-98a3c505daa0"


def once_each(said: list[str]) -> list[str]:
    """Without what has its own time (a finished download, a look), and every other line where it came first."""
    timely = ("INFO Downloaded input", "INFO Built supported", CHECKING)
    return list(dict.fromkeys(line for line in said if not line.startswith(timely)))


async def test_a_runner_whose_row_is_deleted_unregisters_and_stays_as_recorded(stage: Scene) -> None:
    await stage.register_beforehand()
    async with running_server(stage.home) as runner:
        await runner.wait_for_line("Connected to")
        await stage.conversation.wait_for_call("/request")
        [row] = await stage.admin(stage.server.runners)
        await stage.admin(stage.server.delete_runner, row["id"])
        await stage.admin(stage.server.enqueue, WEB_VIDEO)
        await runner.wait_for_line("Unregistered runner")

        assert await stage.tell("list-registered") == {"success": True, "data": {"servers": []}}
        assert "[[registeredInstances]]" not in stage.home.config.read_text()
        start = len(runner.lines)
        runner.signal(signal.SIGTERM)
        assert await runner.exit_code() == 0
        assert printed(runner, start) == recorded("SIGTERM")
    official = recorded("started again; the runner's row deleted by the administrator")
    assert without_the_race(printed(runner)[:-1]) == without_the_race(official)


def without_the_race(said: list[str]) -> list[str]:
    """At a start, the socket's connection and the first look may come at any time, and the look once or twice."""
    assert CHECKING in said
    assert CONNECTED in said
    return [line for line in said if line not in {CHECKING, CONNECTED}]


async def test_a_lost_server_prints_the_recorded_lines(stage: Scene) -> None:
    await stage.register_beforehand()
    async with running_server(stage.home) as runner:
        await runner.wait_for_line("Connected to")
        await runner.wait_for_line(READY)
        start = len(runner.lines)
        await stage.proxy.lose_sockets()
        await runner.wait_for_line("Cannot connect to")

        said = [line for line in templates(printed(runner, start)) if line != CHECKING]
    cut = (RECORDINGS / "6.3.0" / "runner-0.6.0-cut.log").read_text()
    official = [line for line in templates(records(cut)) if line.startswith("WARN")]
    assert said[:2] == official[:2]


def test_the_comparison_notices_another_word_level_order_or_token() -> None:
    official = section(RECORDINGS / "8.2.1" / "runner-0.6.0.log", "a short video: accepted, finished")
    one, two = "Downloading input file", "Downloaded input file"
    changes = {
        "word": official.replace(one, "Fetching input file", 1),
        "level": official.replace("] INFO", "] WARN", 1),
        "order": official.replace(one, "*", 1).replace(two, one, 1).replace("*", two, 1),
        "token": official.replace("ptrjt-…", "[masked]", 1),
        "field": official.replace('"fps": 25,', "", 1),
    }

    assert [name for name, text in changes.items() if records(text) == records(official)] == []


def test_a_section_that_no_recording_has_is_named() -> None:
    with pytest.raises(ValueError, match="has no section 'another start'"):
        recorded("another start")
