"""Who may use the shared node beside others: two test files at a time, and any that mostly wait.

One that kills what all live by has it to itself.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PLACES = 2
"""For two that keep the processors busy. A third makes both late."""
_LOOK_SECONDS = 0.2


@contextmanager
def turn(path: Path, *, alone: bool, waits: bool) -> Iterator[None]:
    """Wait for it, and have it until the block ends.

    Args:
        path: the file that all processes lock; made if need be, with one for each place beside it.
        alone: nobody else has a turn meanwhile.
        waits: it mostly waits, so that it needs no place.
    """
    with ExitStack() as stack:
        if not (alone or waits):
            stack.enter_context(_place([path.with_name(f"{path.name}-{number}") for number in range(PLACES)]))
        descriptor = _opened(path)
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def _place(files: list[Path]) -> Iterator[None]:
    """The first of these that is free."""
    descriptors = [_opened(file) for file in files]
    try:
        while not any(map(_taken, descriptors)):
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
