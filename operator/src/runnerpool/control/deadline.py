"""A thread that ends the process when the leader is overdue: an event loop that hangs cannot end itself."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Well within what lies between the renewal's deadline and the Lease's end.
_LOOK_SECONDS = 0.25


@contextmanager
def ended_when(overdue: Callable[[], bool], end: Callable[[str], None]) -> Iterator[None]:
    """Call `end` with the cause, from another thread, once `overdue` is true while the block runs."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            if overdue():
                end("the Lease was not renewed in time")
                return

    thread = threading.Thread(target=look, name="leader's deadline", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
