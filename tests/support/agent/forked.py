"""Agents as forks of one process that has imported everything: the imports are half of what an agent's start costs."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from runnerpool_agent.__main__ import main

_LINE_BYTES = 1 << 20
_COVERAGE = "COVERAGE_PROCESS_CONFIG"

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["runnerpool_agent.__main__", "runnerpool_agent.run"])


class ForkedAgent:
    """The agent as a process, with as much of `asyncio.subprocess.Process` as a `Pod` uses."""

    def __init__(self, process: ForkServerProcess, stdout: asyncio.StreamReader) -> None:
        self.stdout = stdout
        self.returncode: int | None = None
        self._process = process
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(process.sentinel, self._end)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self.returncode = self._process.exitcode
        self._process.close()
        self._ended.set()


async def start_forked(arguments: Sequence[str], environment: Mapping[str, str]) -> ForkedAgent:
    """Start an agent; the first one waits for the imports."""
    reading, writing = os.pipe()
    stdout = asyncio.StreamReader(limit=_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stdout), os.fdopen(reading, "rb", buffering=0)
    )
    _ensure_server()
    with Connection(writing, readable=False) as output:
        process = _context.Process(target=_be_agent, args=(arguments, dict(environment), output), daemon=True)
        process.start()
    return ForkedAgent(process, stdout)


def _ensure_server() -> None:
    """Start what agents are forked from, if it does not run yet, untraced.

    Many rounds tell the coverage nothing that other tests' agents don't.
    """
    traced = os.environ.pop(_COVERAGE, None)
    try:
        forkserver.ensure_running()
    finally:
        if traced is not None:
            os.environ[_COVERAGE] = traced


def _be_agent(arguments: Sequence[str], environment: dict[str, str], output: "Connection[bytes, bytes]") -> None:
    os.dup2(output.fileno(), 1)
    output.close()
    os.environ.clear()
    os.environ.update(environment)
    main(arguments)
