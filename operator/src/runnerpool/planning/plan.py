"""The planner's whole output: how many pods, why, and the steps that lead there."""

from dataclasses import dataclass
from datetime import timedelta

from runnerpool.api.reasons import Reason


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
    """Delete a pod that never ran: still gated after its deadline, or no longer wanted."""

    pod: str
    uid: str
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
    """The pool is being deleted, and no unfinished pod and no row of it is left."""

    reason: Reason
    message: str


Step = Reserve | Create | Complete | Discard | Drain | Mark | Remove | Unregister | ReleaseReserved | RemoveFinalizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do now.

    Attributes:
        desired: Pods that should be able to take work.
        reason, message: The decision in a word of the closed list, and in a sentence for people.
        terms: How `desired` came about, stage by stage.
        steps: In the order in which they should be carried out. A pod is named by at most one of them.
        busy: Names of the unfinished pods that hold a job, sorted. From the last known reading.
        recheck_after: When a deadline of this plan falls due; None if only an event can change it.
    """

    desired: int
    reason: Reason
    message: str
    terms: tuple[Term, ...]
    steps: tuple[Step, ...]
    busy: tuple[str, ...] = ()
    recheck_after: timedelta | None = None
