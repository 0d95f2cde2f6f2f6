"""The shared poller, in virtual time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from pydantic import SecretStr

from runnerpool.api.reasons import Reason
from runnerpool.control.pace import Pace
from runnerpool.control.poller import ServerPoller
from runnerpool.peertube.accounts import RegisteredRunner, RunnerAccount
from runnerpool.peertube.client import ChangeMark, JobPage
from runnerpool.peertube.errors import LoginRefused, PeerTubeError, RateLimited, ServerFailed, TimedOut, Unreachable
from runnerpool.peertube.reading import Want
from runnerpool.planning.jobs import Job, JobState, ServerReading
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.repair_steps import TranscodingKind
from runnerpool.planning.server import ServerFacts

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SERVER = "https://video.example.org"
DOWN = Unreachable(Reason.SERVER_UNREACHABLE, "canned: unreachable")
MIDNIGHT = START - timedelta(hours=12)
MODERN = ServerFacts(version="8.2.1", remote_job_types=frozenset({"vod"}), filters_by_type=True)

pytestmark = pytest.mark.looptime


class LoopClock:
    """Wall time that follows the loop's virtual time."""

    def now(self) -> datetime:
        return START + timedelta(seconds=asyncio.get_running_loop().time())


def job(number: int = 1, state: int = JobState.PENDING, updated: datetime = MIDNIGHT) -> Job:
    return Job(uuid=f"job-{number}", type="vod", state=state, priority=1, created=MIDNIGHT, updated=updated)


@dataclass
class FakeServer:
    """A server that can be slow, and out of order. `looks` and `reads` tell when it was asked."""

    jobs: tuple[Job, ...] = ()
    rows: tuple[RunnerAccount, ...] = ()
    seconds: float = 0.0
    error: Exception | None = None
    hangs: bool = False
    looks: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    wanted_types: list[Sequence[str]] = field(default_factory=list)
    facts: ServerFacts = MODERN
    facts_error: Exception | None = None
    facts_asked: list[float] = field(default_factory=list)
    next_id: int = 100
    filters_types: bool = True
    closed: bool = False

    async def _answer(self) -> None:
        if self.hangs:
            await asyncio.sleep(10)
            raise TimedOut(Reason.SERVER_TIMEOUT, "canned: silence")
        await asyncio.sleep(self.seconds)
        if self.error is not None:
            raise self.error

    async def change_mark(self) -> ChangeMark:
        self.looks.append(asyncio.get_running_loop().time())
        await self._answer()
        return ChangeMark(len(self.jobs), max((row.updated for row in self.jobs), default=None))

    async def list_jobs(
        self, states: Sequence[JobState], *, sort: str, start: int, count: int, types: Sequence[str]
    ) -> JobPage:
        found = tuple(row for row in self.jobs if row.state in states)
        if JobState.PENDING in states:
            self.reads.append(asyncio.get_running_loop().time())
            self.wanted_types.append(types)
        await self._answer()
        return JobPage(total=len(found), jobs=found[start : start + count])

    async def server_facts(self) -> ServerFacts:
        self.facts_asked.append(asyncio.get_running_loop().time())
        await self._answer()
        if self.facts_error is not None:
            raise self.facts_error
        return self.facts

    async def list_runners(self) -> tuple[RunnerAccount, ...]:
        rows = self.rows
        await self._answer()
        return rows

    async def register_runner(self, name: str, description: str) -> RegisteredRunner:
        await self._answer()
        self.next_id += 1
        self.rows = (*self.rows, RunnerAccount(id=self.next_id, name=name, description=description))
        return RegisteredRunner(id=self.next_id, token=SecretStr("ptrt-canary"))

    async def delete_runner(self, row_id: int) -> None:
        await self._answer()
        self.rows = tuple(row for row in self.rows if row.id != row_id)

    async def cancel_job(self, uuid: str) -> bool:
        return await self._end(uuid)

    async def delete_job(self, uuid: str) -> bool:
        return await self._end(uuid)

    async def _end(self, uuid: str) -> bool:
        await self._answer()
        before, self.jobs = self.jobs, tuple(row for row in self.jobs if row.uuid != uuid)
        return before != self.jobs

    async def transcode_video(self, video: str, kind: TranscodingKind) -> None:
        await self._answer()
        self.jobs = (*self.jobs, replace(job(9), video=video, type=str(kind)))

    async def aclose(self) -> None:
        self.closed = True


