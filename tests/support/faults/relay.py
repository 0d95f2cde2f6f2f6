"""A port before a server that can be closed: what a server that is down looks like to whoever calls it there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from support.background import Background
from support.stage.operator_process import LOOPBACK

_PIECE_BYTES = 65536


class Relay:
    """Passes bytes on while it is open; opens at once. Methods are for the test's thread."""

    def __init__(self, background: Background, target_port: int) -> None:
        self._background = background
        self._target_port = target_port
        self._listening: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        background.enter(self._served())

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def close(self) -> None:
        """Break all connections and refuse new ones."""
        self._background.call(self._close())

    def open(self) -> None:
        """Take connections again, at the same port."""
        self._background.call(self._open())

    async def _open(self) -> None:
        self._listening = await asyncio.start_server(self._pass_on, LOOPBACK, self.port)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _served(self) -> AsyncIterator[None]:
        await self._open()
        try:
            yield
        finally:
            await self._close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._target_port)
            with contextlib.closing(far_writer):
                there = asyncio.ensure_future(_copy(reader, far_writer))
                try:
                    await _copy(far_reader, writer)
                finally:
                    there.cancel()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(_PIECE_BYTES):
            sink.write(piece)
            await sink.drain()
