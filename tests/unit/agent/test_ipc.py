import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from runnerpool_agent.ipc import IpcClient, IpcError, RunningJob
from support.agent.fake_runner import read_frame, write_frame

UUID = "161fe3e9-3d24-49e3-8b5c-047c76e6af75"
ADDRESS = f"https://video.example.org/api/v1/runners/jobs/{UUID}/files/videos/x/max-quality"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ipc-") as folder:
        yield Path(folder) / "runner.sock"


@asynccontextmanager
async def runner(socket: Path, talk: Talk) -> AsyncIterator[None]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(3) == b"IPC"
            await talk(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, socket)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


def answering(*data: Any) -> Talk:
    """Says hello, then answers each call with the next data."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hello(reader, writer)
        for item in data:
            frame = await read_frame(reader)
            write_frame(writer, {"t": 3, "d": item, "n": frame["n"]})
        await reader.read()

    return talk


async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    assert (await read_frame(reader))["t"] == 0
    write_frame(writer, {"t": 0, "d": {"id": "x"}})


def listing(*jobs: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "data": {"concurrency": 1, "processingJobs": [{"serverUrl": "u", "job": j} for j in jobs]}}


@asynccontextmanager
async def client(socket: Path, timeout_seconds: float = 5) -> AsyncIterator[IpcClient]:
    ipc = IpcClient(socket, timeout_seconds)
    try:
        yield ipc
    finally:
        await ipc.close()


async def test_jobs_are_listed_with_the_uuid_from_their_payload(socket: Path) -> None:
    jobs = listing(
        {
            "type": "vod-hls-transcoding",
            "startedAt": "t",
            "progress": 7,
            "payload": {"input": {"videoFileUrl": ADDRESS}},
        },
        {"type": "video-studio", "progress": None, "payload": {"tasks": [1, {"url": f"{ADDRESS[:-14]}"}]}},
        {"type": "live-rtmp-hls-transcoding", "payload": {"input": {"rtmpUrl": "rtmp://x/y"}}},
    )
    async with runner(socket, answering(jobs)), client(socket) as ipc:
        assert await ipc.list_jobs() == (
            RunningJob(type="vod-hls-transcoding", uuid=UUID, progress=7.0, started_at="t"),
            RunningJob(type="video-studio", uuid=UUID, progress=None, started_at=None),
            RunningJob(type="live-rtmp-hls-transcoding", uuid=None, progress=None, started_at=None),
        )


async def test_one_connection_serves_all_calls(socket: Path) -> None:
    replies = answering(listing(), {"success": True, "data": {"servers": [{}]}}, {"success": True})
    async with runner(socket, replies), client(socket) as ipc:
        assert await ipc.list_jobs() == ()
        assert await ipc.is_registered()
        await ipc.graceful_shutdown()


async def test_a_moment_that_is_not_fit_leaves_the_runner_untold_and_the_connection_as_it_was(socket: Path) -> None:
    @asynccontextmanager
    async def unfit() -> AsyncIterator[None]:
        raise ValueError("not now")
        yield

    @asynccontextmanager
    async def fit() -> AsyncIterator[None]:
        entered.append(1)
        yield

    entered: list[int] = []
    async with runner(socket, answering(listing(), {"success": True})), client(socket) as ipc:
        assert await ipc.list_jobs() == ()
        with pytest.raises(ValueError, match="not now"):
            await ipc.graceful_shutdown(unfit())
        await ipc.graceful_shutdown(fit())
    assert entered == [1]


async def test_a_runner_without_a_server_is_no_longer_registered(socket: Path) -> None:
    async with runner(socket, answering({"success": True, "data": {"servers": []}})), client(socket) as ipc:
        assert not await ipc.is_registered()


async def test_frames_that_answer_something_else_are_passed_over(socket: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hello(reader, writer)
        number = (await read_frame(reader))["n"]
        write_frame(writer, {"t": 1, "d": "news"})
        write_frame(writer, {"t": 3, "d": {"success": False}, "n": "an older call"})
        write_frame(writer, {"t": 3, "d": listing(), "n": number})

    async with runner(socket, talk), client(socket) as ipc:
        assert await ipc.list_jobs() == ()


async def test_a_call_without_an_answer_ends_in_time_and_the_next_one_has_a_new_connection(socket: Path) -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await (reader.read() if connections == 1 else answering(listing())(reader, writer))

    async with runner(socket, talk), client(socket, 0.1) as ipc:
        with pytest.raises(IpcError, match="list-jobs: TimeoutError"):
            await ipc.list_jobs()
        ipc._timeout = 5
        assert await ipc.list_jobs() == ()
    assert connections == 2


async def test_no_runner_is_an_error_like_any_other(socket: Path) -> None:
    async with client(socket) as ipc:
        with pytest.raises(IpcError, match="FileNotFoundError"):
            await ipc.list_jobs()


async def test_a_connection_cut_in_mid_frame_is_an_error(socket: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hello(reader, writer)
        await read_frame(reader)
        writer.write(b"\xa0{")

    async with runner(socket, talk), client(socket) as ipc:
        with pytest.raises(IpcError, match="IncompleteReadError"):
            await ipc.list_jobs()


async def test_a_runner_that_does_not_say_hello_is_not_believed(socket: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        write_frame(writer, {"t": 6, "d": None})
        await reader.read()

    async with runner(socket, talk), client(socket) as ipc:
        with pytest.raises(IpcError, match="hello"):
            await ipc.list_jobs()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ({"success": False, "error": "Unknown RPC call list-jobs"}, "refused .Unknown RPC call list-jobs"),
        ("news", "no reason given"),
        ({"success": True, "data": None}, "list of jobs has an unknown form"),
        ({"success": True, "data": {"processingJobs": [{"job": None}]}}, "entry of unknown form"),
        ({"success": True, "data": {"processingJobs": ["x"]}}, "entry of unknown form"),
    ],
)
async def test_words_that_the_agent_does_not_know_are_an_error(socket: Path, reply: Any, error: str) -> None:
    async with runner(socket, answering(reply)), client(socket) as ipc:
        with pytest.raises(IpcError, match=error):
            await ipc.list_jobs()


async def test_an_unknown_list_of_servers_is_an_error(socket: Path) -> None:
    async with runner(socket, answering({"success": True, "data": {}})), client(socket) as ipc:
        with pytest.raises(IpcError, match="list of servers"):
            await ipc.is_registered()


async def test_a_cancelled_call_leaves_no_answer_behind_for_the_next(socket: Path) -> None:
    asked = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if asked.is_set():
            return await answering(listing())(reader, writer)
        await hello(reader, writer)
        await read_frame(reader)
        asked.set()
        await reader.read()
        return None

    async with runner(socket, talk), client(socket) as ipc:
        call = asyncio.create_task(ipc.is_registered())
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await ipc.list_jobs() == ()