class Subscriber:
    """Counts how often it is woken, and when."""

    def __init__(self) -> None:
        self.woken: list[float] = []

    def wake(self) -> None:
        self.woken.append(asyncio.get_running_loop().time())


@asynccontextmanager
async def polling(
    server: FakeServer, subscriber: Subscriber | None = None, pace: Pace | None = None
) -> AsyncIterator[ServerPoller]:
    """A poller at work that draws the longest of every random delay; one turn has been made."""
    poller = ServerPoller(SERVER, server, clock=LoopClock(), pace=pace, draw=lambda _, high: high)
    if subscriber is not None:
        poller.subscribe("pool", subscriber.wake, Want())
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(0.5)
    try:
        yield poller
    finally:
        task.cancel()
        await asyncio.wait([task])


def known(poller: ServerPoller) -> ServerReading:
    assert isinstance(poller.reading, ServerReading), poller.reading
    return poller.reading


def unknown(poller: ServerPoller) -> QueueUnknown:
    assert isinstance(poller.reading, QueueUnknown), poller.reading
    return poller.reading


async def test_before_the_first_answer_the_queue_is_unknown_and_not_empty() -> None:
    async with polling(FakeServer(seconds=2)) as poller:
        assert unknown(poller) == QueueUnknown(
            reason=Reason.NOT_YET_READ, message=f"the queue of {SERVER} has not been read yet", since=START
        )
        assert poller.last_known is None
        assert poller.rows is None


async def test_the_first_answer_makes_it_known_and_wakes_the_pools() -> None:
    subscriber = Subscriber()
    rows = (RunnerAccount(id=1, name="r"),)
    async with polling(FakeServer(jobs=(job(),), rows=rows), subscriber) as poller:
        assert known(poller).pending == (job(),)
        assert poller.last_known is poller.reading
        assert poller.rows == rows
        assert subscriber.woken == [0.0]


async def test_a_quiet_server_is_looked_at_each_period_and_read_once_a_minute() -> None:
    server, subscriber = FakeServer(jobs=(job(),)), Subscriber()
    async with polling(server, subscriber):
        await asyncio.sleep(119)

    assert server.looks == [5.0 * number for number in range(24)]
    assert server.reads == [0.0, 60.0]
    assert subscriber.woken == [0.0]


async def test_a_reading_is_dated_by_the_last_look_that_found_it_unchanged() -> None:
    server = FakeServer(jobs=(job(),))
    async with polling(server) as poller:
        await asyncio.sleep(10)
        assert server.reads == [0.0]
        assert known(poller).at == START + timedelta(seconds=10)
        assert poller.last_known is poller.reading

        server.error = DOWN
        await asyncio.sleep(5)

    assert poller.last_known is not None
    assert poller.last_known.at == START + timedelta(seconds=10)


@pytest.mark.parametrize("period", [2.0, 5.0])
async def test_a_new_job_is_known_a_period_later_at_most(period: float) -> None:
    server, subscriber = FakeServer(), Subscriber()
    async with polling(server, subscriber, Pace(period=period)) as poller:
        server.jobs = (job(),)
        await asyncio.sleep(period)

        assert known(poller).pending == (job(),)
    assert subscriber.woken == [0.0, period]


async def test_a_change_of_state_wakes_and_a_mere_report_of_progress_does_not() -> None:
    server, subscriber = FakeServer(jobs=(job(),)), Subscriber()
    async with polling(server, subscriber) as poller:
        server.jobs = (job(state=JobState.PROCESSING, updated=START),)
        await asyncio.sleep(5)
        server.jobs = (job(state=JobState.PROCESSING, updated=START + timedelta(seconds=1)),)
        await asyncio.sleep(5)

        assert known(poller).active[0].updated == START + timedelta(seconds=1)
    assert server.reads == [0.0, 5.0, 10.0]
    assert subscriber.woken == [0.0, 5.0]


async def test_a_runner_row_that_vanishes_wakes() -> None:
    server, subscriber = FakeServer(rows=(RunnerAccount(id=1, name="r"),)), Subscriber()
    async with polling(server, subscriber) as poller:
        server.rows = ()
        await asyncio.sleep(60)

        assert poller.rows == ()
    assert subscriber.woken == [0.0, 60.0]


