"""The one view of a server's queue that all pools share which know it by the same login.

A cheap look each period tells whether anything has changed; only then the queue is read in full, and once a minute
anyway. A failed read makes the queue unknown at once, with the reason, and never empty.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.control.ports import Clock
from runnerpool.peertube.accounts import RegisteredRunner, RunnerAccount
from runnerpool.peertube.client import ChangeMark
from runnerpool.peertube.errors import PeerTubeError
from runnerpool.peertube.reading import JobLister, Want, read_server
from runnerpool.planning.jobs import Job, ServerReading
from runnerpool.planning.queue import QueueUnknown

_log = logging.getLogger(__name__)

_SERVER_SHARE = 50
"""A look may take a fiftieth of the period: 2 % of the server's time (70 ms a look were measured on a grown server)."""
_REST_PER_WORK = 2
"""Whatever is asked for, a server rests twice as long as the last look and read took."""
_SHORTEST_REST_SECONDS = 1.0
"""30 registrations within a second ask for one read, not for 30."""
_ANSWERS_REMEMBERED = 5
_ANSWERS_NEEDED = 3
_RANDOM = secrets.SystemRandom()


class ServerClient(JobLister, Protocol):
    """The server, as the poller needs it (`runnerpool.peertube.client`). Methods raise `PeerTubeError` kinds only."""

    async def change_mark(self) -> ChangeMark:
        """A cheap look at whether anything has changed."""

    async def list_runners(self) -> tuple[RunnerAccount, ...]:
        """All runner rows."""

    async def register_runner(self, name: str, description: str) -> RegisteredRunner:
        """Register a runner; a row of ours of that name is replaced."""

    async def delete_runner(self, row_id: int) -> None:
        """Remove a runner row; one that has gone already is fine."""

    async def aclose(self) -> None:
        """Forget all tokens and close all connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a server is asked. All in seconds.

    Attributes:
        period: From one look to the next, at least; a slow server is asked less often.
        full_read: A full read is never older than this, while the server answers.
        longest: No period and no back-off is longer than this, unless the server asks for it.
    """

    period: float = 5.0
    full_read: float = 60.0
    longest: float = 60.0


