"""Job lists: what they are filtered by, how they are sorted, and pages of them.

A list is made of parts that are sorted each for itself: the jobs that exist, and the rows of a grown server, which do
not (`grown`). A page costs a few looks into each part, wherever it begins.
"""

import heapq
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from peers.peertube.records import Job

Key = Callable[[Job], tuple[Any, ...]]


class Rows(Protocol):
    """A part of a list: sorted, with every row within reach."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Job: ...


SORTABLE = ("updatedAt", "createdAt", "priority", "state", "progress")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which jobs; None and "" take all.

    Attributes:
        states: State ids; those that no job has are fine.
        search: A job's UUID, or a part of its type or of its runner's name.
    """

    states: frozenset[int] | None = None
    types: frozenset[str] | None = None
    search: str = ""

    def takes(self, job: Job) -> bool:
        in_state = self.states is None or job.state in self.states
        return in_state and (self.types is None or job.type in self.types) and self._matches(job)

    def _matches(self, job: Job) -> bool:
        if is_uuid(self.search):
            return job.uuid == self.search.lower()
        runner = job.runner.name if job.runner else ""
        return self.search.lower() in job.type.lower() or self.search.lower() in runner.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """By which columns, the first one first. Equal rows keep the order of their ids, whichever way the list goes."""

    columns: tuple[str, ...]
    descending: bool = False

    def reverses(self, *columns: str) -> bool:
        """Rows whose order is that of these columns go backwards."""
        return self.descending and self.columns[0] in columns

    def key(self, job: Job) -> tuple[Any, ...]:
        sign = -1 if self.descending else 1
        return (*((sign * null, sign * value) for null, value in map(job_column(job), self.columns)), job.id)


def job_column(job: Job) -> Callable[[str], tuple[bool, float]]:
    """A job's value in a column, as a number; nulls count as greatest, as in PostgreSQL."""

    def value(column: str) -> tuple[bool, float]:
        match column:
            case "updatedAt":
                return (False, job.updated_at.timestamp())
            case "createdAt":
                return (False, job.created_at.timestamp())
            case "priority":
                return (False, job.priority)
            case "state":
                return (False, job.state)
        return (job.progress is None, job.progress or 0)

    return value


def page(parts: Sequence[Rows], key: Key, start: int, count: int) -> list[Job]:
    """Rows `start` to `start + count` of all parts together."""
    offsets = _offsets(parts, key, start)
    rest = [_from(part, offset) for part, offset in zip(parts, offsets, strict=True)]
    return list(islice(heapq.merge(*rest, key=key), count))


def _offsets(parts: Sequence[Rows], key: Key, start: int) -> list[int]:
    """Where each part goes on when `start` rows of them all have been passed.

    Each part that has rows left offers a share of what is to be passed. The share with the smallest last row can be
    passed as a whole: fewer rows than are to be passed are smaller than that one.
    """
    offsets = [0] * len(parts)
    left = start
    while left > 0:
        unread = [number for number, part in enumerate(parts) if offsets[number] < len(part)]
        if not unread:
            break
        share = max(1, left // len(unread))
        ends = {number: min(offsets[number] + share, len(parts[number])) for number in unread}
        smallest = min(unread, key=lambda number: key(parts[number][ends[number] - 1]))
        left -= ends[smallest] - offsets[smallest]
        offsets[smallest] = ends[smallest]
    return offsets


def _from(part: Rows, start: int) -> Iterator[Job]:
    return (part[index] for index in range(start, len(part)))


def is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
