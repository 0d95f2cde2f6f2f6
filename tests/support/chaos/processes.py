"""The processes of a pod, seen from this machine: found by their cgroup, and frozen or killed from outside."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from support.cluster.processes import ProcessIdentity, identify

_PAUSE = "pause"


class Part(Enum):
    """Who is who in a runner pod."""

    AGENT = "agent"
    RUNNER = "runner"
    FFMPEG = "ffmpeg"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodProcess:
    """A process of a pod."""

    identity: ProcessIdentity
    part: Part
    command: tuple[str, ...]

    @property
    def pid(self) -> int:
        return self.identity.pid


def processes(pod_uid: str, proc: Path = Path("/proc")) -> list[PodProcess]:
    """Those of a pod's containers, the one that holds its namespaces left out."""
    found = []
    for directory in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        with suppress(FileNotFoundError, ProcessLookupError):
            if f"pod{pod_uid}" not in (directory / "cgroup").read_text():
                continue
            words = (directory / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
            if words != [""] and Path(words[0]).name != _PAUSE:
                identity = identify(Path(words[0]).name, int(directory.name))
                found.append(PodProcess(identity=identity, part=part_of(words), command=tuple(words)))
    return found


def part_of(command: list[str]) -> Part:
    """By the command line: the agent's is Python's, the runner's Node's; a look at FFmpeg's encoders is no work."""
    names = [Path(word).name for word in command]
    if names[0] == "ffmpeg" and "-i" in names:
        return Part.FFMPEG
    if "runnerpool-agent" in names or "runnerpool_agent" in names:
        return Part.AGENT
    if "peertube-runner" in names or "peertube-runner.mjs" in names:
        return Part.RUNNER
    return Part.OTHER


def find(pod_uid: str, part: Part) -> list[PodProcess]:
    """Those of a pod that are of one kind."""
    return [process for process in processes(pod_uid) if process.part is part]


def kill(found: Iterable[PodProcess]) -> None:
    """SIGKILL."""
    for process in found:
        send(process.identity, signal.SIGKILL)


@contextmanager
def frozen(found: Iterable[ProcessIdentity]) -> Iterator[None]:
    """SIGSTOP, and SIGCONT when the block ends; who has ended meanwhile is left alone, and whoever has its pid, too."""
    stopped = list(found)
    try:
        for process in stopped:
            send(process, signal.SIGSTOP)
        yield
    finally:
        for process in stopped:
            send(process, signal.SIGCONT)


def send(process: ProcessIdentity, number: signal.Signals) -> None:
    """A signal, if the process is still the one that was meant."""
    if process.alive:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