class ServerPoller:
    """Reads one server's queue for ever, and makes the two writes through the same login.

    Attributes:
        reading: The queue as last read, or why it is unknown.
        last_known: The last reading that succeeded, however old: who is busy is still best told by it.
    """

    def __init__(
        self,
        server: str,
        client: ServerClient,
        *,
        clock: Clock,
        pace: Pace | None = None,
        draw: Callable[[float, float], float] = _RANDOM.uniform,
    ) -> None:
        self._server = server
        self._client = client
        self._clock = clock
        self._pace = pace or Pace()
        self._draw = draw
        self._subscribers: dict[Hashable, tuple[Callable[[], None], Want]] = {}
        self._full_read_wanted = asyncio.Event()
        self._mark: ChangeMark | None = None
        self._full_read_at = float("-inf")
        self._answer_seconds: deque[float] = deque(maxlen=_ANSWERS_REMEMBERED)
        self._failures = 0
        self._rows: tuple[RunnerAccount, ...] | None = None
        self._rows_asked_at = float("-inf")
        self.last_known: ServerReading | None = None
        self.reading: ServerReading | QueueUnknown = QueueUnknown(
            reason=Reason.NOT_YET_READ,
            message=f"the queue of {server} has not been read yet",
            since=clock.now(),
        )

    @property
    def rows(self) -> tuple[RunnerAccount, ...] | None:
        """All runner rows of the server as last listed, and what we did to them since; None before the first time."""
        return self._rows

    @property
    def subscribed(self) -> bool:
        """Somebody still needs this poller."""
        return bool(self._subscribers)

    def subscribe(self, key: Hashable, wake: Callable[[], None], want: Want) -> None:
        """Have `wake` called whenever the queue, its being unknown, or the rows have changed.

        A want that differs from that of the same key before is looked for at the next turn.
        """
        known = self._subscribers.get(key)
        self._subscribers[key] = (wake, want)
        if known is None or known[1] != want:
            self.request_full_read()

    def unsubscribe(self, key: Hashable) -> None:
        """Call it no more; unknown keys are fine."""
        self._subscribers.pop(key, None)

    def request_full_read(self) -> None:
        """Read the whole queue soon: something that we did has changed it. A back-off is not cut short by it."""
        self._full_read_wanted.set()

    async def refresh_rows(self) -> tuple[RunnerAccount, ...]:
        """List the runner rows now.

        Raises:
            PeerTubeError: The server did not answer; what was known stays.
        """
        asked_at = asyncio.get_running_loop().time()
        rows = await self._client.list_runners()
        self._take_rows(rows, asked_at)
        return rows

    async def register(self, name: str, description: str) -> SecretStr:
        """Register a runner; its token. A row of ours of that name is replaced, as its token is lost.

        Raises:
            PeerTubeError: It could not be registered.
        """
        runner = await self._client.register_runner(name, description)
        if self._rows is not None:
            others = tuple(row for row in self._rows if row.name != name)
            self._rows = (*others, RunnerAccount(id=runner.id, name=name, description=description))
        self._rows_changed()
        return runner.token

    async def delete_runner(self, row_id: int) -> None:
        """Remove a runner row; one that has gone already is fine.

        Raises:
            PeerTubeError: The server did not do it.
        """
        await self._client.delete_runner(row_id)
        if self._rows is not None:
            self._rows = tuple(row for row in self._rows if row.id != row_id)
        self._rows_changed()

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            delay = await self._turn()
            if self._failures:
                await asyncio.sleep(delay)
                continue
            worked = loop.time() - began
            at_least = min(max(_SHORTEST_REST_SECONDS, worked * _REST_PER_WORK), self._pace.longest)
            await self._rest(delay - worked, at_least=at_least)

    async def _turn(self) -> float:
        """Look, and read if there is something to read.

        Returns:
            The period: seconds from the beginning of this turn to that of the next; or, after a failure, the pause.
        """
        began = self._clock.now()
        try:
            await self._look()
        except PeerTubeError as error:
            self._fail(error.reason, error.message, began)
            return self._back_off(error.retry_after)
        except Exception:  # noqa: BLE001 - it is logged, with its traceback
            # A fault of ours must not leave an old reading standing as if it were true.
            _log.exception("%s: reading it failed by a fault of the operator", self._server)
            message = f"a fault of the operator keeps it from reading {self._server}; please report its log"
            self._fail(Reason.RECONCILE_ERROR, message, began)
            return self._back_off(None)
        self._failures = 0
        return self._period()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        # The mark comes first: what changes between it and the full read is seen again at the next look.
        mark = await self._client.change_mark()
        if self._mark is not None:
            # The first look pays for connection and login too, which say nothing of what a look costs the server.
            self._answer_seconds.append(loop.time() - began)
        overdue = began - self._full_read_at >= self._pace.full_read
        wanted = self._full_read_wanted.is_set() or isinstance(self.reading, QueueUnknown)
        if not (wanted or overdue or mark != self._mark):
            return
        self._full_read_wanted.clear()
        # Rows before pods: whoever lists pods after this reading sees the pod of every row that is no ghost.
        asked_at = loop.time()
        rows = await self._client.list_runners()
        wants = {want for _, want in self._subscribers.values()}
        reading = await read_server(self._client, wants, now=self._clock.now)
        self._mark, self._full_read_at = mark, began
        self._publish(reading, rows, asked_at)

    def _publish(self, reading: ServerReading, rows: tuple[RunnerAccount, ...], asked_at: float) -> None:
        before, rows_before = self.reading, self._rows
        self.reading = self.last_known = reading
        self._take_rows(rows, asked_at)
        if isinstance(before, QueueUnknown):
            seconds = (reading.at - before.since).total_seconds()
            _log.info("%s: the queue is known; it was not for %.0f s (%s)", self._server, seconds, before.reason)
        if isinstance(before, QueueUnknown) or _gist(before) != _gist(reading) or rows_before != self._rows:
            self._wake_all()

    def _rows_changed(self) -> None:
        """A list that was asked for before our own change may miss it: a row just deleted would look like a ghost."""
        self._rows_asked_at = asyncio.get_running_loop().time()
        self.request_full_read()

    def _take_rows(self, rows: tuple[RunnerAccount, ...], asked_at: float) -> None:
        if asked_at >= self._rows_asked_at:
            self._rows, self._rows_asked_at = rows, asked_at

    def _fail(self, reason: Reason, message: str, began: datetime) -> None:
        self._failures += 1
        before = self.reading
        since = before.since if isinstance(before, QueueUnknown) else began
        self.reading = QueueUnknown(reason=reason, message=message, since=since)
        if self.reading != before:
            _log.warning("%s: the queue is unknown: %s (%s)", self._server, message, reason)
            self._wake_all()

    def _back_off(self, retry_after: float | None) -> float:
        delay = min(self._pace.longest, self._period() * 2.0 ** min(self._failures - 1, 16))
        delay = self._draw(delay / 2, delay)
        return delay if retry_after is None else max(delay, retry_after + self._draw(0.0, 1.0))

    def _period(self) -> float:
        """What a look costs the server is told by the fastest of some: what slows one down may be ours or the net's."""
        answer = min(self._answer_seconds) if len(self._answer_seconds) >= _ANSWERS_NEEDED else 0.0
        return max(self._pace.period, min(self._pace.longest, answer * _SERVER_SHARE))

    async def _rest(self, seconds: float, *, at_least: float) -> None:
        """Wait; a request for a full read cuts it short, but not below `at_least`."""
        await asyncio.sleep(at_least)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(seconds - at_least, 0.0)):
                await self._full_read_wanted.wait()

    def _wake_all(self) -> None:
        for wake, _ in tuple(self._subscribers.values()):
            wake()


def _gist(reading: ServerReading) -> tuple[object, ...]:
    """What of a reading can change a plan: not when it was made, nor when a job last reported progress."""
    jobs = frozenset(map(_job_gist, (*reading.pending, *reading.active, *reading.waiting)))
    return (jobs, reading.pending_total, reading.waiting_total, reading.complete)


def _job_gist(job: Job) -> tuple[object, ...]:
    return (job.uuid, job.state, job.runner, job.priority, job.parent_state)
