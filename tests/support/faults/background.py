"""An event loop in a thread of its own, on which a synchronous test's peers live: proxy, player, server."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

_CALL_SECONDS = 30.0
_END_SECONDS = 20.0
# A closed TLS connection still takes a few rounds of its loop to be gone; cut short, it is reported as a leak.
_LAST_CLOSE_SECONDS = 0.1


class Background:
    """Runs coroutines in its own thread; async contexts that it entered end with it, the last one first."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
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

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()


async def _cancel_the_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.sleep(_LAST_CLOSE_SECONDS)
