"""Who may use the shared node beside others: most test files may; one that kills what all live by may not."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(path: Path, *, alone: bool) -> Iterator[None]:
    """Wait for it, and have it until the block ends.

    Args:
        path: the file that all processes lock; made if need be.
        alone: nobody else has a turn meanwhile.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
