"""Rows that are no objects behave like rows that are."""

import asyncio
import itertools
from datetime import UTC, datetime

import pytest

from peers.peertube.clock import Clock
from peers.peertube.grown import Block
from peers.peertube.jobs import JobDraft, JobQueue
from peers.peertube.journal import Journal
from peers.peertube.listing import SORTABLE, Order, Selection, page
from peers.peertube.profile import HLS, PEERTUBE_8_2, STORYBOARD, WEB_VIDEO
from peers.peertube.records import Job, JobState, Runner
from peers.peertube.table import Growth

pytestmark = pytest.mark.looptime

EVERYTHING = Selection()
OLDEST_FIRST = Order(columns=("createdAt",))
PENDING = Selection(states=frozenset({JobState.PENDING}))


def growth(*, finished: int = 0, waiting: int = 0, pending: int = 0, priority: int = 100) -> Growth:
    return Growth(
        finished=finished,
        waiting=waiting,
        pending=pending,
        finished_type=WEB_VIDEO,
        waiting_type=HLS,
        pending_type=WEB_VIDEO,
        priority=priority,
        public_url="https://video.test",
        shapes=PEERTUBE_8_2.shapes,
    )


class Grown:
    """A queue with a past."""

    def __init__(self) -> None:
        self.announced = 0
        clock = Clock()
        self.journal = Journal(clock)
        self.queue = JobQueue(profile=PEERTUBE_8_2, clock=clock, journal=self.journal, on_available=self._announce)

    def _announce(self) -> None:
        self.announced += 1

    def add(self, job_type: str = WEB_VIDEO, priority: int = 100) -> Job:
        private = {"videoUUID": "v"}
        draft = JobDraft(type=job_type, priority=priority, payload=lambda _job: {}, private_payload=private)
        return self.queue.add(draft)

    def rows(self, selection: Selection = EVERYTHING, order: Order = OLDEST_FIRST) -> list[Job]:
        return self.queue.page(selection, order, 0, 10_000)[1]

    def uuids(self, selection: Selection = EVERYTHING, order: Order = OLDEST_FIRST) -> list[str]:
        return [job.uuid for job in self.rows(selection, order)]


def runner() -> Runner:
    now = datetime.now(UTC)
    return Runner(
        id=1,
        name="pool-7",
        description=None,
        token="t",
        registration_token_id=1,
        ip="",
        version=None,
        last_contact=now,
        created_at=now,
        updated_at=now,
    )


async def mixed() -> Grown:
    """Two growths with real jobs before, between and after, and rows that something has happened to."""
    grown = Grown()
    grown.add(priority=7)
    grown.queue.grow(growth(finished=7, waiting=5, pending=3))
    await asyncio.sleep(1)
    grown.add(STORYBOARD, 95).progress = 3
    grown.queue.grow(growth(finished=2, waiting=4, pending=6, priority=50))
    await asyncio.sleep(1)
    pending = grown.uuids(PENDING)
    for uuid in (pending[1], pending[5]):
        job = grown.queue.get(uuid)
        assert job is not None
        grown.queue.accept(job, runner())
    return grown


async def test_a_growth_is_counted_and_announced_and_holds_no_object() -> None:
    grown = Grown()
    grown.queue.grow(growth(finished=300_000, waiting=300_000, pending=20))
    assert (list(grown.queue), grown.announced) == ([], 1)
    totals = [grown.queue.page(Selection(states=frozenset({state})), OLDEST_FIRST, 0, 0) for state in (1, 3, 5, 2)]
    assert totals == [(20, []), (300_000, []), (300_000, []), (0, [])]


@pytest.mark.parametrize(("column", "descending"), list(itertools.product(SORTABLE, (False, True))))
async def test_pages_of_rows_and_objects_together_follow_the_order_wherever_they_begin(
    column: str, descending: bool
) -> None:
    grown = await mixed()
    order = Order(columns=(column,), descending=descending)
    for selection in (EVERYTHING, PENDING, Selection(types=frozenset({HLS})), Selection(search="web-video")):
        total, rows = grown.queue.page(selection, order, 0, 1000)
        assert rows == sorted(rows, key=order.key)
        assert total == len(rows) == len({job.uuid for job in rows})
        for start, count in itertools.product(range(0, total + 2, 2), (1, 5)):
            expected = [job.uuid for job in rows[start : start + count]]
            assert [job.uuid for job in grown.queue.page(selection, order, start, count)[1]] == expected


