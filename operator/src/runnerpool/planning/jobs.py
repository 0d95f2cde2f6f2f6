"""PeerTube's runner jobs, as the planner sees them."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class JobState(IntEnum):
    """The server's state ids (packages/models, runner-job-state.model.ts; the same in 6.3 and 8.2)."""

    PENDING = 1
    PROCESSING = 2
    COMPLETED = 3
    ERRORED = 4
    WAITING_FOR_PARENT_JOB = 5
    CANCELLED = 6
    PARENT_ERRORED = 7
    PARENT_CANCELLED = 8
    COMPLETING = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One runner job. Types and states are open sets: a newer server may answer ones that are unknown here.

    Attributes:
        uuid: In lower case. Of the texts of the server, this and `video` alone are repeated to people.
        state: A `JobState` value, or a number unknown to us.
        runner: Name of the runner that the server credits it to; None if nobody.
        started: When it was last taken; None while nobody has it.
        failures: How often a runner reported it as failed. Crashes and lost runners are not among them.
        video: UUID of its video, in lower case; None if the server does not tell.
        parent_uuid, parent_state: The job that must finish first; None if there is none.
    """

    uuid: str
    type: str
    state: int
    priority: int
    created: datetime
    updated: datetime
    runner: str | None = None
    started: datetime | None = None
    failures: int = 0
    video: str | None = None
    parent_uuid: str | None = None
    parent_state: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerReading:
    """One consistent-enough look at a server's queue, shared by all pools of that server.

    Attributes:
        at: When the reading was made, or was last found to hold still.
        pending: The window of pending jobs that was read, by priority, then age.
        active: All jobs in processing and completing.
        waiting: The window of jobs that wait for their parent.
        pending_total, waiting_total: What the server counts, which may be more than the windows hold.
        complete: Every list above holds all that the server counts.
    """

    at: datetime
    pending: tuple[Job, ...] = ()
    active: tuple[Job, ...] = ()
    waiting: tuple[Job, ...] = ()
    pending_total: int = 0
    waiting_total: int = 0
    complete: bool = True

    @property
    def held(self) -> dict[str, int]:
        """Jobs in work by the name of the runner that holds them, whatever their type."""
        return dict(Counter(job.runner for job in self.active if job.runner is not None))

    @property
    def jobs(self) -> dict[str, Job]:
        """All jobs that were read, by UUID. One that moved on meanwhile is told by its later state."""
        return {job.uuid: job for job in (*self.waiting, *self.pending, *self.active)}
