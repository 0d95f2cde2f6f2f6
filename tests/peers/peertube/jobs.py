"""The runner job state machine (server/core/lib/runners/job-handlers/abstract-job-handler.ts)."""

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from peers.peertube.clock import Clock
from peers.peertube.journal import Cause, Journal
from peers.peertube.listing import Order, Selection
from peers.peertube.profile import LIVE, ServerProfile
from peers.peertube.records import ACTIVE_STATES, CANCELLABLE_STATES, JSON, Job, JobState, Runner
from peers.peertube.table import Growth, JobTable


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """A job to be; its payload holds URLs with the job's own UUID, so it is made when the UUID is known."""

    type: str
    priority: int
    payload: Callable[[str], JSON]
    private_payload: JSON
    children: tuple["JobDraft", ...] = field(default=())


class JobQueue:
    """All jobs. Every method that frees or creates a pending job calls `on_available`, which leads to the push.

    Iterating shows the jobs that are objects, which leaves out the untouched rows of a grown server.
    """

    def __init__(
        self, *, profile: ServerProfile, clock: Clock, journal: Journal, on_available: Callable[[], None]
    ) -> None:
        self._profile = profile
        self._clock = clock
        self._journal = journal
        self._on_available = on_available
        self._table = JobTable()
        self._last_silent_update: datetime | None = None

    def __iter__(self) -> Iterator[Job]:
        return iter(self._table)

    def get(self, job_uuid: str) -> Job | None:
        return self._table.get(job_uuid)

    def children(self, parent: Job) -> list[Job]:
        return self._table.children(parent)

    def page(self, selection: Selection, order: Order, start: int, count: int) -> tuple[int, list[Job]]:
        """How many jobs are selected, and some of them."""
        return self._table.page(selection, order, start, count)

    def grow(self, growth: Growth) -> None:
        """Add the rows of years."""
        self._table.grow(growth, self._clock.now())
        self._on_available()

    def add(self, draft: JobDraft, parent: Job | None = None) -> Job:
        """Create the draft's job, pending or waiting for its parent, and its children after it."""
        job_uuid = str(uuid.uuid4())
        now = self._clock.now()
        job = Job(
            id=self._table.next_id(),
            uuid=job_uuid,
            type=draft.type,
            priority=draft.priority,
            state=JobState.WAITING_FOR_PARENT_JOB if parent else JobState.PENDING,
            payload=draft.payload(job_uuid),
            private_payload=draft.private_payload,
            created_at=now,
            updated_at=now,
            parent=parent,
        )
        self._table.add(job)
        self._journal.record(job, job.state, Cause.CREATED)
        for child in draft.children:
            self.add(child, job)
        if parent is None:
            self._on_available()
        return job

    def offered(self, job_types: Iterable[str] | None) -> list[Job]:
        """What a runner's `request` gets: pending jobs by priority, then age, ten at most."""
        wanted = None if job_types is None else frozenset(job_types)
        pending = Selection(states=frozenset({JobState.PENDING}), types=wanted)
        order = Order(columns=("priority", "createdAt"))
        return self._table.page(pending, order, 0, self._profile.offered_jobs)[1]

    def accept(self, job: Job, runner: Runner) -> None:
        job.runner = runner
        self._move(job, JobState.PROCESSING, Cause.ACCEPT)
        job.token = f"ptrjt-{uuid.uuid4()}"
        job.started_at = job.updated_at

    def report(self, job: Job, progress: int | None) -> None:
        """Take a runner's sign of life. Progress 0 is not stored, and silent signs count once in two seconds."""
        now = self._clock.now()
        if progress and progress != job.progress:
            job.progress = progress
        elif not self._counts_silent_update(job, now):
            return
        job.updated_at = now

    def _counts_silent_update(self, job: Job, now: datetime) -> bool:
        throttle = timedelta(seconds=self._clock.scaled(self._profile.silent_update_throttle_seconds))
        if not self._profile.silent_updates_share_throttle:
            return now - job.updated_at >= throttle
        if self._last_silent_update is not None and now - self._last_silent_update < throttle:
            return False
        self._last_silent_update = now
        return True

    def give_back(self, job: Job, cause: Cause, detail: str | None = None) -> None:
        """Abort or watchdog: back to pending without counting a failure; a live has one attempt and fails."""
        if job.type == LIVE:
            self._fail(job, cause, detail)
        else:
            self._requeue(job, cause, detail)

    def hand_over(self, job: Job, runner: Runner) -> None:
        """Take a job in processing from its runner, as the watchdog does, and let another one have it at once."""
        self.give_back(job, Cause.WATCHDOG, "Given to another runner")
        self.accept(job, runner)

    def age(self, job: Job, seconds: float) -> None:
        """Let the job's last sign of life be that long ago."""
        job.updated_at = self._clock.now() - timedelta(seconds=seconds)

    def restart(self) -> None:
        """What the server does to its jobs as it starts: lives end, and nothing else is looked at (live-manager.ts)."""
        for job in [job for job in self._table if job.type == LIVE and job.state in ACTIVE_STATES]:
            self.cancel(job, Cause.RESTART)

    def report_error(self, job: Job, message: str) -> None:
        job.failures += 1
        if job.type == LIVE or job.failures >= self._profile.max_failures:
            self._fail(job, Cause.ERROR, message)
        else:
            self._requeue(job, Cause.ERROR, message)

    def start_completing(self, job: Job) -> None:
        self._move(job, JobState.COMPLETING, Cause.SUCCESS)
        job.progress = None  # the token stays: late updates are answered with a silent 204

    def finish_completing(self, job: Job, error: str | None = None) -> None:
        """End post-processing. Children are freed even if it failed, as the real server does."""
        if job.uuid not in self._table:
            return  # deleted meanwhile: no row is left to write to
        if error is None:
            self._move(job, JobState.COMPLETED, Cause.COMPLETED)
        else:
            self._move(job, JobState.ERRORED, Cause.COMPLETION_FAILED, error)
            job.error = error
        job.finished_at = job.updated_at
        waiting = [child for child in self.children(job) if child.state is JobState.WAITING_FOR_PARENT_JOB]
        for child in waiting:
            self._move(child, JobState.PENDING, Cause.PARENT_FINISHED)
        if waiting:
            self._on_available()

    def cancel(self, job: Job, cause: Cause = Cause.CANCEL) -> None:
        """Cancel a pending, processing or waiting job and its descendants; the runner is not told."""
        self._end(job, JobState.CANCELLED, cause)
        self._end_descendants(job, JobState.PARENT_CANCELLED, Cause.PARENT_CANCELLED)

    def delete(self, job: Job) -> None:
        """Remove the row and its descendants' rows, cancelling first what can be cancelled."""
        if job.state in CANCELLABLE_STATES:
            self.cancel(job)
        for child in self.children(job):
            self.delete(child)
        self._journal.record(job, None, Cause.DELETE)
        self._table.remove(job)

    def forget_runner(self, runner: Runner) -> None:
        """Cut the links to a deleted runner; the jobs keep their state (foreign key set to null)."""
        for job in self._table:
            if job.runner is runner:
                job.runner = None

    def _requeue(self, job: Job, cause: Cause, detail: str | None) -> None:
        self._move(job, JobState.PENDING, cause, detail)
        job.runner = None
        job.token = None
        job.progress = None
        job.started_at = None
        self._on_available()

    def _fail(self, job: Job, cause: Cause, message: str | None) -> None:
        self._end(job, JobState.ERRORED, cause, message)
        job.error = message
        self._end_descendants(job, JobState.PARENT_ERRORED, Cause.PARENT_ERRORED)

    def _end_descendants(self, job: Job, state: JobState, cause: Cause) -> None:
        for child in self.children(job):
            if child.state in CANCELLABLE_STATES:
                self._end(child, state, cause)
            self._end_descendants(child, state, cause)

    def _end(self, job: Job, state: JobState, cause: Cause, detail: str | None = None) -> None:
        self._move(job, state, cause, detail)
        job.token = None
        job.progress = None
        job.finished_at = job.updated_at

    def _move(self, job: Job, state: JobState, cause: Cause, detail: str | None = None) -> None:
        self._journal.record(job, state, cause, detail)
        job.state = state
        job.updated_at = self._clock.now()