async def test_ids_are_told_apart_and_rows_name_the_jobs_that_they_wait_for() -> None:
    grown = await mixed()
    rows = grown.rows()
    assert len({job.id for job in rows}) == len(rows)
    waiting = [job for job in rows if job.state is JobState.WAITING_FOR_PARENT_JOB]
    named = {job.uuid for job in rows}
    assert len(waiting) == 9
    assert all(job.parent is not None and job.parent.uuid in named for job in waiting)


async def test_a_row_is_found_by_its_uuid_and_by_no_other() -> None:
    grown = await mixed()
    for job in grown.rows():
        assert grown.uuids(Selection(search=job.uuid)) == [job.uuid]
    assert grown.uuids(Selection(search="00000001-0000-4000-8000-00000000ffff")) == []
    assert grown.queue.get("00000009-0000-4000-8000-000000000000") is None
    assert grown.queue.get("no uuid") is None


async def test_runners_are_offered_rows_by_priority_then_age() -> None:
    grown = Grown()
    grown.queue.grow(growth(pending=30))
    urgent = grown.add(priority=1)
    offered = grown.queue.offered([WEB_VIDEO])
    assert [job.uuid for job in offered] == [urgent.uuid, *grown.uuids(PENDING)[:9]]
    assert grown.queue.offered([STORYBOARD]) == []


async def test_a_row_that_is_accepted_is_a_job_like_any_other_and_frees_those_that_wait_for_it() -> None:
    grown = Grown()
    grown.queue.grow(growth(waiting=10, pending=4))
    job = grown.queue.get(grown.uuids(PENDING)[1])
    assert job is not None
    grown.queue.accept(job, runner())
    assert (len(grown.uuids(PENDING)), grown.uuids(Selection(search="Pool-7"))) == (3, [job.uuid])
    grown.queue.start_completing(job)
    grown.queue.finish_completing(job)
    freed = [row for row in grown.rows(PENDING) if row.type == HLS]
    assert [row.parent is job for row in freed] == [True, True, True]
    assert len(grown.uuids(Selection(states=frozenset({JobState.WAITING_FOR_PARENT_JOB})))) == 7
    assert [step.cause for step in grown.journal.histories[freed[0].uuid].transitions] == ["parent-finished"]


async def test_deleting_a_row_deletes_those_that_wait_for_it() -> None:
    grown = Grown()
    grown.queue.grow(growth(waiting=10, pending=4))
    job = grown.queue.get(grown.uuids(PENDING)[0])
    assert job is not None
    grown.queue.delete(job)
    assert len(grown.rows()) == 10
    assert grown.queue.get(job.uuid) is None


async def test_rows_wait_for_jobs_that_are_there_already_if_no_pending_ones_are_added() -> None:
    grown = Grown()
    parent = grown.add()
    grown.queue.grow(growth(waiting=3))
    grown.queue.cancel(parent)
    assert [job.state for job in grown.rows()][:3] == [JobState.PARENT_CANCELLED] * 3


async def test_a_page_at_the_end_of_300_000_rows_takes_few_looks() -> None:
    looks = 0

    class Rows:
        def __init__(self, block: Block) -> None:
            self._block = block

        def __len__(self) -> int:
            return len(self._block)

        def __getitem__(self, index: int, /) -> Job:
            nonlocal looks
            looks += 1
            return self._block.row(index, None)

    blocks = [
        Block(
            number=number,
            type=HLS,
            state=JobState.PENDING,
            priority=100,
            count=300_000,
            first_id=number * 1_000_000,
            begins=datetime(2026, 1, number, tzinfo=UTC),
            public_url="",
            shapes=PEERTUBE_8_2.shapes,
        )
        for number in (1, 2, 3)
    ]
    rows = page([Rows(block) for block in blocks], OLDEST_FIRST.key, 899_990, 100)
    assert (len(rows), rows[-1].uuid) == (10, blocks[2].uuid(299_999))
    assert looks < 300
