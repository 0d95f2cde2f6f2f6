"""One life of `peertube-runner server`: started in a session of its own, read line by line, cleaned up after."""

import asyncio
import fcntl
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO

from runnerpool_agent.processes import stands_still
from runnerpool_agent.reaper import Reaper

_MAX_LINE = 16 * 1024
_CHUNK = 64 * 1024
_LAST_LINES_SECONDS = 2.0
_STOP_STEP_SECONDS = 0.002
_STOP_STEPS = 250
_TURNS_TO_READER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerCommand:
    """How to start the runner. `job_types` is never empty: without a list the runner takes types unknown to it."""

    program: Sequence[str]
    job_types: Sequence[str]
    environment: Mapping[str, str]

    @property
    def arguments(self) -> tuple[str, ...]:
        """`--verbose`: only then the log tells the end of a round that found nothing, which a safe drain must know."""
        enabled = (part for job_type in self.job_types for part in ("--enable-job", job_type))
        return (*self.program, "--verbose", "server", *enabled)


class RunnerProcess:
    """The running process. `code` is None while it runs, else the exit status, or minus the signal that ended it."""

    def __init__(self, process: asyncio.subprocess.Process, output: IO[bytes], reaper: Reaper) -> None:
        self._process = process
        self._output = output
        self._reaper = reaper
        self.code: int | None = None

    @classmethod
    async def start(cls, command: RunnerCommand, reaper: Reaper) -> "RunnerProcess":
        """Start it. Raises OSError when the program can't be run."""
        # A pipe of our own: with asyncio's, Process.wait() waits for every holder of the other end in Python 3.11, and
        # an FFmpeg left behind is one (https://github.com/python/cpython/issues/119710).
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb", buffering=0)
        process: asyncio.subprocess.Process | None = None
        reaper.starting()
        try:
            process = await asyncio.create_subprocess_exec(
                *command.arguments,
                env=dict(command.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
            )
        finally:
            os.close(writing)
            reaper.started(None if process is None else process.pid)
            if process is None:
                output.close()
        return cls(process, output, reaper)

    @property
    def pid(self) -> int:
        """The process, and the session that it leads."""
        return self._process.pid

    def terminate(self) -> None:
        """SIGTERM to the runner alone: it hands its jobs back, then exits. FFmpeg is ended after it, not before."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: the runner has had its time."""
        self._signal(signal.SIGKILL)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Let it stand still (SIGSTOP), with all that it has said so far passed on, until the block ends.

        FFmpeg goes on meanwhile. Whoever writes to the runner in the block can be sure that it reads that together with
        the first news that come from the network, and before any answer to what it does about them.
        """
        self._signal(signal.SIGSTOP)
        try:
            await self._stopped()
            await self._read_up()
            yield
        finally:
            self._signal(signal.SIGCONT)

    async def _stopped(self) -> None:
        """A stop takes effect when each thread comes to it; where the kernel does not tell, not for long."""
        for _ in range(_STOP_STEPS):
            if stands_still(self.pid):
                return
            await asyncio.sleep(_STOP_STEP_SECONDS)

    async def _read_up(self) -> None:
        while not self._output.closed and _unread(self._output.fileno()):  # noqa: ASYNC110 - the kernel's pipe
            await asyncio.sleep(0)
        # What has been read goes from transport to stream to reader, a turn of the event loop each.
        for _ in range(_TURNS_TO_READER):
            await asyncio.sleep(0)

    async def run(self, on_line: Callable[[str], None]) -> int:
        """Pass on its lines until it ends; then end all it left behind, and read the log to its end.

        Returns:
            How many processes could not be ended.
        """
        reading = asyncio.ensure_future(self._read(on_line))
        try:
            self.code = await self._process.wait()
            self._reaper.ended(self.pid)
            left = await self._reaper.end_session(self.pid)
            # Whoever still held the other end of the pipe is dead now, or will never let go of it.
            await asyncio.wait([reading], timeout=_LAST_LINES_SECONDS)
            return left
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    async def _read(self, on_line: Callable[[str], None]) -> None:
        stream = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), self._output)
        try:
            async for line in lines(stream):
                on_line(line)
        finally:
            transport.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _unread(pipe: int) -> int:
    """How many bytes wait in a pipe (FIONREAD in pipe(7))."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


async def lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The lines of a stream; one of more than 16 KiB is cut, its rest dropped (StreamReader.readline would fail)."""
    buffer = b""
    cutting = False
    while chunk := await stream.read(_CHUNK):
        *whole, buffer = (buffer + chunk).split(b"\n")
        for line in whole:
            if not cutting:
                yield line[:_MAX_LINE].decode(errors="replace").rstrip("\r")
            cutting = False
        if len(buffer) > _MAX_LINE:
            if not cutting:
                yield buffer[:_MAX_LINE].decode(errors="replace")
            cutting, buffer = True, b""
    if buffer and not cutting:
        yield buffer.decode(errors="replace").rstrip("\r")
