"""The whole queue in at most six calls: what is found, what is not, and whether that is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.peertube.client import PAGE_SIZE, JobPage
from runnerpool.peertube.reading import MAX_CALLS, MAX_IN_WORK_CALLS, Want, read_server
from runnerpool.planning.jobs import Job, JobState

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
VOD, TEXT = "vod-web-video-transcoding", "video-transcription"


def job(number: int, state: int = JobState.PENDING, kind: str = VOD, priority: int = 100) -> Job:
    moment = NOW + timedelta(seconds=number)
    return Job(uuid=f"{number:06}", type=kind, state=state, priority=priority, created=moment, updated=moment)


@dataclass
class FakeQueue:
    """A server's queue. `before` is called before each answer, so that a test can move jobs meanwhile."""

    jobs: list[Job]
    filters: bool = True
    filters_types: bool = True
    before: Callable[[int], None] = lambda _: None
    calls: list[tuple[tuple[int, ...], int, tuple[str, ...]]] = field(default_factory=list)

    async def list_jobs(
        self, states: Sequence[JobState], *, sort: str, start: int, count: int, types: Sequence[str]
    ) -> JobPage:
        self.before(len(self.calls))
        self.calls.append((tuple(int(state) for state in states), start, tuple(types)))
        assert count <= PAGE_SIZE
        found = [row for row in self.jobs if row.state in states]
        if types and self.filters:
            found = [row for row in found if row.type in types]
        by_age = sorted(found, key=lambda row: (row.created, row.uuid))
        ordered = by_age if sort == "createdAt" else sorted(by_age, key=lambda row: row.priority)
        page = tuple(ordered[start : start + count])
        if types and any(row.type not in types for row in page):
            self.filters_types = False
        return JobPage(total=len(found), jobs=page)


def clock() -> datetime:
    return NOW


async def test_a_short_queue_takes_three_calls_and_is_complete() -> None:
    queue = FakeQueue(
        [
            job(1, priority=200),
            job(2, priority=95),
            job(3, JobState.PROCESSING),
            job(4, JobState.COMPLETING),
            job(5, JobState.WAITING_FOR_PARENT_JOB),
            job(6, JobState.COMPLETED),
        ]
    )

    reading = await read_server(queue, now=clock)

    assert len(queue.calls) == 3
    assert reading.at == NOW
    assert [row.uuid for row in reading.pending] == ["000002", "000001"]
    assert [row.uuid for row in reading.active] == ["000003", "000004"]
    assert [row.uuid for row in reading.waiting] == ["000005"]
    assert (reading.pending_total, reading.waiting_total, reading.complete) == (2, 1, True)


async def test_a_job_that_moves_on_while_lists_are_read_is_never_missed() -> None:
    moving = [JobState.WAITING_FOR_PARENT_JOB, JobState.PENDING, JobState.PROCESSING]
    for first_move in range(3):
        for second_move in range(first_move, 3):
            queue = FakeQueue([])

            def move(calls: int, queue: FakeQueue = queue, at: tuple[int, int] = (first_move, second_move)) -> None:
                queue.jobs = [job(1, moving[sum(calls >= moment for moment in at)])]

            queue.before = move
            reading = await read_server(queue, now=clock)

            seen = (*reading.waiting, *reading.pending, *reading.active)
            assert [row.uuid for row in seen] == ["000001"], (first_move, second_move)


async def test_a_long_queue_is_read_as_far_as_a_pool_could_use_it() -> None:
    queue = FakeQueue([job(number) for number in range(1000)])

    reading = await read_server(queue, [Want(types=frozenset({VOD}), size=150)], now=clock)

    assert len(reading.pending) == 200
    assert (reading.pending_total, reading.complete) == (1000, False)
    assert [call[1] for call in queue.calls if call[0] == (1,)] == [0, 100]


async def test_six_calls_are_the_most_however_long_the_queue() -> None:
    states = (JobState.WAITING_FOR_PARENT_JOB, JobState.PENDING)
    queue = FakeQueue([job(number, states[number % 2]) for number in range(3000)])

    reading = await read_server(queue, [Want(size=10_000)], now=clock)

    assert len(queue.calls) == MAX_CALLS == 6
    assert len(reading.pending) == 400
    assert len(reading.waiting) == 100
    assert not reading.complete
    assert (reading.pending_total, reading.waiting_total) == (1500, 1500)


async def test_all_jobs_in_work_are_read_first_as_they_tell_who_is_busy() -> None:
    queue = FakeQueue(
        [job(number, JobState.PROCESSING) for number in range(350)] + [job(number) for number in range(1000, 2000)]
    )

    reading = await read_server(queue, [Want(size=10_000)], now=clock)

    assert len(reading.active) == 350
    assert len(reading.pending) == 100
    assert len(queue.calls) == MAX_CALLS


async def test_a_runner_with_a_job_is_seen_however_many_others_have_one() -> None:
    queue = FakeQueue([job(number, JobState.PROCESSING) for number in range(1950)] + [job(3000)])

    reading = await read_server(queue, [Want()], now=clock)

    assert len(reading.active) == 1950
    assert reading.complete


async def test_a_list_of_jobs_in_work_without_an_end_is_left_and_told() -> None:
    queue = FakeQueue([job(number, JobState.PROCESSING) for number in range(2500)])

    reading = await read_server(queue, [Want()], now=clock)

    assert len([call for call in queue.calls if call[0] == (2, 9)]) == MAX_IN_WORK_CALLS
    assert not reading.complete


