"""Election by a Lease: which of several replicas acts.

All ages are measured by one machine's own steady clock, from when that machine saw the Lease change: wall clocks of two
machines are never compared. No election keeps an old leader's last request from arriving late, so nothing here is what
the cap rests on: names are reserved under a precondition.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from runnerpool.cluster.errors import AlreadyExists, ClusterError, Conflict, Unavailable
from runnerpool.cluster.lease import LEASE_REQUEST_TIMEOUT_SECONDS, Lease, LeaseTerms, micro_time
from runnerpool.control.ports import Clock

_log = logging.getLogger(__name__)

# Unlike CLOCK_MONOTONIC it goes on while a virtual machine is suspended; other systems than Linux have no such clock.
_STEADY_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# As client-go does it when it gives a Lease back.
_RELEASED_SECONDS = 1
_COMES_AND_GOES = (Unavailable, Conflict, AlreadyExists, TimeoutError)


def steady_seconds() -> float:
    """Seconds on a clock that nobody sets and nothing stops."""
    return time.clock_gettime(_STEADY_CLOCK)


class LeadershipLost(Exception):
    """The Lease could not be kept. The message is for people."""


class Leases(Protocol):
    """The Lease (`runnerpool.cluster.lease`). Methods raise `ClusterError` kinds only."""

    async def read(self) -> Lease | None:
        """The Lease as it is now."""

    async def create(self, terms: LeaseTerms) -> Lease:
        """Make the Lease."""

    async def replace(self, read: Lease, terms: LeaseTerms) -> Lease:
        """Write new terms under a precondition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectionTimes:
    """In seconds.

    Attributes:
        lease: A Lease that has not changed for so long may be taken by another.
        renew_deadline: A leader that has not renewed for so long ends.
        retry: Between two attempts to take or to renew.
        request: For one attempt to renew, and for each call of an attempt to take.

    Raises:
        ValueError: A leader could still be at it when its Lease is taken.
    """

    lease: int = 15
    renew_deadline: float = 10.0
    retry: float = 2.0
    request: float = LEASE_REQUEST_TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        if self.renew_deadline + self.request >= self.lease or self.retry >= self.renew_deadline:
            raise ValueError("renew_deadline + request must be less than lease, and retry less than renew_deadline")


