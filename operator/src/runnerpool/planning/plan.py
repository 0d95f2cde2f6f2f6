"""The planner's whole output: how many pods, why, and the steps that lead there."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from runnerpool.api.reasons import Reason
from runnerpool.planning.sickness import Sick
from runnerpool.planning.snapshot import RunnerPod


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One line of the trace: a stage of the sizing, the number before and after it, and why."""

    stage: str
    before: int
    after: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """Write these ordinals to `status.reserved[]` (under the pool's resourceVersion), then create their pods."""

    ordinals: tuple[int, ...]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Create the gated pod of an ordinal that is reserved already; the planner emits it for leftovers of a crash."""

    ordinal: int
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Register the runner of a gated pod, write its Secret, remove its gate. Each part is idempotent."""

    pod: str
    uid: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Delete a pod that never ran: still gated after its deadline, or no longer wanted.

    Attributes:
        version: As it was seen: somebody who lets it go to work meanwhile must win.
    """

    pod: str
    uid: str
    version: str = ""
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Annotate the pod. `order` is `drain` (finish what it holds) or `abort` (hand its jobs back now)."""

    pod: str
    uid: str
    order: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Tell node autoscalers whether they may move the pod: an idle one, yes; a starting or busy one, no."""

    pod: str
    uid: str
    evictable: bool
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Unregister the runner of a pod that has ended, then delete the pod."""

    pod: str
    uid: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Delete a pod that obeys no order, or that nobody will look after, as the cluster would.

    SIGTERM, its grace period, SIGKILL.
    """

    pod: str
    uid: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceDelete:
    """Unregister the runner of a pod on a lost node, then delete the pod without waiting for its node's word."""

    pod: str
    uid: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unregister:
    """Remove a ghost: a row of this pool whose pod is not in the later LIST."""

    row_id: int
    runner: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseReserved:
    """Take ordinals whose pods have been seen out of `status.reserved[]`."""

    ordinals: tuple[int, ...]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFinalizer:
    """The pool is being deleted, and no unfinished pod and no row of it is left, or none that can be reached."""

    reason: Reason
    message: str


PodStep = Complete | Discard | Drain | ForceDelete | Mark | Remove | Stop
"""Steps that name a pod."""
RowStep = Discard | ForceDelete | Remove | Unregister
"""Steps that remove runner rows: none of them can be done without the server."""
Step = Reserve | Create | PodStep | Unregister | ReleaseReserved | RemoveFinalizer


class RolloutPhase(StrEnum):
    """How far the replacement of pods of earlier settings is."""

    FIRST_POD = "firstPod"
    """No pod of the present settings has been ready yet: one is made, the old ones stay at work."""
    REPLACING = "replacing"
    """The present settings work: pods are replaced within `maxSurge` and `maxUnavailable`."""
    HELD_BY_LIVE = "heldByLive"
    """The pods that are left hold live streams."""
    PAUSED = "paused"
    """Nothing is replaced for now: by mode, by the server's ability, or since the queue is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutState:
    """A rollout that is not over.

    Attributes:
        reason: `RollingOut` while it moves, `RolloutStalled` while something keeps it from moving.
        message: For people: what it does or waits for. Holds no time, so it changes only when something does.
    """

    phase: RolloutPhase
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Why fewer pods than `desired` may take work, though this pass has made what it may.

    Attributes:
        reason: `AtMaxReplicas`, as too many pods are draining, or the cause of failures in a row.
        message: For people: cause and remedy.
    """

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideState:
    """What has become of the override annotation.

    Attributes:
        in_force: It decides the number of pods.
        reason: `Override`, `OverrideExpired`, `OverrideInvalid`, or what comes before it: `ModeHold`, `ModeDrain`,
            `PoolDeleted`, `JobTypesNotFiltered`.
    """

    in_force: bool
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now.

    Attributes:
        desired: Pods that should be able to take work.
        reason, message: The decision in a word of the closed list, and in a sentence for people.
        terms: How `desired` came about, stage by stage.
        steps: In the order in which they should be carried out. A pod is named by at most one of them.
        busy: Names of the unfinished pods that hold a job, sorted. From the last known reading.
        sick: Pods that look sick, whether they are replaced now or only watched.
        breaker: What holds their replacement up, as most of the pool is sick; "" if nothing does.
        unschedulable: Pods that no node has room for.
        stranded: Some of them have waited for so long that no more are made.
        shortage: What keeps the pods below `desired`; None if nothing does, or if it is told otherwise.
        updated: Pods that may take work and are as the present settings ask, for all that is known.
        rollout: What the rollout does about those, or about idle pods of an earlier build; None if there is none.
        override: What has become of the override annotation; None if there is none.
        drained: Mode is Drain, and no unfinished pod and no job in the hands of the pool's runners is left; None if
            that cannot be told, as the server does not say who holds jobs.
        recheck_after: When a deadline of this plan falls due; None if only an event can change it.
    """

    desired: int
    reason: Reason
    message: str
    terms: tuple[Term, ...]
    steps: tuple[Step, ...]
    busy: tuple[str, ...] = ()
    sick: tuple[Sick, ...] = ()
    breaker: str = ""
    unschedulable: tuple[RunnerPod, ...] = ()
    stranded: bool = False
    shortage: Shortage | None = None
    updated: int = 0
    rollout: RolloutState | None = None
    override: OverrideState | None = None
    drained: bool | None = False
    recheck_after: timedelta | None = None
