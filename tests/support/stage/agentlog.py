"""A runner pod's log, followed while the pod lives: it goes with the pod."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from support.cluster.backends import ClusterBackend
from support.stage.errors import StageError
from support.stage.kube import end, kubectl_process
from support.stage.waiting import until

_LAST_LINES_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`at` is wall time in seconds since the epoch, as the agent wrote it."""

    at: float
    message: str


class AgentLog:
    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[Line]:
        return [line for text in self.path.read_text(errors="replace").splitlines() if (line := _line(text))]

    def find(self, part: str) -> Line | None:
        return next((line for line in self.lines() if part in line.message), None)

    def await_line(self, part: str, *, seconds: float) -> Line:
        """The first line that holds `part`.

        Raises:
            StageError: there is none in time.
        """
        found = until(
            lambda: self.find(part), f"'{part}' in {self.path.name}", seconds=seconds, evidence=self.path.read_text
        )
        if found is None:
            raise StageError(f"no '{part}' in {self.path.name}")
        return found


def _line(text: str) -> Line | None:
    try:
        record = json.loads(text)
        return Line(at=datetime.fromisoformat(record["time"]).timestamp(), message=str(record["message"]))
    except (ValueError, KeyError, TypeError):
        return None


@contextmanager
def followed(cluster: ClusterBackend, namespace: str, pod: str, directory: Path) -> Iterator[AgentLog]:
    """The log of a pod that runs, kept in a file also when the pod is gone."""
    path = directory / f"agent-{pod}.log"
    with path.open("w") as file:
        process = kubectl_process(cluster, "logs", "--follow", f"--namespace={namespace}", pod, output=file.fileno())
    try:
        yield AgentLog(path)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_LINES_SECONDS)  # the log of a pod that has ended is read to its end
    finally:
        end(process)