async def test_a_request_brings_the_full_read_forward() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        await asyncio.sleep(2)
        poller.request_full_read()
        await asyncio.sleep(5)

    assert server.reads == [0.0, 2.5]
    assert server.looks == [0.0, 2.5]


async def test_a_repair_is_made_at_once_and_seen_soon() -> None:
    server = FakeServer(jobs=(job(1), job(2)))
    async with polling(server) as poller:
        await asyncio.sleep(1)
        assert [await poller.cancel_job("job-1"), await poller.cancel_job("job-1")] == [True, False]
        assert [await poller.delete_job("job-2"), await poller.delete_job("job-2")] == [True, False]
        await poller.transcode_video("video", TranscodingKind.HLS)
        await asyncio.sleep(2)

        assert [(row.video, row.type) for row in known(poller).pending] == [("video", "hls")]
    assert max(server.reads) < 3


async def test_a_hundred_requests_at_once_bring_one_read_and_none_before_a_second_is_over() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        for _ in range(100):
            poller.request_full_read()
        await asyncio.sleep(3)

    assert server.reads == [0.0, 1.0]


async def test_a_pause_after_a_failure_begins_at_its_end() -> None:
    server = FakeServer(seconds=10.0, error=DOWN)
    async with polling(server):
        await asyncio.sleep(44)

    assert server.looks == [0.0, 15.0, 35.0]  # each look takes 10 s, then come 5 and 10


async def test_no_rest_is_longer_than_the_longest_period_however_long_a_read_took() -> None:
    server = FakeServer(seconds=10.0)
    async with polling(server):
        await asyncio.sleep(125)

    assert server.looks == [0.0, 120.0]  # six calls, then a minute


async def test_a_request_during_a_read_brings_another() -> None:
    server = FakeServer(seconds=0.1)
    async with polling(server) as poller:  # the first turn takes 0.6 s: six calls
        poller.request_full_read()
        await asyncio.sleep(1.65)
        assert len(server.reads) == 2  # after twice as long a rest
        await asyncio.sleep(0.05)
        poller.request_full_read()
        await asyncio.sleep(1.5)

    assert len(server.reads) == 3


@pytest.mark.parametrize(("seconds", "period"), [(0.05, 5.0), (0.2, 10.0), (0.6, 30.0), (5.0, 60.0)])
async def test_a_slow_server_is_looked_at_less_often(seconds: float, period: float) -> None:
    server = FakeServer(seconds=seconds)
    async with polling(server, pace=Pace(full_read=10**6)):
        await asyncio.sleep(seconds * 60 + period * 6)

    gaps = [later - earlier for earlier, later in pairwise(server.looks[4:])]
    assert gaps
    assert all(gap == pytest.approx(period) for gap in gaps)


async def test_a_slow_answer_now_and_then_changes_no_period() -> None:
    server = FakeServer()
    async with polling(server):
        await asyncio.sleep(11)
        server.seconds = 3.0
        await asyncio.sleep(4)  # the look at 15 s takes until 18 s
        server.seconds = 0.0
        await asyncio.sleep(20)

    assert server.looks[:6] == [0.0, 5.0, 10.0, 15.0, 24.0, 29.0]  # once, a rest of twice its length


async def test_a_failed_look_makes_the_queue_unknown_and_keeps_what_was_known() -> None:
    server, subscriber = FakeServer(jobs=(job(),), rows=(RunnerAccount(id=1, name="r"),)), Subscriber()
    async with polling(server, subscriber) as poller:
        before = known(poller)
        server.error = DOWN
        await asyncio.sleep(5)

        assert unknown(poller) == QueueUnknown(
            reason=Reason.SERVER_UNREACHABLE, message=DOWN.message, since=START + timedelta(seconds=5)
        )
        assert poller.last_known is before
        assert poller.rows == server.rows
    assert subscriber.woken == [0.0, 5.0]


async def test_while_the_queue_is_unknown_it_is_still_told_who_held_jobs() -> None:
    held = replace(job(state=JobState.PROCESSING), runner="vod-1")
    server = FakeServer(jobs=(held, job(2)))
    async with polling(server) as poller:
        server.error = DOWN
        await asyncio.sleep(5)

        assert unknown(poller).held == {"vod-1": 1}


