"""The drain as a pure state machine: what was ordered, and what is to be done about it now.

```
RUNNING ──drain order, SIGTERM──► DRAINING ──(runner exits)──► over
   │                                 │ deadline, abort order, unregistered
   └──abort order, SIGTERM while unhealthy, unregistered──► ABORTING ──(runner exits)──► over
```
Orders come from a file and from SIGTERM, in any order and repeatedly; none leads back. A runner that stays when
its last job is done is stopped within the drain: that cuts nothing. Times are seconds of one monotonic clock, handed
in.
"""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto, unique

ABORT_MARGIN_SECONDS = 30.0
"""What is kept of the grace period for handing jobs back before SIGKILL."""
SHORTEST_DRAIN_SECONDS = 15.0
"""With less time than this for the drain itself (grace below 45 s), jobs are handed back at once instead."""
KILL_SECONDS = 15.0
"""How long the runner has to hand its jobs back after SIGTERM."""
DRAIN_ROUND_SECONDS = 10.0
"""Longest wait for an open round before a graceful shutdown; one that lasts longer is wedged."""
ABORT_ROUND_SECONDS = 2.0
"""The same before SIGTERM, which has the same race; an abort is in a hurry."""
LINGER_SECONDS = 30.0
"""How long a runner that was told to end may stay without a job. It should end at once; should it first wait for its
look for jobs, that may take so long at most (`deaf.WEDGED_SECONDS`). To stop it then costs no work."""


@unique
class Phase(StrEnum):
    """How far the agent is on its way out."""

    RUNNING = "running"
    DRAINING = "draining"
    ABORTING = "aborting"


@unique
class Cause(StrEnum):
    """Why the agent ends, or why its drain began or was cut."""

    DRAIN_ORDERED = "DrainOrdered"
    TERMINATED = "Terminated"
    ABORT_ORDERED = "AbortOrdered"
    DEADLINE = "DrainDeadline"
    UNHEALTHY = "Unhealthy"
    CONTACT_LOST = "ContactLost"
    UNREGISTERED = "Unregistered"
    RUNNER_HUNG = "RunnerHung"
    RUNNER_DEAF = "RunnerDeaf"
    SCRATCH_FULL = "ScratchFull"
    UPLOAD_REJECTED = "UploadRejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Where the drain stands.

    Attributes:
        cause: Of the present phase; None while RUNNING.
        since: When the present phase began.
        abort_at: When a drain with a deadline is cut.
    """

    phase: Phase = Phase.RUNNING
    cause: Cause | None = None
    since: float = 0.0
    abort_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What has been done to one runner process.

    Attributes:
        told_at: When it acknowledged the graceful shutdown.
        terminated_at: When it was sent SIGTERM.
        killed: It was sent SIGKILL.
    """

    told_at: float | None = None
    terminated_at: float | None = None
    killed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the machine looks at.

    Attributes:
        now: The time.
        alive: The process has not ended.
        in_round: The runner may be accepting a job right now.
        idle_since: Since when it has had no job in hand; None with one.
        frozen: It hears nothing, so it can only be killed.
    """

    now: float
    alive: bool
    in_round: bool
    idle_since: float | None = None
    frozen: bool = False


@unique
class Action(Enum):
    """What to do now."""

    WAIT = auto()
    TELL = auto()
    TERMINATE = auto()
    KILL = auto()
    END = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action; `until`: when to look again at the latest, None = only when something changes."""

    action: Action
    until: float | None = None


def order_drain(drain: Drain, now: float, cause: Cause = Cause.DRAIN_ORDERED) -> Drain:
    """The pod is to go, its jobs finished, however long they take."""
    if drain.phase is not Phase.RUNNING:
        return drain
    return replace(drain, phase=Phase.DRAINING, cause=cause, since=now)


def order_abort(drain: Drain, now: float, cause: Cause = Cause.ABORT_ORDERED) -> Drain:
    """The jobs shall go back to the queue now."""
    if drain.phase is Phase.ABORTING:
        return drain
    return replace(drain, phase=Phase.ABORTING, cause=cause, since=now)


def order_terminate(drain: Drain, now: float, grace_seconds: float, sick: Cause | None) -> Drain:
    """SIGTERM: the cluster ends the pod after `grace_seconds`, counted from the first SIGTERM.

    Args:
        drain: Where the drain stands.
        now: The time.
        grace_seconds: The pod's grace period.
        sick: Why waiting for the job would be in vain; the jobs are handed back at once.
    """
    if sick is not None:
        return order_abort(drain, now, sick)
    if drain.phase is Phase.ABORTING or drain.abort_at is not None:
        return drain
    if grace_seconds < ABORT_MARGIN_SECONDS + SHORTEST_DRAIN_SECONDS:
        return order_abort(drain, now, Cause.DEADLINE)
    if drain.phase is Phase.RUNNING:
        drain = replace(drain, phase=Phase.DRAINING, cause=Cause.TERMINATED, since=now)
    return replace(drain, abort_at=now + grace_seconds - ABORT_MARGIN_SECONDS)


def pass_time(drain: Drain, now: float) -> Drain:
    """A drain whose time is over becomes an abort."""
    if drain.phase is Phase.DRAINING and drain.abort_at is not None and now >= drain.abort_at:
        return order_abort(drain, now, Cause.DEADLINE)
    return drain


def next_step(drain: Drain, handling: Handling, facts: Facts) -> Step:
    """What to do now. Call it after `pass_time`, and again after every change."""
    if drain.phase is Phase.RUNNING:
        return Step(action=Action.WAIT)
    if not facts.alive:
        return Step(action=Action.END)
    if handling.killed:
        return Step(action=Action.WAIT)
    if drain.phase is Phase.DRAINING:
        return _step_draining(drain, handling, facts)
    return _step_aborting(drain, handling, facts)


def _step_draining(drain: Drain, handling: Handling, facts: Facts) -> Step:
    if handling.terminated_at is not None:
        return _step_terminated(handling.terminated_at, facts)
    if handling.told_at is not None:
        return _step_told(drain, handling.told_at, facts)
    if facts.in_round and facts.now < drain.since + DRAIN_ROUND_SECONDS:
        latest = drain.since + DRAIN_ROUND_SECONDS
        return Step(action=Action.WAIT, until=latest if drain.abort_at is None else min(latest, drain.abort_at))
    return Step(action=Action.TELL, until=drain.abort_at)


def _step_told(drain: Drain, told_at: float, facts: Facts) -> Step:
    if facts.idle_since is None:
        return Step(action=Action.WAIT, until=drain.abort_at)
    stop_at = max(told_at, facts.idle_since) + LINGER_SECONDS
    if facts.now >= stop_at:
        return Step(action=Action.TERMINATE)
    return Step(action=Action.WAIT, until=stop_at if drain.abort_at is None else min(stop_at, drain.abort_at))


def _step_aborting(drain: Drain, handling: Handling, facts: Facts) -> Step:
    if facts.frozen:
        return Step(action=Action.KILL)
    if handling.terminated_at is not None:
        return _step_terminated(handling.terminated_at, facts)
    if facts.in_round and facts.now < drain.since + ABORT_ROUND_SECONDS:
        return Step(action=Action.WAIT, until=drain.since + ABORT_ROUND_SECONDS)
    return Step(action=Action.TERMINATE)


def _step_terminated(terminated_at: float, facts: Facts) -> Step:
    kill_at = terminated_at + KILL_SECONDS
    return Step(action=Action.KILL) if facts.now >= kill_at else Step(action=Action.WAIT, until=kill_at)
