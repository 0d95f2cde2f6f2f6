"""The stand-in runner's IPC socket, byte by byte (frames: library net-ipc 2.2.2), and the commands that use it."""

import signal
import tomllib
from collections.abc import AsyncIterator

import pytest

from peers.runner.frames import END, GREETING, REQUEST, connected, frame
from peers.runner.program import Home, RunningServer, running_server

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def server(home: Home) -> AsyncIterator[RunningServer]:
    async with running_server(home) as running:
        await running.wait_for_line("Server is ready to process jobs")
        yield running


async def test_a_hello_is_answered_with_the_clients_id(home: Home, server: RunningServer) -> None:
    async with connected(home.socket, greeted=False) as client:
        client.send(b'IPC\x8e{"t":0,"d":{}}')
        hello = await client.message()

    assert hello["t"] == 0
    assert isinstance(hello["d"]["id"], str)
    # One digit holds a length up to 127, marked by its high bit as the last.
    assert client.received[0] == (len(client.received) - 1) | 128


async def test_a_long_answer_has_its_length_in_base_128_big_end_first(home: Home, server: RunningServer) -> None:
    async with connected(home.socket) as client:
        before = len(client.received)
        await client.call({"type": "x" * 300})
    answer = client.received[before:]

    assert answer[0] < 128 <= answer[1]
    assert answer[0] * 128 + (answer[1] & 127) == len(answer) - 2


async def test_nothing_is_answered_before_the_hello(home: Home, server: RunningServer) -> None:
    async with connected(home.socket, greeted=False) as client:
        client.send(GREETING + frame({"t": REQUEST, "d": {"type": "list-jobs"}, "n": "1"}))
        assert (await client.message())["t"] == END
        with pytest.raises(AssertionError, match="the runner closed the socket"):
            await client.message()


async def test_an_idle_unregistered_runner_lists_no_server_and_no_job(home: Home, server: RunningServer) -> None:
    async with connected(home.socket) as client:
        assert await client.call({"type": "list-registered"}) == {"success": True, "data": {"servers": []}}
        assert await client.call({"type": "list-jobs"}) == {
            "success": True,
            "data": {"concurrency": 2, "processingJobs": []},
        }


async def test_an_unknown_call_is_refused_by_name(home: Home, server: RunningServer) -> None:
    async with connected(home.socket) as client:
        assert await client.call({"type": "toString"}) == {"success": False, "error": "Unknown RPC call toString"}


async def test_a_registration_that_no_server_hears_is_refused(home: Home, server: RunningServer) -> None:
    async with connected(home.socket) as client:
        answer = await client.call(
            {"type": "register", "url": "http://127.0.0.1:1", "registrationToken": "ptrrt-0", "runnerName": "a"},
        )

    assert answer["success"] is False
    assert "ECONNREFUSED" in answer["error"]


async def test_graceful_shutdown_of_an_idle_runner_is_acknowledged_and_ends_it(
    home: Home,
    server: RunningServer,
) -> None:
    async with connected(home.socket) as client:
        assert await client.call({"type": "graceful-shutdown"}) == {"success": True}
        end = await client.message()
        assert end == {"t": END, "d": {"m": "Server was shut down", "a": False}}
        assert await server.exit_code() == 0

    assert not home.socket.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2])
async def test_a_signal_ends_an_idle_runner_with_0(home: Home, server: RunningServer, number: signal.Signals) -> None:
    server.signal(number)

    assert await server.exit_code() == 0


async def test_a_client_that_stays_connected_does_not_hold_the_exit_up(home: Home, server: RunningServer) -> None:
    async with connected(home.socket):
        server.signal(signal.SIGTERM)
        assert await server.exit_code() == 0


async def test_a_second_server_takes_the_socket_over(home: Home, server: RunningServer) -> None:
    async with running_server(home) as second:
        await second.wait_for_line("Server is ready to process jobs")
        async with connected(home.socket) as client:
            assert await client.call({"type": "graceful-shutdown"}) == {"success": True}
        assert await second.exit_code() == 0


async def test_the_settings_are_created_with_the_official_defaults(home: Home, server: RunningServer) -> None:
    assert tomllib.loads(home.config.read_text()) == {
        "jobs": {"concurrency": 2},
        "ffmpeg": {"threads": 2, "nice": 20},
        "transcription": {"engine": "whisper-ctranslate2", "model": "small"},
        "registeredInstances": [],
    }
    assert await home.command("get-config-file-path") == (0, f"{home.config}\n")


EMPTY_TABLE = """\
┌──────────┬─────────────┬────────────────────┐
│ instance │ runner name │ runner description │
└──────────┴─────────────┴────────────────────┘
"""


async def test_the_commands_print_what_the_official_ones_print(home: Home, server: RunningServer) -> None:
    assert await home.command("list-registered") == (0, EMPTY_TABLE)
    code, printed = await home.command("list-jobs", "--include-payload")
    assert (code, printed.splitlines()[0]) == (0, "Processing 0/2 jobs")
    assert await home.command("graceful-shutdown") == (0, "Graceful shutdown acknowledged by the runner\n")


async def test_a_command_without_a_server_fails_with_255(home: Home) -> None:
    code, printed = await home.command("list-registered")

    assert code == 255
    assert printed.startswith("Cannot list registered PeerTube instances.\n")
