"""What happened on the server, kept for tests to read: transitions of jobs, logins, requests."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from peers.peertube.clock import Clock
from peers.peertube.records import Job, JobState


class Cause(StrEnum):
    CREATED = "created"
    ACCEPT = "accept"
    ABORT = "abort"
    WATCHDOG = "watchdog"
    ERROR = "error"
    SUCCESS = "success"
    COMPLETED = "completed"
    COMPLETION_FAILED = "completion-failed"
    PARENT_FINISHED = "parent-finished"
    PARENT_ERRORED = "parent-errored"
    PARENT_CANCELLED = "parent-cancelled"
    CANCEL = "cancel"
    DELETE = "delete"
    RESTART = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step of a job; `after` is None for a deleted row, `before` for a new one."""

    time: datetime
    before: JobState | None
    after: JobState | None
    cause: Cause
    runner: str | None
    detail: str | None


@dataclass(slots=True, kw_only=True)
class JobHistory:
    """A job's steps; it outlives the job's row."""

    uuid: str
    type: str
    video_uuid: str
    transitions: list[Transition]

    def count(self, cause: Cause) -> int:
        return sum(1 for transition in self.transitions if transition.cause is cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestEntry:
    """One request. `path` has the identifiers in it, `route` has not; status 0 is a connection closed without one."""

    time: datetime
    method: str
    path: str
    route: str
    status: int
    user_agent: str


LOGGED_REQUESTS = 20_000


class Journal:
    """What happened.

    Attributes:
        logins: How token requests ended: `password`, `refresh`, `failed`.
        login_attempts: Token requests by their `grant_type`, whatever became of them.
        requests: Answered requests, by "METHOD /path/{template}", then by status; 0 is a connection that was closed
            without one. What is under `/simulation` is left out here and below.
        seconds: Requests by "METHOD /path/{template}", then by the second of their arrival (Unix time).
        faulty: Requests that met a fault, by its kind.
        log: The latest requests one by one, oldest first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histories: dict[str, JobHistory] = {}
        self.logins: Counter[str] = Counter()
        self.login_attempts: Counter[str] = Counter()
        self.requests: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.seconds: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.faulty: Counter[str] = Counter()
        self.log: deque[RequestEntry] = deque(maxlen=LOGGED_REQUESTS)

    def arrived(self, route: str) -> None:
        self.seconds[route][int(self._clock.now().timestamp())] += 1

    def answered(self, *, method: str, path: str, route: str, status: int, user_agent: str) -> None:
        """Note a request that is over."""
        self.requests[route][status] += 1
        self.log.append(
            RequestEntry(
                time=self._clock.now(), method=method, path=path, route=route, status=status, user_agent=user_agent
            )
        )

    def record(self, job: Job, after: JobState | None, cause: Cause, detail: str | None = None) -> None:
        """Note the step that the job is about to make (its state and runner are still those before)."""
        history = self._histories.get(job.uuid)
        if history is None:
            history = JobHistory(uuid=job.uuid, type=job.type, video_uuid=job.video_uuid, transitions=[])
            self._histories[job.uuid] = history
        step = Transition(
            time=self._clock.now(),
            before=None if cause is Cause.CREATED else job.state,
            after=after,
            cause=cause,
            runner=job.runner.name if job.runner else None,
            detail=detail,
        )
        history.transitions.append(step)

    def count(self, cause: Cause) -> int:
        return sum(history.count(cause) for history in self._histories.values())

    @property
    def histories(self) -> Mapping[str, JobHistory]:
        return self._histories