async def test_jobs_in_work_are_read_whatever_their_type() -> None:
    queue = FakeQueue([job(1, JobState.PROCESSING, TEXT)])

    reading = await read_server(queue, [Want(types=frozenset({VOD}))], now=clock)

    assert len(reading.active) == 1


async def test_the_window_slides_past_jobs_that_no_pool_takes() -> None:
    others = [job(number, kind="vod-hologram", priority=1) for number in range(250)]
    queue = FakeQueue([*others, job(900, kind=TEXT)], filters=False)

    reading = await read_server(queue, [Want(types=frozenset({TEXT}))], now=clock)

    assert [row.uuid for row in reading.pending if row.type == TEXT] == ["000900"]
    assert reading.complete
    # The first page came unfiltered, so the server was seen to ignore the filter, and the window goes on from there.
    assert [call[1:] for call in queue.calls if call[0] == (1,)] == [(0, (TEXT,)), (100, ()), (200, ())]


async def test_a_server_that_filters_finds_ours_behind_any_number_of_others() -> None:
    others = [job(number, kind="vod-hologram", priority=1) for number in range(5000)]
    queue = FakeQueue([*others, job(9000, kind=TEXT)])

    reading = await read_server(queue, [Want(types=frozenset({TEXT}))], now=clock)

    assert [row.uuid for row in reading.pending] == ["009000"]
    assert reading.complete
    assert len(queue.calls) == 3


async def test_one_pools_long_queue_does_not_hide_anothers_short_one() -> None:
    queue = FakeQueue([job(number, priority=1) for number in range(5000)] + [job(9000, kind=TEXT)])
    wants = [Want(types=frozenset({VOD}), size=50), Want(types=frozenset({TEXT}), size=50)]

    reading = await read_server(queue, wants, now=clock)

    assert [row.uuid for row in reading.pending if row.type == TEXT] == ["009000"]
    assert len(queue.calls) == 4
    assert not reading.complete


async def test_two_short_queues_that_are_read_each_for_itself_are_complete() -> None:
    queue = FakeQueue([job(number, priority=1) for number in range(130)] + [job(9000, kind=TEXT)])
    wants = [Want(types=frozenset({VOD}), size=500), Want(types=frozenset({TEXT}), size=500)]

    reading = await read_server(queue, wants, now=clock)

    assert len(reading.pending) == 131
    assert reading.complete


async def test_a_total_that_promises_more_than_comes_ends_the_search() -> None:
    @dataclass
    class Liar(FakeQueue):
        async def list_jobs(
            self, states: Sequence[JobState], *, sort: str, start: int, count: int, types: Sequence[str]
        ) -> JobPage:
            page = await super().list_jobs(states, sort=sort, start=start, count=count, types=types)
            return JobPage(total=10_000, jobs=page.jobs)

    queue = Liar([job(1), job(2, JobState.PROCESSING)])

    reading = await read_server(queue, now=clock)

    assert len(queue.calls) == 5  # an empty page ends the search, though not the doubt
    assert not reading.complete
    assert len(reading.pending) == len(reading.active) == 1


async def test_rows_in_states_that_were_not_asked_for_are_left_out() -> None:
    @dataclass
    class Mixed(FakeQueue):
        async def list_jobs(
            self, states: Sequence[JobState], *, sort: str, start: int, count: int, types: Sequence[str]
        ) -> JobPage:
            return JobPage(total=2, jobs=(job(1, JobState.CANCELLED), job(2)))

    reading = await read_server(Mixed([]), now=clock)

    assert [row.uuid for row in (*reading.pending, *reading.active, *reading.waiting)] == ["000002"]
    assert reading.pending_total >= len(reading.pending)


KINDS = [VOD, TEXT, "vod-hologram"]
STATES = [JobState.PENDING, JobState.PROCESSING, JobState.WAITING_FOR_PARENT_JOB, JobState.COMPLETING]


@given(
    counts=st.dictionaries(st.tuples(st.sampled_from(KINDS), st.sampled_from(STATES)), st.integers(0, 260)),
    wants=st.lists(
        st.builds(Want, types=st.frozensets(st.sampled_from(KINDS), max_size=3), size=st.integers(1, 300)),
        max_size=3,
    ),
    filters=st.booleans(),
)
async def test_any_queue_is_read_in_few_calls_and_never_called_complete_when_it_is_not(
    counts: dict[tuple[str, JobState], int], wants: list[Want], filters: bool
) -> None:
    numbers = iter(range(100_000))
    jobs = [job(next(numbers), state, kind) for (kind, state), count in counts.items() for _ in range(count)]
    queue = FakeQueue(jobs, filters=filters)

    reading = await read_server(queue, wants, now=clock)

    in_work = sum(count for (_, state), count in counts.items() if state in {JobState.PROCESSING, JobState.COMPLETING})
    assert len(queue.calls) <= max(MAX_CALLS, 2 + -(-in_work // 100))
    read = {row.uuid for row in (*reading.pending, *reading.active, *reading.waiting)}
    wanted = {
        row.uuid
        for row in jobs
        if row.state in {JobState.PROCESSING, JobState.COMPLETING} or any(want.takes(row) for want in wants or [Want()])
    }
    if reading.complete:
        assert wanted <= read
    assert len(reading.pending) <= reading.pending_total
    assert len(reading.waiting) <= reading.waiting_total


@pytest.mark.parametrize(("types", "kind", "taken"), [((), VOD, True), ((VOD,), VOD, True), ((TEXT,), VOD, False)])
def test_a_want_without_types_takes_anything(types: tuple[str, ...], kind: str, taken: bool) -> None:
    assert Want(types=frozenset(types)).takes(job(1, kind=kind)) is taken