async def test_what_the_server_can_do_is_known_with_the_queue_and_asked_for_every_20_seconds() -> None:
    server, subscriber = FakeServer(), Subscriber()
    async with polling(server, subscriber) as poller:
        assert poller.facts == MODERN
        await asyncio.sleep(58)

    assert server.facts_asked == [0.0, 20.0, 40.0]
    assert subscriber.woken == [0.0]


async def test_a_server_that_was_set_otherwise_wakes_the_pools() -> None:
    server, subscriber = FakeServer(), Subscriber()
    async with polling(server, subscriber) as poller:
        server.facts = replace(MODERN, remote_job_types=frozenset())
        await asyncio.sleep(20)

        assert poller.facts == server.facts
    assert subscriber.woken == [0.0, 20.0]


async def test_a_server_that_was_away_is_asked_again_what_it_can_do() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        server.error = DOWN
        await asyncio.sleep(5)
        server.error, server.facts = None, replace(MODERN, version="8.3.0")
        await asyncio.sleep(5)

        assert poller.facts == server.facts
    assert server.facts_asked == [0.0, 10.0]


async def test_the_queue_stays_unknown_until_it_is_known_what_the_server_can_do() -> None:
    server = FakeServer(facts_error=DOWN)
    async with polling(server) as poller:
        assert unknown(poller).reason is Reason.SERVER_UNREACHABLE
        assert poller.facts is None
        server.facts_error = None
        await asyncio.sleep(5)

        assert isinstance(poller.reading, ServerReading)
        assert poller.facts == MODERN


async def test_what_was_known_of_the_server_serves_on_where_it_cannot_be_asked_for() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        await asyncio.sleep(10)
        server.facts_error = DOWN
        await asyncio.sleep(35)

        assert isinstance(poller.reading, ServerReading)
        assert poller.facts == MODERN
    assert server.facts_asked == [0.0, 20.0, 40.0]


async def test_a_read_that_fails_half_way_leaves_no_half_of_it() -> None:
    class HalfWay(FakeServer):
        async def list_jobs(
            self, states: Sequence[JobState], *, sort: str, start: int, count: int, types: Sequence[str]
        ) -> JobPage:
            if self.jobs and JobState.PROCESSING in states:
                raise DOWN
            return await super().list_jobs(states, sort=sort, start=start, count=count, types=types)

    server = HalfWay()
    async with polling(server) as poller:
        server.jobs = (job(),)
        server.rows = (RunnerAccount(id=1, name="r"),)
        await asyncio.sleep(5)

        assert unknown(poller).reason is Reason.SERVER_UNREACHABLE
        assert poller.last_known == ServerReading(at=START)
        assert poller.rows == ()


async def test_the_time_that_it_has_been_unknown_is_that_of_the_first_failure_in_the_row() -> None:
    server = FakeServer(error=DOWN)
    async with polling(server) as poller:
        assert unknown(poller).since == START
        server.error = ServerFailed(Reason.SERVER_ERROR, "canned: 502")
        await asyncio.sleep(300)
        assert unknown(poller).reason is Reason.SERVER_ERROR
        assert unknown(poller).since == START
        server.error = None
        await asyncio.sleep(60)
        assert isinstance(poller.reading, ServerReading)
        healed = asyncio.get_running_loop().time()
        server.error = DOWN
        await asyncio.sleep(60)
        assert unknown(poller).since > START + timedelta(seconds=healed)


async def test_failures_are_followed_by_growing_pauses_up_to_twelve_seconds() -> None:
    server = FakeServer(error=DOWN)
    async with polling(server):
        await asyncio.sleep(100)

    gaps = [later - earlier for earlier, later in pairwise(server.looks)]
    assert gaps == [5.0, 10.0, *([12.0] * 7)]


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0], ids=["quick", "slow", "very slow"])
async def test_a_server_that_hung_is_known_again_within_half_a_minute(seconds: float) -> None:
    """The worst moment for a cure is just after a call has begun that hangs until its time is over."""
    server = FakeServer(seconds=seconds)
    async with polling(server) as poller:
        await asyncio.sleep(600)
        server.hangs = True
        await asyncio.sleep(200)
        looks = len(server.looks)
        while len(server.looks) == looks:  # noqa: ASYNC110 - to the moment, in virtual time
            await asyncio.sleep(0.01)
        server.hangs = False
        await asyncio.sleep(30)

        assert isinstance(poller.reading, ServerReading)


