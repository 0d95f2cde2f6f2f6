"""Processes that are known by (pid, start time), so that a recycled pid is never taken for one of ours."""

import os
import select
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from support.cluster.errors import ClusterError
from support.cluster.progress import tail

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessIdentity:
    name: str
    pid: int
    start_time: int  # clock ticks after boot, field 22 of /proc/PID/stat

    @property
    def alive(self) -> bool:
        state = _state_and_start(self.pid)
        return state is not None and state[0] != "Z" and state[1] == self.start_time


def identify(name: str, pid: int) -> ProcessIdentity:
    state = _state_and_start(pid)
    return ProcessIdentity(name=name, pid=pid, start_time=state[1] if state else 0)


def _state_and_start(pid: int) -> tuple[str, int] | None:
    try:
        # The command's name may hold spaces and brackets, so count from the last bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[19])


def start(
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    outlives_starter: bool,
    variables: Mapping[str, str] | None = None,
) -> ProcessIdentity:
    """Start a program in a session of its own, with its output in `log`, and with more variables in its environment.

    Unless it `outlives_starter`, the kernel kills it when the thread that started it ends, however that ends;
    only the main thread lives as long as the process, so only it may start such a program.
    """
    program = shutil.which(command[0])
    if program is None:
        raise ClusterError(f"{name} cannot start: there is no program {command[0]}; `python -m support.cluster build`")
    arguments = [program, *command[1:]]
    if not outlives_starter:
        if threading.current_thread() is not threading.main_thread():
            raise ClusterError(f"{name} must be started from the main thread, or it would stop with this one")
        arguments = [shutil.which("setpriv") or "setpriv", "--pdeathsig", "KILL", *arguments]
    log.parent.mkdir(parents=True, exist_ok=True)
    pid = os.posix_spawnp(
        arguments[0],
        arguments,
        os.environ | dict(variables or {}),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    return identify(name, pid)


def stop(process: ProcessIdentity, *, grace_seconds: float) -> bool:
    """SIGTERM, wait, SIGKILL if need be, wait until it is gone. True if it ended within the grace."""
    graceful = True
    if process.alive:
        _signal(process, signal.SIGTERM)
        graceful = _gone_within(process, grace_seconds)
        if not graceful:
            _signal(process, signal.SIGKILL)
            _gone_within(process, 30)
    with suppress(ChildProcessError):  # not a child of this process
        os.waitpid(process.pid, 0)
    return graceful


def _signal(process: ProcessIdentity, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _gone_within(process: ProcessIdentity, seconds: float) -> bool:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)


def wait_until(
    condition: Callable[[], bool],
    what: str,
    *,
    timeout_seconds: float,
    watched: ProcessIdentity | None = None,
    log: Path | None = None,
) -> None:
    """Wait for a condition.

    Raises:
        ClusterError: it did not come in time, or the watched process ended; with the last lines of its log.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        ended = watched is not None and not watched.alive
        if ended or time.monotonic() > deadline:
            cause = "its process ended" if ended else f"waited {timeout_seconds:.0f} s"
            evidence = f"; {log} ends:\n{tail(log)}" if log else ""
            raise ClusterError(f"{what} did not come: {cause}{evidence}")
        time.sleep(POLL_SECONDS)
