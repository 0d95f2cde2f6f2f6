"""The one view of a server's queue that all pools share which know it by the same login.

A cheap look each period tells whether anything has changed; only then the queue is read in full, and once a minute
anyway. A failed read makes the queue unknown at once, with the reason, and never empty.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Hashable
from dataclasses import replace
from datetime import datetime

from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.control.pace import Pace, Rhythm
from runnerpool.control.ports import Clock
from runnerpool.control.server_client import ServerClient
from runnerpool.peertube.accounts import RunnerAccount
from runnerpool.peertube.client import ChangeMark
from runnerpool.peertube.errors import PeerTubeError
from runnerpool.peertube.reading import Want, read_server
from runnerpool.planning.jobs import Job, ServerReading
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.server import ServerFacts

_log = logging.getLogger(__name__)

_RANDOM = secrets.SystemRandom()


class ServerPoller:
    """Reads one server's queue for ever, and makes all writes through the same login.

    Attributes:
        reading: The queue as last read, dated by the last look that found no job moved since; or why it is unknown.
        known_since: Since when the queue has been known without a break; None while it is not.
        last_known: The last reading that succeeded, however old: who is busy is still best told by it.
        facts: What the server can do, as last told; never None once the queue is known.
    """

    def __init__(
        self,
        server: str,
        client: ServerClient,
        *,
        clock: Clock,
        pace: Pace | None = None,
        last_known: ServerReading | None = None,
        draw: Callable[[float, float], float] = _RANDOM.uniform,
    ) -> None:
        """Bind a client to its server; nothing is asked yet.

        Args:
            server: What messages call it.
            client: Makes the calls.
            clock: The time of day.
            pace: How often.
            last_known: What an earlier poller of this server read last.
            draw: A random number between two.
        """
        self._server = server
        self._client = client
        self._clock = clock
        self._pace = pace or Pace()
        self._rhythm = Rhythm(self._pace, draw)
        self._subscribers: dict[Hashable, tuple[Callable[[], None], Want]] = {}
        self._full_read_wanted = asyncio.Event()
        self._mark: ChangeMark | None = None
        self._full_read_at = float("-inf")
        self._facts_at = float("-inf")
        self._rows: tuple[RunnerAccount, ...] | None = None
        self._rows_asked_at = float("-inf")
        self.facts: ServerFacts | None = None
        self.known_since: datetime | None = None
        self.last_known = last_known
        self.reading: ServerReading | QueueUnknown = QueueUnknown(
            reason=Reason.NOT_YET_READ,
            message=f"the queue of {server} has not been read yet",
            since=clock.now(),
            held=last_known.held if last_known else {},
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

    async def cancel_job(self, uuid: str) -> bool:
        """Cancel a job; False if there was nothing to cancel any more.

        Raises:
            PeerTubeError: The server did not do it.
        """
        done = await self._client.cancel_job(uuid)
        self.request_full_read()
        return done

    async def delete_job(self, uuid: str) -> bool:
        """Remove a job; False if it has gone already. Raises as `cancel_job` does."""
        done = await self._client.delete_job(uuid)
        self.request_full_read()
        return done

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        """Have a video transcoded anew. Raises as `cancel_job` does."""
        await self._client.transcode_video(video, kind)
        self.request_full_read()

    async def run(self) -> None:
        """Poll until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            delay = await self._turn()
            if self._rhythm.failing:
                await asyncio.sleep(delay)
                continue
            worked = loop.time() - began
            await self._rest(delay - worked, at_least=self._rhythm.shortest_rest(worked))

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
            return self._rhythm.pause(error.retry_after)
        except Exception:  # noqa: BLE001 - it is logged, with its traceback
            # A fault of ours must not leave an old reading standing as if it were true.
            _log.exception("%s: reading it failed by a fault of the operator", self._server)
            message = f"a fault of the operator keeps it from reading {self._server}; please report its log"
            self._fail(Reason.RECONCILE_ERROR, message, began)
            return self._rhythm.pause(None)
        self._rhythm.worked()
        return self._rhythm.period()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        began, moment = loop.time(), self._clock.now()
        # The mark comes first: what changes between it and the full read is seen again at the next look.
        mark = await self._client.change_mark()
        if self._mark is not None:
            # The first look pays for connection and login too, which say nothing of what a look costs the server.
            self._rhythm.answered(loop.time() - began)
        wanted = self._full_read_wanted.is_set() or began - self._full_read_at >= self._pace.full_read
        facts = await self._ask_facts(began)
        unchanged = mark == self._mark and facts == self.facts
        if isinstance(self.reading, ServerReading) and unchanged and not wanted:
            # No job has moved since.
            self.reading = self.last_known = replace(self.reading, at=moment)
            return
        self._full_read_wanted.clear()
        # Rows before pods: whoever lists pods after this reading sees the pod of every row that is no ghost.
        asked_at = loop.time()
        rows = await self._client.list_runners()
        wants = {want for _, want in self._subscribers.values()}
        reading = await read_server(self._client, wants, now=self._clock.now)
        self._mark, self._full_read_at = mark, began
        self._publish(facts, reading, rows, asked_at)

    async def _ask_facts(self, now: float) -> ServerFacts:
        """What the server can do; it may have been upgraded while it was away.

        Once it is known, it serves on where it cannot be asked for: the queue alone shows whether the server works.
        """
        recovered = isinstance(self.reading, QueueUnknown)
        if self.facts is not None and not recovered and now - self._facts_at < self._pace.facts:
            return self.facts
        self._facts_at = now
        try:
            return await self._client.server_facts()
        except PeerTubeError as error:
            if self.facts is None:
                raise
            _log.debug("%s: its configuration cannot be read: %s (%s)", self._server, error.message, error.reason)
            return self.facts

    def _publish(
        self, facts: ServerFacts, reading: ServerReading, rows: tuple[RunnerAccount, ...], asked_at: float
    ) -> None:
        before, rows_before, facts_before = self.reading, self._rows, self.facts
        self.facts = facts
        self.reading = self.last_known = reading
        self._take_rows(rows, asked_at)
        if isinstance(before, QueueUnknown):
            self.known_since = reading.at
            seconds = (reading.at - before.since).total_seconds()
            _log.info("%s: the queue is known; it was not for %.0f s (%s)", self._server, seconds, before.reason)
        changed = isinstance(before, QueueUnknown) or _gist(before) != _gist(reading)
        if changed or rows_before != self._rows or facts_before != facts:
            self._wake_all()

    def _rows_changed(self) -> None:
        """A list that was asked for before our own change may miss it: a row just deleted would look like a ghost."""
        self._rows_asked_at = asyncio.get_running_loop().time()
        self.request_full_read()

    def _take_rows(self, rows: tuple[RunnerAccount, ...], asked_at: float) -> None:
        if asked_at >= self._rows_asked_at:
            self._rows, self._rows_asked_at = rows, asked_at

    def _fail(self, reason: Reason, message: str, began: datetime) -> None:
        self._rhythm.failed()
        before = self.reading
        self.known_since = None
        since = before.since if isinstance(before, QueueUnknown) else began
        held = self.last_known.held if self.last_known else {}
        self.reading = QueueUnknown(reason=reason, message=message, since=since, held=held)
        if self.reading != before:
            _log.warning("%s: the queue is unknown: %s (%s)", self._server, message, reason)
            self._wake_all()

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
