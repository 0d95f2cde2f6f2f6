"""The table of jobs: those that are objects, and the rows of a grown server, which become objects when touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from peers.peertube.grown import STEP, Block, BlockRows, BlockUuids, Uuids
from peers.peertube.listing import Order, Rows, Selection, is_uuid, page
from peers.peertube.profile import JobShapes
from peers.peertube.records import Job, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Rows to be added.

    Attributes:
        finished, waiting, pending: How many, and of which type. Those that wait do so for the pending ones in turn,
            or for those that are pending already if none are added.
        priority: Of all of them.
        public_url, shapes: What their payloads are made of.
    """

    finished: int
    waiting: int
    pending: int
    finished_type: str
    waiting_type: str
    pending_type: str
    priority: int
    public_url: str
    shapes: JobShapes


class JobTable:
    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._blocks: list[Block] = []
        self._last_id = 0

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def __contains__(self, job_uuid: str) -> bool:
        return job_uuid in self._jobs

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add(self, job: Job) -> None:
        self._jobs[job.uuid] = job

    def remove(self, job: Job) -> None:
        del self._jobs[job.uuid]

    def get(self, job_uuid: str) -> Job | None:
        """The job as an object from now on: whoever asks for it by name may change it."""
        if job_uuid in self._jobs:
            return self._jobs[job_uuid]
        for block in self._blocks:
            index = block.index(job_uuid)
            if index is not None:
                return self._touch(block, index)
        return None

    def children(self, parent: Job) -> list[Job]:
        for block in self._blocks:
            for index in block.children_of(parent.uuid):
                self._touch(block, index)
        return [job for job in self._jobs.values() if job.parent is parent]

    def page(self, selection: Selection, order: Order, start: int, count: int) -> tuple[int, list[Job]]:
        """How many jobs are selected, and rows `start` to `start + count` of them."""
        parts = [part for part in self._parts(selection, order) if len(part)]
        return sum(map(len, parts)), page(parts, order.key, start, count)

    def grow(self, growth: Growth, now: datetime) -> None:
        """Add rows: finished ones older than those that wait, and these older than the pending ones."""
        waited_for: Uuids = tuple(job.uuid for job in self._jobs.values() if job.state is JobState.PENDING)
        begins = now - STEP * (growth.finished + growth.waiting + growth.pending)
        self._add(growth, JobState.COMPLETED, growth.finished_type, growth.finished, begins)
        waiting = begins + STEP * growth.finished
        pending = self._add(
            growth, JobState.PENDING, growth.pending_type, growth.pending, waiting + STEP * growth.waiting
        )
        if growth.pending:
            waited_for = BlockUuids(pending)
        block = self._add(growth, JobState.WAITING_FOR_PARENT_JOB, growth.waiting_type, growth.waiting, waiting)
        block.parents = waited_for

    def _add(self, growth: Growth, state: JobState, job_type: str, count: int, begins: datetime) -> Block:
        block = Block(
            number=len(self._blocks) + 1,
            type=job_type,
            state=state,
            priority=growth.priority,
            count=count,
            first_id=self._last_id + 1,
            begins=begins,
            public_url=growth.public_url,
            shapes=growth.shapes,
        )
        self._last_id += count
        self._blocks.append(block)
        return block

    def _touch(self, block: Block, index: int) -> Job:
        parent = block.parent_uuid(index)
        job = block.row(index, None if parent is None else self.get(parent))
        block.take(index)
        self._jobs[job.uuid] = job
        return job

    def _look(self, job_uuid: str) -> Job | None:
        """The job without touching its row."""
        if job_uuid in self._jobs:
            return self._jobs[job_uuid]
        found = ((block, block.index(job_uuid)) for block in self._blocks)
        rows = (block.row(index, None) for block, index in found if index is not None)
        return next(rows, None)

    def _parts(self, selection: Selection, order: Order) -> Iterator[Rows]:
        if is_uuid(selection.search):
            job = self._look(selection.search.lower())
            yield [] if job is None or not selection.takes(job) else [job]
            return
        yield sorted((job for job in self._jobs.values() if selection.takes(job)), key=order.key)
        for block in self._blocks:
            # The rows of a block differ by nothing that is selected by.
            if len(block) and selection.takes(block.row(0, None)):
                yield BlockRows(block, order, self._look)
