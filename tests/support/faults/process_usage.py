"""What a process takes of the machine, by the kernel's own count (proc(5))."""

import os
from pathlib import Path

MIB = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")
# Fields of /proc/PID/stat, counted from the one after the name, which may hold blanks: the third in proc(5).
_UTIME, _STIME = 14 - 3, 15 - 3


def resident_bytes(pid: int) -> int:
    """Memory that is in RAM now, shared pages included."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (told,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(told.split()[1]) * 1024


def cpu_seconds(pid: int) -> float:
    """Time on a processor so far, of all its threads, in its own code and in the kernel for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS
