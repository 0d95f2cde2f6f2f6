from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from support.stage.turns import PLACES, turn

_SECONDS = 10.0
_A_MOMENT = 0.5


class Crowd:
    """Test files that want the node, each in a thread of its own, until they are told to leave."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._path = path
        self._pool = stack.enter_context(ThreadPoolExecutor(10))
        self._stack = stack

    def come(self, *, alone: bool = False, waits: bool = False) -> "Guest":
        guest = Guest()
        self._stack.callback(guest.leave.set)
        guest.gone = self._pool.submit(self._stay, guest, alone, waits)
        return guest

    def _stay(self, guest: "Guest", alone: bool, waits: bool) -> None:
        with turn(self._path, alone=alone, waits=waits):
            guest.is_in.set()
            guest.leave.wait(_SECONDS)


class Guest:
    gone: Future[None]

    def __init__(self) -> None:
        self.is_in, self.leave = Event(), Event()

    def enters(self) -> bool:
        return self.is_in.wait(_SECONDS)

    def stays_out(self) -> bool:
        return not self.is_in.wait(_A_MOMENT)

    def goes(self) -> None:
        self.leave.set()
        wait([self.gone], _SECONDS)


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Crowd]:
    with ExitStack() as stack:
        yield Crowd(tmp_path / "turns", stack)


def test_there_is_room_for_two_and_for_any_that_wait(crowd: Crowd) -> None:
    busy = [crowd.come() for _ in range(PLACES)]
    assert all(guest.enters() for guest in busy)
    third, waiting = crowd.come(), crowd.come(waits=True)
    assert waiting.enters()
    assert third.stays_out()

    busy[0].goes()

    assert third.enters()


@pytest.mark.parametrize("waits", [False, True])
def test_one_that_must_be_alone_is(crowd: Crowd, waits: bool) -> None:
    first = crowd.come(waits=waits)
    assert first.enters()
    alone = crowd.come(alone=True)
    assert alone.stays_out()
    first.goes()
    assert alone.enters()

    after = crowd.come(waits=waits)

    assert after.stays_out()
    alone.goes()
    assert after.enters()