async def test_pauses_are_drawn_at_random_between_a_half_and_the_whole() -> None:
    server = FakeServer(error=DOWN)
    drawn: list[tuple[float, float]] = []

    def draw(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    poller = ServerPoller(SERVER, server, clock=LoopClock(), draw=draw)
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(8)
    task.cancel()
    await asyncio.wait([task])

    assert drawn == [(2.5, 5.0), (5.0, 10.0), (6.0, 12.0)]
    assert server.looks == [0.0, 2.5, 7.5]


async def test_the_default_draw_stays_within_its_bounds() -> None:
    server = FakeServer(error=DOWN)
    poller = ServerPoller(SERVER, server, clock=LoopClock())
    task = asyncio.create_task(poller.run())
    await asyncio.sleep(14.9)
    task.cancel()
    await asyncio.wait([task])

    gaps = [later - earlier for earlier, later in pairwise(server.looks)]
    assert 2.5 <= gaps[0] <= 5.0
    assert 5.0 <= gaps[1] <= 10.0


async def test_one_success_heals_at_once_and_forgets_the_pauses() -> None:
    server, subscriber = FakeServer(jobs=(job(),), error=DOWN), Subscriber()
    async with polling(server, subscriber) as poller:
        await asyncio.sleep(70)  # looks at 0, 5, 15, 27, 39, 51, 63; the next at 75
        server.error = None
        await asyncio.sleep(5)

        assert known(poller).pending == (job(),)
        await asyncio.sleep(10)
    assert server.looks[-3:] == [75.0, 80.0, 85.0]
    assert subscriber.woken == [0.0, 75.0]


async def test_a_failure_after_a_success_begins_a_new_row_of_pauses() -> None:
    server = FakeServer(error=DOWN)
    async with polling(server) as poller:
        await asyncio.sleep(20)  # looks at 0, 5, 15; the next at 27
        server.error = None
        await asyncio.sleep(7)
        poller.request_full_read()
        await asyncio.sleep(1)
        server.error = DOWN
        await asyncio.sleep(25)

    assert server.looks == [0.0, 5.0, 15.0, 27.0, 28.0, 33.0, 38.0, 48.0]


async def test_healing_reads_in_full_though_nothing_seems_to_have_changed() -> None:
    server = FakeServer(jobs=(job(),))
    async with polling(server) as poller:
        server.error = DOWN
        await asyncio.sleep(5)
        server.error = None
        await asyncio.sleep(5)

        assert known(poller).at == START + timedelta(seconds=10)


async def test_the_servers_wish_for_patience_is_obeyed_whoever_asks_for_a_read() -> None:
    server = FakeServer(error=RateLimited(Reason.RATE_LIMITED, "canned: 429", retry_after=240))
    async with polling(server) as poller:
        for _ in range(200):
            poller.request_full_read()
            await asyncio.sleep(1)
        assert server.looks == [0.0]
        await asyncio.sleep(45)

    assert server.looks == [0.0, 241.0]


async def test_a_read_that_was_asked_for_while_the_server_failed_comes_with_the_next_look() -> None:
    server = FakeServer(error=DOWN)
    async with polling(server) as poller:
        poller.request_full_read()
        await asyncio.sleep(3)
        assert server.looks == [0.0]


async def test_only_turns_of_fortune_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "runnerpool.control.poller")
    server = FakeServer()
    async with polling(server):
        await asyncio.sleep(20)
        server.error = DOWN
        await asyncio.sleep(600)
        server.error = LoginRefused(Reason.CREDENTIALS_REJECTED, "canned: rejected")
        await asyncio.sleep(600)
        server.error = None
        await asyncio.sleep(100)

    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert [level for level, _ in lines] == ["INFO", "WARNING", "WARNING", "INFO"]
    assert all(SERVER in line for _, line in lines)
    assert "SecretForAnotherOrigin" not in str(lines)
    assert "ServerUnreachable" in lines[1][1]
    assert "CredentialsRejected" in lines[2][1]
    assert not any(record.exc_info for record in caplog.records)


async def test_a_fault_of_our_own_makes_the_queue_unknown_and_is_logged_with_its_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = FakeServer()
    async with polling(server) as poller:
        server.error = ZeroDivisionError("a bug")
        await asyncio.sleep(5)

        assert unknown(poller).reason is Reason.RECONCILE_ERROR
        server.error = None
        await asyncio.sleep(10)
        assert isinstance(poller.reading, ServerReading)
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