class Leader:
    """One replica's part in the election: `campaign`, then `keep`, then `release`."""

    def __init__(
        self,
        leases: Leases,
        identity: str,
        *,
        clock: Clock,
        steady: Callable[[], float] = steady_seconds,
        times: ElectionTimes = ElectionTimes(),
    ) -> None:
        """Take part; nothing is asked yet.

        Args:
            leases: The Lease.
            identity: Ours. A Lease that bears it already is taken back at once: so no two processes may share it.
            clock: For the times that people read in the Lease.
            steady: What ages are measured by.
            times: The rules.
        """
        self._leases = leases
        self._identity = identity
        self._clock = clock
        self._steady = steady
        self._times = times
        self._seen: Lease | None = None
        self._seen_at = 0.0
        # As we know it to stand now; None when that is in doubt.
        self._held: Lease | None = None
        self._renewed_at: float | None = None
        self._told = ""
        self.trouble: str | None = f"the Lease {leases} has not been read yet"
        """Why this replica could not lead if it had to; None if it could. A server that is away is not its fault."""

    def may_write(self) -> bool:
        """It leads, and its last renewal is not too old: to be asked right before every write."""
        return self._renewed_at is not None and self._left() > 0

    def overdue(self) -> bool:
        """It leads and has not renewed in time: this process must end before another leads."""
        return self._renewed_at is not None and self._left() <= 0

    async def campaign(self) -> None:
        """Try until we lead."""
        while True:
            try:
                taken = await self._try_to_take()
            except _COMES_AND_GOES as error:
                self._tell("the Lease %s cannot be taken now (%s); trying again", self._leases, _cause(error))
            except ClusterError as error:
                self.trouble = f"the Lease {self._leases} cannot be used: {error.message}"
                self._tell("%s; trying again", self.trouble)
            else:
                self.trouble = None
                if taken:
                    return
            await asyncio.sleep(self._until_next_look())

    async def keep(self) -> None:
        """Renew for ever.

        A wish of the API server to be left alone (429) is heard no more than the pause between two attempts allows: a
        single small call every two seconds is not what burdens it, and whoever waits for longer loses the Lease.

        Raises:
            LeadershipLost: It was not renewed in time, or another holds it.
        """
        while True:
            await asyncio.sleep(max(0.0, min(self._times.retry, self._left())))
            if self._left() <= 0:
                # No attempt: after a freeze it might still be granted, long after others could have had it.
                raise LeadershipLost(f"the Lease {self._leases} was not renewed for {self._times.renew_deadline:g} s")
            try:
                await self._renew()
            except LeadershipLost:
                self._renewed_at = None
                raise
            except _COMES_AND_GOES as error:
                self._tell("the Lease %s was not renewed (%s); trying again", self._leases, _cause(error))
            except ClusterError as error:
                self._tell("the Lease %s was not renewed: %s; trying again", self._leases, error.message)
            else:
                self._told = ""

    async def release(self) -> None:
        """Give it back, so that another need not wait for its end. Call it when nothing of ours writes any more."""
        led, self._renewed_at = self.may_write(), None
        if not led:
            return
        try:
            async with asyncio.timeout(self._times.request):
                await self._give_back()
        except (ClusterError, TimeoutError, LeadershipLost) as error:
            _log.warning("the Lease %s could not be given back (%s); it ends by itself", self._leases, _cause(error))
        else:
            _log.info("the Lease %s is given back", self._leases)

    async def _give_back(self) -> None:
        """A renewal of ours that was broken off may still arrive between a reading and this."""
        held = self._held or await self._read_ours()
        while held is not None:
            try:
                await self._leases.replace(held, self._terms(held, holder=""))
            except Conflict:
                held = await self._read_ours()
            else:
                return

    async def _try_to_take(self) -> bool:
        async with asyncio.timeout(self._times.request):
            found = await self._leases.read()
        if not self._may_take(found):
            return False
        began = self._steady()
        async with asyncio.timeout(self._times.request):
            if found is None:
                self._held = await self._leases.create(self._terms(None))
            else:
                self._held = await self._leases.replace(found, self._terms(found))
        self._renewed_at = began
        self._told = ""
        _log.info("this replica leads: %s holds the Lease %s", self._identity, self._leases)
        return True

    def _may_take(self, found: Lease | None) -> bool:
        """It is nobody's, or our own of an earlier life, or has not changed for so long as it says."""
        if found is not None and found != self._seen:
            self._seen, self._seen_at = found, self._steady()
        terms = self._seen.terms if self._seen is not None else None
        if terms is None or terms.holder in {"", self._identity}:
            return True
        # Also of a Lease that somebody has deleted: its holder does not know that yet.
        if self._stands_for() <= 0:
            return True
        self._tell("this replica stands by: %s holds the Lease %s", terms.holder, self._leases, level=logging.INFO)
        return False

    def _stands_for(self) -> float:
        """For how many seconds more the Lease that was seen last may not be taken; 0 or less if it may, or none was."""
        if self._seen is None:
            return 0.0
        return self._seen_at + max(self._times.lease, self._seen.terms.duration_seconds) - self._steady()

    def _until_next_look(self) -> float:
        """Seconds; a Lease is looked at in the moment when it may be taken, not up to a whole `retry` later."""
        left = self._stands_for()
        return min(self._times.retry, left) if left > 0 else self._times.retry

    async def _renew(self) -> None:
        began = self._steady()
        async with asyncio.timeout(min(self._times.request, self._left())):
            held, self._held = self._held or await self._read_ours(), None
            # Somebody has deleted it: we go on as if nobody had.
            self._held = await (
                self._leases.create(self._terms(None))
                if held is None
                else self._leases.replace(held, self._terms(held))
            )
        self._renewed_at = began

    async def _read_ours(self) -> Lease | None:
        """The Lease, which must be ours; None if it is gone."""
        found = await self._leases.read()
        if found is not None and found.terms.holder != self._identity:
            raise LeadershipLost(f"{found.terms.holder or 'nobody'} holds the Lease {self._leases}")
        return found

    def _terms(self, read: Lease | None, *, holder: str | None = None) -> LeaseTerms:
        """What we write over a Lease as it was read."""
        now = micro_time(self._clock.now())
        if read is None:
            fresh = LeaseTerms(holder="", duration_seconds=0, transitions=0, acquired=now, renewed=now)
            return replace(fresh, holder=self._identity, duration_seconds=self._times.lease)
        if holder is not None:
            return replace(read.terms, holder=holder, duration_seconds=_RELEASED_SECONDS, renewed=now)
        renewed = replace(read.terms, duration_seconds=self._times.lease, renewed=now)
        if read.terms.holder == self._identity:
            return renewed
        return replace(renewed, holder=self._identity, acquired=now, transitions=read.terms.transitions + 1)

    def _left(self) -> float:
        """Seconds until we must have renewed."""
        if self._renewed_at is None:
            return 0.0
        return self._renewed_at + self._times.renew_deadline - self._steady()

    def _tell(self, text: str, *values: object, level: int = logging.WARNING) -> None:
        """Log what is new, once."""
        told = text % values
        if told != self._told:
            _log.log(level, "%s", told)
        self._told = told


def _cause(error: Exception) -> str:
    return str(error) or "no answer in time"
