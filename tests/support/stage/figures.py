"""How a run went, from the server's own journal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peers.peertube.client import JobSteps

_TAKEN = "accept"
_OUT_OF_HAND = frozenset({"success", "abort", "watchdog", "error", "cancel", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A run in figures.

    Attributes:
        jobs: completed ones, by type.
        runners: names of all that took a job.
        wall_seconds: from the first job's creation to the last one's end.
        busy_seconds: summed over all jobs, how long they were in a runner's hand.
    """

    jobs: Mapping[str, int]
    runners: frozenset[str]
    wall_seconds: float
    busy_seconds: float

    @property
    def parallelism(self) -> float:
        return self.busy_seconds / self.wall_seconds if self.wall_seconds else 0.0


def figures(jobs: Sequence[JobSteps]) -> Figures:
    """The figures of jobs that are all done."""
    times = [_time(step) for job in jobs for step in job.history]
    return Figures(
        jobs=Counter(job.type for job in jobs if job.count("completed")),
        runners=frozenset(str(step["runner"]) for job in jobs for step in job.history if step["runner"]),
        wall_seconds=(max(times) - min(times)) if times else 0.0,
        busy_seconds=sum(busy_seconds(job.history) for job in jobs),
    )


def busy_seconds(history: Iterable[Mapping[str, Any]]) -> float:
    """How long one job was in the hand of a runner, over all its tries."""
    total, taken = 0.0, None
    for step in history:
        if step["cause"] == _TAKEN:
            taken = _time(step)
        elif taken is not None and step["cause"] in _OUT_OF_HAND:
            total += _time(step) - taken
            taken = None
    return total


def when(job: JobSteps, cause: str) -> float | None:
    """Wall time of a job's first step of a kind, in seconds since the epoch; None if there was none."""
    return next((_time(step) for step in job.history if step["cause"] == cause), None)


def _time(step: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(step["time"]).timestamp()
