"""What is known of a server's job queue, as seen by one pool."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from runnerpool.api.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueKnown:
    """A reading of the queue, reduced to the job types of one pool. All figures count jobs.

    Attributes:
        at: The moment that it tells of. Who was idle then may have taken a job since.
        pending: Jobs that a runner of this pool may take now.
        processing: Jobs of these types in work, whoever runs them.
        completing: Jobs of these types whose result the server is taking in.
        waiting_for_parent: Jobs of these types that another job must finish first.
        waiting_on_work: Those of them whose parent is processing or completing now: they come up soon.
        held: Jobs (processing, completing) by the name of the runner that holds them, whatever their type.
        pending_since: Pending jobs that a runner of this pool may take, by UUID: since when nothing has befallen them.
        oldest_pending_time: When the oldest pending job was made; None if there is none.
        complete: False if the queue is longer than what was read; then every figure is "at least".
    """

    at: datetime
    pending: int
    processing: int = 0
    completing: int = 0
    waiting_for_parent: int = 0
    waiting_on_work: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    pending_since: Mapping[str, datetime] = field(default_factory=dict)
    oldest_pending_time: datetime | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueUnknown:
    """The queue could not be read. Never a number: nothing may be made or removed because of it.

    Attributes:
        reason: Why, from the closed list.
        message: Cause and remedy for people; holds nothing that the server sent.
        since: When the first of the failed reads began; for a server never read, when reading began.
        held: Who held jobs when the queue was last read. It tells who is busy, and is never counted as demand.
    """

    reason: Reason
    message: str
    since: datetime
    held: Mapping[str, int] = field(default_factory=dict)


QueueReading = QueueKnown | QueueUnknown
