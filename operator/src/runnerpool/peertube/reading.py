"""One look at a server's whole queue, at a bounded number of calls, however long the queue is."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from runnerpool.peertube.client import PAGE_SIZE, JobPage
from runnerpool.planning.jobs import Job, JobState, ServerReading

MAX_CALLS = 6
"""Calls per reading (and one more, once, to a server that refuses the filter by type), as long as no more than 400 jobs
are in work."""
MAX_IN_WORK_CALLS = 20
"""Pages of jobs in work. As many jobs as runners have slots, so that a list is long only where there is much to do."""

_IN_WORK = (JobState.PROCESSING, JobState.COMPLETING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """What one pool looks for in the queue.

    Attributes:
        types: The job types that it takes; empty means all.
        size: Pending jobs that it could use at most; looking further is no use to it.
    """

    types: frozenset[str] = frozenset()
    size: int = PAGE_SIZE

    def takes(self, job: Job) -> bool:
        """The job is of a type that it takes."""
        return not self.types or job.type in self.types


class JobLister(Protocol):
    """The part of `PeerTubeClient` that a reading needs."""

    @property
    def filters_types(self) -> bool:
        """The server has not been seen to ignore or refuse `types`."""

    async def list_jobs(
        self, states: Sequence[JobState], *, sort: str, start: int, count: int, types: Sequence[str]
    ) -> JobPage:
        """A page of the job list."""


async def read_server(client: JobLister, wants: Collection[Want] = (), *, now: Callable[[], datetime]) -> ServerReading:
    """Read the queue.

    Lists are read against the current (waiting, pending, in work), so that a job that moves on meanwhile is seen twice
    and not never; the later sight counts. The pending window begins at the jobs that the server hands out first, and
    slides on while some pool could use more than it has found.

    Args:
        client: The server.
        wants: What the pools of this server look for; () means anything.
        now: The clock, aware.

    Raises:
        PeerTubeError: Any call failed.
    """
    at = now()
    reader = _Reader(client, tuple(wants) or (Want(),))
    waiting = await reader.first_page(JobState.WAITING_FOR_PARENT_JOB)
    pending = await reader.first_page(JobState.PENDING)
    in_work = await reader.all_in_work()
    pending_complete = await reader.slide(pending)
    found = reader.jobs.values()
    windows = {
        state: tuple(sorted((job for job in found if job.state == state), key=_handed_out_first))
        for state in (JobState.PENDING, JobState.WAITING_FOR_PARENT_JOB)
    }
    return ServerReading(
        at=at,
        pending=windows[JobState.PENDING],
        active=tuple(sorted((job for job in found if job.state in _IN_WORK), key=_handed_out_first)),
        waiting=windows[JobState.WAITING_FOR_PARENT_JOB],
        pending_total=max(pending.total, len(windows[JobState.PENDING])),
        waiting_total=max(waiting.total, len(windows[JobState.WAITING_FOR_PARENT_JOB])),
        complete=waiting.exhausted and pending_complete and in_work.exhausted,
    )


def _handed_out_first(job: Job) -> tuple[int, datetime, str]:
    """The server's order: by priority, then age (server/core/models/runner/runner-job.ts)."""
    return (job.priority, job.created, job.uuid)


@dataclass(slots=True, kw_only=True)
class _Cursor:
    """How far one list has been read."""

    states: tuple[JobState, ...]
    sort: str
    types: tuple[str, ...]
    start: int = 0
    total: int = 0
    stuck: bool = False

    @property
    def exhausted(self) -> bool:
        return self.start >= self.total

    @property
    def may_go_on(self) -> bool:
        return not (self.exhausted or self.stuck)


@dataclass(slots=True)
class _Reader:
    client: JobLister
    wants: tuple[Want, ...]
    calls: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)

    async def first_page(self, state: JobState) -> _Cursor:
        cursor = _Cursor(states=(state,), sort="priority", types=self._types(self.wants))
        await self._read(cursor)
        return cursor

    async def all_in_work(self) -> _Cursor:
        """Jobs in work tell which pods are busy, whatever their type: one that is not seen would be taken for idle."""
        cursor = _Cursor(states=_IN_WORK, sort="createdAt", types=())
        await self._read(cursor)
        for _ in range(1, MAX_IN_WORK_CALLS):
            if not cursor.may_go_on:
                break
            await self._read(cursor)
        return cursor

    async def slide(self, first: _Cursor) -> bool:
        """Read on in the pending list while a pool could use more; whether it was read to its end."""
        # What came was unfiltered if the server was seen to ignore the filter just now.
        first.types = self._types(self.wants)
        cursors = {first.types: first}
        while first.may_go_on and self.calls < MAX_CALLS:
            hungry = sorted((want for want in self.wants if self._missing(want)), key=self._found)
            cursor = next((c for want in hungry if (c := self._cursor(cursors, want)).may_go_on), None)
            if cursor is None:
                break
            await self._read(cursor)
        return first.exhausted or all(
            self._types([want]) in cursors and cursors[self._types([want])].exhausted for want in self.wants
        )

    def _cursor(self, cursors: dict[tuple[str, ...], _Cursor], want: Want) -> _Cursor:
        types = self._types([want])
        if types not in cursors:
            # `total` is not known yet; at least one call is worth while.
            cursors[types] = _Cursor(states=(JobState.PENDING,), sort="priority", types=types, total=1)
        return cursors[types]

    def _types(self, wants: Iterable[Want]) -> tuple[str, ...]:
        wants = tuple(wants)
        if not self.client.filters_types or any(not want.types for want in wants):
            return ()
        return tuple(sorted(frozenset[str]().union(*(want.types for want in wants))))

    def _found(self, want: Want) -> int:
        return sum(job.state == JobState.PENDING and want.takes(job) for job in self.jobs.values())

    def _missing(self, want: Want) -> bool:
        return self._found(want) < want.size

    async def _read(self, cursor: _Cursor) -> None:
        page = await self.client.list_jobs(
            cursor.states, sort=cursor.sort, start=cursor.start, count=PAGE_SIZE, types=cursor.types
        )
        self.calls += 1
        cursor.start += len(page.jobs)
        cursor.total = page.total
        cursor.stuck = not page.jobs
        self.jobs |= {job.uuid: job for job in page.jobs}
