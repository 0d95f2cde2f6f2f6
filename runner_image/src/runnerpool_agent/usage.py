"""What the processes of a runner's session have used, as /proc tells: CPU time, and bytes read and written."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from runnerpool_agent.processes import ProcessEntry, processes
from runnerpool_agent.stall import Usage

_TICKS = os.sysconf("SC_CLK_TCK")
_BYTES = ("rchar", "wchar")


def session_usage(
    session: int, scan: Callable[[], Iterable[ProcessEntry]] = processes, proc: Path = Path("/proc")
) -> Usage:
    """Look once. A process that ends meanwhile is left out; one whose bytes are hidden from us hides them all."""
    cpu: dict[int, float] = {}
    moved: dict[int, int] | None = {}
    for process in scan():
        if session not in (process.session, process.group) or process.zombie:
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            cpu[process.pid] = _cpu_seconds((proc / str(process.pid) / "stat").read_text(errors="replace"))
            count = _bytes(proc / str(process.pid) / "io")
            if count is None:
                moved = None
            elif moved is not None:
                moved[process.pid] = count
    return Usage(cpu_seconds=cpu, bytes=moved)


def _cpu_seconds(stat: str) -> float:
    """User and system time (fields 14 and 15 of /proc/PID/stat, proc(5))."""
    fields = stat[stat.rindex(")") + 1 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _bytes(file: Path) -> int | None:
    """All that was read and written, by files and sockets alike; None where a sandbox or a kernel does not tell."""
    try:
        pairs = dict(line.split(": ") for line in file.read_text(encoding="ascii").splitlines())
        return sum(int(pairs[name]) for name in _BYTES)
    except (FileNotFoundError, ProcessLookupError):
        if file.parent.exists():
            return None
        raise
    except (OSError, ValueError, KeyError):
        return None
