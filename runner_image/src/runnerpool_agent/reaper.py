"""What PID 1 owes its pod: ends what the runner left behind, and waits for the dead that nobody else waits for."""

import asyncio
import os
from collections.abc import Callable, Iterable

from runnerpool_agent.processes import ProcessEntry, kill, processes

INTERVAL_SECONDS = 1.0
_CLEANUP_SECONDS = 5.0
_CLEANUP_STEP_SECONDS = 0.05


class Reaper:
    """Knows which children asyncio waits for, and never takes those from it.

    `adopting`: orphans come to us (we are PID 1, or asked the kernel for it), so a child that we did not start is an
    orphan. Without it only the runner's session is ours to end.
    """

    def __init__(self, *, adopting: bool, scan: Callable[[], Iterable[ProcessEntry]] = processes) -> None:
        self._adopting = adopting
        self._scan = scan
        self._own: set[int] = set()
        self._starting = 0

    def starting(self) -> None:
        """A child is about to be made: until `started`, none is reaped, since its PID is not known yet."""
        self._starting += 1

    def started(self, pid: int | None) -> None:
        """The child's PID; None if it could not be made."""
        self._starting -= 1
        if pid is not None:
            self._own.add(pid)

    def ended(self, pid: int) -> None:
        """Asyncio has waited for this child; its PID may come again as another process."""
        self._own.discard(pid)

    async def run(self) -> None:
        """Reap every second, for ever."""
        while True:
            self.reap()
            await asyncio.sleep(INTERVAL_SECONDS)

    def reap(self) -> None:
        """Wait for every dead orphan, once."""
        if self._starting or not self._adopting:
            return
        for process in self._scan():
            if process.zombie and self._orphan(process):
                _wait_for(process.pid)

    async def end_session(self, session: int) -> int:
        """End all that is left of a runner: its session, and what left that session and came to us.

        FFmpeg survives the runner's exit, and would go on for hours for nobody.

        Returns:
            How many processes still live after 5 s; 0 unless one hangs in the kernel.
        """
        left = self._leftovers(session)
        for _ in range(round(_CLEANUP_SECONDS / _CLEANUP_STEP_SECONDS)):
            if not left:
                break
            for process in left:
                kill(process.pid)
            await asyncio.sleep(_CLEANUP_STEP_SECONDS)
            # A killed child becomes an orphan's parent of its own children, which come to us in turn: look again.
            left = self._leftovers(session)
        self.reap()
        return len(left)

    def _leftovers(self, session: int) -> list[ProcessEntry]:
        return [
            process
            for process in self._scan()
            if not process.zombie
            and (session in (process.session, process.group) or (self._adopting and self._orphan(process)))
        ]

    def _orphan(self, process: ProcessEntry) -> bool:
        return process.parent == os.getpid() and process.pid not in self._own


def _wait_for(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # another thread's, and already waited for
