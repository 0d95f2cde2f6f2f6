"""The pod's processes, as /proc shows them: who is whose child, and who is left of the runner."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEntry:
    """One process: its parent, group and session, and whether it is dead but not yet waited for."""

    pid: int
    parent: int
    group: int
    session: int
    zombie: bool


def adopt_orphans() -> None:
    """Become the parent of every process below us that loses its own, as PID 1 is anyway.

    Raises:
        OSError: The kernel refused (prctl(2), PR_SET_CHILD_SUBREAPER, Linux 3.4).
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def processes() -> Iterator[ProcessEntry]:
    """All processes of this PID namespace; what ends meanwhile is left out."""
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                yield parse_stat((entry / "stat").read_text(encoding="utf-8", errors="replace"))


def parse_stat(text: str) -> ProcessEntry:
    """Read /proc/PID/stat (proc(5)); the name in it may hold blanks and brackets, so the last bracket counts."""
    pid, _, rest = text.partition(" ")
    state, parent, group, session = rest[rest.rindex(")") + 1 :].split()[:4]
    return ProcessEntry(
        pid=int(pid), parent=int(parent), group=int(group), session=int(session), zombie=state in {"Z", "X"}
    )


def stands_still(pid: int) -> bool:
    """Whether every thread of a process has been stopped by a signal; one that is gone stands still too."""
    with suppress(OSError):
        for thread in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                stat = (thread / "stat").read_text(encoding="utf-8", errors="replace")
                if stat[stat.rindex(")") + 1 :].split()[0] not in {"T", "t", "Z", "X"}:
                    return False
    return True


def kill(pid: int) -> None:
    """SIGKILL; one that has ended meanwhile is what we wanted."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