async def test_a_registration_gives_the_token_and_is_in_the_rows_at_once() -> None:
    server = FakeServer(rows=(RunnerAccount(id=1, name="old"), RunnerAccount(id=2, name="vod-1", description="lost")))
    async with polling(server) as poller:
        token = await poller.register("vod-1", "mark")

        assert token.get_secret_value() == "ptrt-canary"
        assert poller.rows is not None
        assert [(row.id, row.name, row.description) for row in poller.rows] == [(1, "old", ""), (101, "vod-1", "mark")]
        await asyncio.sleep(1)
    assert server.reads == [0.0, 1.0]


async def test_a_removed_row_is_gone_from_the_rows_at_once() -> None:
    server = FakeServer(rows=(RunnerAccount(id=1, name="a"), RunnerAccount(id=2, name="b")))
    async with polling(server) as poller:
        await poller.delete_runner(1)

        assert poller.rows == (RunnerAccount(id=2, name="b"),)
        await asyncio.sleep(1)
    assert server.reads == [0.0, 1.0]


async def test_writes_before_the_first_read_leave_the_rows_to_it() -> None:
    server = FakeServer(rows=(RunnerAccount(id=1, name="a"), RunnerAccount(id=2, name="b")))
    poller = ServerPoller(SERVER, server, clock=LoopClock())

    await poller.delete_runner(1)
    assert poller.rows is None
    await poller.register("c", "mark")

    assert poller.rows is None


@pytest.mark.parametrize("write", ["register", "delete"])
async def test_a_failed_write_is_the_callers_business_and_no_failure_of_the_queue(write: str) -> None:
    server = FakeServer(rows=(RunnerAccount(id=1, name="a"),))
    async with polling(server) as poller:
        server.error = DOWN
        with pytest.raises(PeerTubeError):
            await (poller.register("b", "mark") if write == "register" else poller.delete_runner(1))

        assert isinstance(poller.reading, ServerReading)
        assert poller.rows == server.rows


async def test_rows_can_be_listed_on_request() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        server.rows = (RunnerAccount(id=1, name="new"),)

        assert await poller.refresh_rows() == server.rows
        assert poller.rows == server.rows


async def test_an_older_listing_that_arrives_late_does_not_replace_a_newer_one() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        server.seconds = 2.0
        early = asyncio.create_task(poller.refresh_rows())
        await asyncio.sleep(1)
        server.rows = (RunnerAccount(id=1, name="new"),)
        server.seconds = 0.5
        await poller.refresh_rows()
        await early

        assert poller.rows == server.rows


async def test_a_listing_that_was_asked_for_before_a_row_was_deleted_does_not_bring_it_back() -> None:
    server = FakeServer()
    server.rows = (RunnerAccount(id=1, name="leaving"),)
    async with polling(server) as poller:
        await poller.refresh_rows()
        server.seconds = 2.0
        early = asyncio.create_task(poller.refresh_rows())
        await asyncio.sleep(0.5)
        server.seconds = 0.5
        await poller.delete_runner(1)
        await early

        assert poller.rows == ()


async def test_what_pools_look_for_is_what_the_server_is_asked_for() -> None:
    server = FakeServer()
    async with polling(server) as poller:
        poller.subscribe("a", lambda: None, Want(types=frozenset({"x"})))
        await asyncio.sleep(1)
        poller.subscribe("b", lambda: None, Want(types=frozenset({"y"})))
        await asyncio.sleep(1)
        poller.subscribe("b", lambda: None, Want(types=frozenset({"y"})))
        await asyncio.sleep(2)
        poller.unsubscribe("a")

    assert server.wanted_types == [(), ("x",), ("x", "y")]
    assert poller.subscribed
    poller.unsubscribe("b")
    poller.unsubscribe("b")
    assert not poller.subscribed


async def test_a_pool_that_has_gone_is_woken_no_more() -> None:
    server, subscriber = FakeServer(), Subscriber()
    async with polling(server, subscriber) as poller:
        poller.unsubscribe("pool")
        server.jobs = (replace(job(), updated=START),)
        await asyncio.sleep(5)

        assert known(poller).pending
    assert subscriber.woken == [0.0]
