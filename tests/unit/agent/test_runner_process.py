import asyncio
import os
import sys
from collections.abc import Sequence

import pytest

from runnerpool_agent import runner_process
from runnerpool_agent.processes import processes, stands_still
from runnerpool_agent.reaper import Reaper
from runnerpool_agent.runner_process import RunnerCommand, RunnerProcess, lines


def command(*program: str) -> RunnerCommand:
    return RunnerCommand(program=program, job_types=["vod-hls-transcoding", "x"], environment=os.environ)


def python(code: str) -> RunnerCommand:
    return command(sys.executable, "-u", "-c", code)


async def ran(wanted: RunnerCommand) -> tuple[RunnerProcess, int, list[str]]:
    process = await RunnerProcess.start(wanted, Reaper(adopting=False))
    seen: list[str] = []
    left = await process.run(seen.append)
    return process, left, seen


def living(session: int) -> Sequence[int]:
    return [one.pid for one in processes() if one.session == session and not one.zombie]


def test_the_pools_job_types_are_always_named() -> None:
    assert command("node", "runner.mjs").arguments == (
        *("node", "runner.mjs", "--verbose", "server"),
        *("--enable-job", "vod-hls-transcoding", "--enable-job", "x"),
    )


async def test_its_output_is_read_to_the_last_line() -> None:
    process, left, seen = await ran(
        python("import sys; print('out'); print('err', file=sys.stderr); print('last', end='')")
    )
    assert process.code == 0
    assert left == 0
    assert sorted(seen) == ["err", "last", "out"]


async def test_it_leads_a_session_of_its_own() -> None:
    process, _, seen = await ran(python("import os; print(os.getsid(0), os.getpgid(0))"))
    assert seen == [f"{process.pid} {process.pid}"]


async def test_what_it_leaves_behind_is_ended_even_if_it_holds_the_log_open() -> None:
    code = "import os, subprocess; print(subprocess.Popen(['sleep', '600']).pid); os._exit(7)"
    process, left, seen = await ran(python(code))
    assert process.code == 7
    assert left == 0
    assert len(seen) == 1
    assert not living(process.pid)


@pytest.mark.parametrize(("stop", "code"), [("terminate", -15), ("kill", -9)])
async def test_it_can_be_stopped_and_stopping_it_twice_is_no_error(stop: str, code: int) -> None:
    process = await RunnerProcess.start(python("import time; print('up'); time.sleep(600)"), Reaper(adopting=False))
    life = asyncio.create_task(process.run(lambda _: getattr(process, stop)()))
    await life
    getattr(process, stop)()
    assert process.code == code


async def test_while_it_is_held_it_does_nothing_and_all_that_it_said_before_has_been_heard() -> None:
    count = "import itertools\nfor number in itertools.count():\n print(number, '.' * 200)"
    process = await RunnerProcess.start(python(count), Reaper(adopting=False))
    heard: list[str] = []
    life = asyncio.create_task(process.run(heard.append))
    async with asyncio.timeout(20):
        for _ in range(3):
            before = len(heard)
            async with process.held():
                said = len(heard)
                assert stands_still(process.pid)
                await asyncio.sleep(0.1)
                assert len(heard) == said
            while len(heard) <= max(before, said):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
    assert not stands_still(process.pid)
    assert [int(line.split()[0]) for line in heard] == list(range(len(heard)))
    process.kill()
    await life


async def test_one_that_has_ended_can_be_held_too() -> None:
    process, _, _ = await ran(python("pass"))
    async with process.held():
        assert stands_still(process.pid)


async def test_one_that_will_not_stand_still_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_process, "stands_still", lambda _: False)
    monkeypatch.setattr(runner_process, "_STOP_STEPS", 3)
    process = await RunnerProcess.start(python("import time; print('up'); time.sleep(600)"), Reaper(adopting=False))
    life = asyncio.create_task(process.run(lambda _: None))
    async with asyncio.timeout(10), process.held():
        pass
    process.kill()
    await life


async def test_a_program_that_is_not_there_is_an_os_error() -> None:
    reaper = Reaper(adopting=False)
    with pytest.raises(FileNotFoundError):
        await RunnerProcess.start(command("/nonexistent/runner"), reaper)
    assert reaper._starting == 0


async def split(*chunks: bytes) -> list[str]:
    stream = asyncio.StreamReader()

    async def feed() -> None:
        for chunk in chunks:
            stream.feed_data(chunk)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        stream.feed_eof()

    feeding = asyncio.create_task(feed())
    found = [line async for line in lines(stream)]
    await feeding
    return found


async def test_lines_are_found_whatever_the_chunks() -> None:
    assert await split(b"on", b"e\r\ntwo\n\nfo", b"ur") == ["one", "two", "", "four"]


async def test_a_line_without_end_is_cut_and_its_rest_never_shown() -> None:
    found = await split(b"a" * 20_000, b"b" * 20_000, b"ptrt-secret\nnext\n")
    assert found == ["a" * 16_384, "next"]


async def test_a_long_line_in_one_chunk_is_cut_too() -> None:
    assert await split(b"a" * 20_000 + b"\nnext") == ["a" * 16_384, "next"]


async def test_bytes_that_are_no_text_are_no_error() -> None:
    assert await split(b"\xff\xfe\n") == ["��"]
