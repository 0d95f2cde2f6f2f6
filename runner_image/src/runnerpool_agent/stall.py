"""Is a runner with a job in hand hung? Only if nothing moves: no progress, no CPU, no bytes, for the whole tolerance.

Transcription and storyboards report no progress, downloads and uploads burn next to no CPU, an encode moves few bytes:
each of the three alone proves work. A runner that does nothing is not quite still, though: it answers us every second
and reports progress every minute.

Measured over 12 s each on the stand-in runner, Node 22, with IPC as the agent uses it: idle 0.00 to 0.25 % of a CPU and
310 to 370 bytes a second; FFmpeg frozen and a report every 10 s 0.08 to 0.25 % and 780 to 850 bytes; FFmpeg held to a
twentieth of the video's speed 0.25 to 0.75 % and 6,900 to 8,100 bytes. The limits below lie between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

SAMPLE_SECONDS = 10.0
BUSY_CPU_SHARE = 0.02
"""Of one CPU, by all processes of the runner together."""
MOVING_BYTES_A_SECOND = 4096.0
"""Read and written, files and sockets alike; the slowest transfer that still counts as one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the processes of a runner have used since each began; `bytes` None: it cannot be known."""

    cpu_seconds: Mapping[int, float]
    bytes: Mapping[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look: when, at what, and how far the jobs were."""

    now: float
    usage: Usage
    progress: Sequence[object]


def works(before: Sample, after: Sample) -> bool:
    """Whether anything moved between two looks. What cannot be known counts as moving."""
    seconds = after.now - before.now
    if after.progress != before.progress or before.usage.bytes is None or after.usage.bytes is None:
        return True
    cpu = _used(before.usage.cpu_seconds, after.usage.cpu_seconds)
    moved = _used(before.usage.bytes, after.usage.bytes)
    return cpu >= BUSY_CPU_SHARE * seconds or moved >= MOVING_BYTES_A_SECOND * seconds


def _used(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """A process that is new counts from zero, one that has ended not at all."""
    return sum(max(0, amount - before.get(pid, 0)) for pid, amount in after.items())


@dataclass(slots=True)
class Stall:
    """How long a runner has stood still with a job in hand."""

    _last: Sample | None = None
    _still_since: float | None = field(default=None)

    def take(self, sample: Sample) -> None:
        """A new look at a runner with a job in hand, in contact with its server."""
        if self._last is None or works(self._last, sample):
            self._still_since = None
        elif self._still_since is None:
            self._still_since = self._last.now
        self._last = sample

    def forget(self) -> None:
        """It has no job, or no contact: to stand still is no wonder."""
        self._last = self._still_since = None

    def seconds(self, now: float) -> float:
        """For how long nothing has moved."""
        return 0.0 if self._still_since is None else now - self._still_since
