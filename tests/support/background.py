"""An event loop in a thread of its own, on which a synchronous test's peers live: proxy, player, server."""

import asyncio
import selectors
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

_CALL_SECONDS = 60.0
_END_SECONDS = 20.0
# asyncio gives the far end of a closed TLS connection 30 s for its last word, then cuts it; a busy API server may
# need some of them. A loop that ends before reports a leak.
_LAST_CLOSE_SECONDS = 35.0
_LOOK_EVERY_SECONDS = 0.01


class Background:
    """Runs coroutines in its own thread; async contexts that it entered end with it, the last one first."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._of_the_loop = len(self._selector.get_map())
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)
        self._contexts = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.call(self._contexts.aclose())
            self.call(_cancel_the_rest())
            self.call(self._connections_gone(), seconds=2 * _LAST_CLOSE_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_END_SECONDS)
            self._loop.close()

    def call(self, coroutine: Coroutine[Any, Any, Result], *, seconds: float = _CALL_SECONDS) -> Result:
        """What the coroutine returns or raises; it runs in the loop's thread.

        Raises:
            TimeoutError: it took too long.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(seconds)

    def enter(self, context: AbstractAsyncContextManager[Result]) -> Result:
        """Enter an async context, which ends with this object."""
        return self.call(self._contexts.enter_async_context(context))

    async def _connections_gone(self) -> None:
        """Until the loop has no sockets left but its own, or for too long; then Python names those that are open."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_CLOSE_SECONDS):
                while len(self._selector.get_map()) > self._of_the_loop:  # noqa: ASYNC110 -- nothing tells of it
                    await asyncio.sleep(_LOOK_EVERY_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
