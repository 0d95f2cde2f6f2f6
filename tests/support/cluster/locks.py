from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from support.cluster.progress import say

_PATIENCE_SECONDS = 1.0


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Let one process of this machine at a time do `what`; one that waits for another says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PATIENCE_SECONDS)
    except Timeout:
        say(f"another process is {what}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
