"""The line between a pod and its server: it can be cut as a network is, without a word to either side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

_LOOPBACK = "127.0.0.1"
_PIECE_BYTES = 65536


class Line:
    """Passes bytes on while it is whole. While it is cut they wait, as those in flight would be sent again later."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.origin = ""

    def cut(self) -> None:
        self._whole.clear()

    def restore(self) -> None:
        self._whole.set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            far_reader, far_writer = await asyncio.open_connection(_LOOPBACK, self._target_port)
            with contextlib.closing(far_writer):
                pumps = [
                    asyncio.create_task(self._pump(reader, far_writer)),
                    asyncio.create_task(self._pump(far_reader, writer)),
                ]
                try:
                    await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for pump in pumps:
                        pump.cancel()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(_PIECE_BYTES):
                await self._whole.wait()
                sink.write(piece)
                await sink.drain()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def line_to(target_port: int) -> AsyncIterator[Line]:
    """A line to a port of this machine."""
    line = Line(target_port)
    server = await asyncio.start_server(line.connect, _LOOPBACK, 0)
    line.origin = f"http://{_LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        await line.close()
