"""A Lease at an API server that can be slow, hang, refuse, and be written by others."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from runnerpool.api.reasons import Reason
from runnerpool.cluster.errors import AlreadyExists, ClusterError, Conflict, Unavailable
from runnerpool.cluster.lease import Lease, LeaseTerms

START = datetime(2026, 11, 30, 6, tzinfo=UTC)
REFUSED = Unavailable(Reason.API_SERVER_UNAVAILABLE, "canned: no answer")


def loop_time() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class WallClock:
    """Follows the loop's virtual time, however wrongly."""

    skew: timedelta = timedelta()

    def now(self) -> datetime:
        return START + self.skew + timedelta(seconds=loop_time())


@dataclass
class FakeLeases:
    """The stored Lease, shared by all candidates; each of them reaches it through a `Way` of its own."""

    stored: Lease | None = None
    version: int = 0
    writes: list[tuple[float, str]] = field(default_factory=list)

    def put(self, terms: LeaseTerms) -> Lease:
        self.version += 1
        self.writes.append((loop_time(), terms.holder))
        self.stored = Lease(terms=terms, body={"metadata": {"resourceVersion": str(self.version)}})
        return self.stored

    def steal(self, holder: str) -> None:
        assert self.stored is not None
        self.put(replace(self.stored.terms, holder=holder))

    @property
    def holder(self) -> str | None:
        return self.stored.terms.holder if self.stored else None

    def __str__(self) -> str:
        return "system/runnerpool"


@dataclass
class Way:
    """One candidate's way to the Lease.

    Attributes:
        error: what every call meets.
        hangs: calls are not answered.
        lost: writes are carried out, and their answers lost.
    """

    leases: FakeLeases
    error: ClusterError | None = None
    hangs: bool = False
    lost: bool = False
    calls: list[float] = field(default_factory=list)

    async def read(self) -> Lease | None:
        await self._meet()
        return self.leases.stored

    async def create(self, terms: LeaseTerms) -> Lease:
        await self._meet()
        if self.leases.stored is not None:
            raise AlreadyExists(Reason.NAME_TAKEN, "canned: taken")
        return await self._answer(lambda: self.leases.put(terms))

    async def replace(self, read: Lease, terms: LeaseTerms) -> Lease:
        await self._meet()
        stored = self.leases.stored
        if stored is None or stored.body != read.body:
            raise Conflict(Reason.CONFLICT, "canned: changed")
        return await self._answer(lambda: self.leases.put(terms))

    async def _meet(self) -> None:
        self.calls.append(loop_time())
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.Event().wait()

    async def _answer(self, write: Callable[[], Lease]) -> Lease:
        written = write()
        if self.lost:
            await asyncio.Event().wait()
        return written

    def __str__(self) -> str:
        return str(self.leases)
