"""The planner's whole input: one pool, its pods, its queue, at one moment."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.pool import Pool
from runnerpool.api.reasons import Reason
from runnerpool.planning.endings import LastWord
from runnerpool.planning.failures import Failure, not_before
from runnerpool.planning.queue import QueueReading
from runnerpool.planning.server import ServerFacts

_CAUSES = frozenset(map(str, FailureCause))


class PodStage(StrEnum):
    """Where a runner pod is in its one life."""

    GATED = "gated"
    """Created, held back by the scheduling gate: not registered yet, or its Secret is not there yet."""
    STARTING = "starting"
    """Ungated and not ready yet: being scheduled, pulling, starting; or it was ready and is not now."""
    READY = "ready"
    """Its readiness probe passes: it would take a job if it had a free slot."""
    ENDED = "ended"
    """Phase Succeeded or Failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerPod:
    """A pod of this pool, normalised from the API server's answer.

    Attributes:
        version: `metadata.resourceVersion`: another one by now means that somebody has changed it.
        created: `metadata.creationTimestamp`.
        ready_since: Last transition of the Ready condition to True; None unless the stage is READY.
        drain_order: Value of the drain annotation (`drain`, `abort` or any text); None if not ordered.
        drain_since: When the present order was given; None if there is none, or it does not say.
        deleting: `metadata.deletionTimestamp` is set.
        succeeded: For an ended pod: its phase is Succeeded.
        end: For an ended pod: how its container ended, for people; "" if nobody told.
        last_word: For an ended pod: why, when, and which jobs it cost; None if it has not ended.
        has_run: Its container runs, has run, or may have; False only if that is certain (unscheduled, or still waiting
            for its image).
        stuck: Why its container cannot start, in the kubelet's word (`ErrImagePull`, `CreateContainerConfigError`); ""
            if nothing is wrong.
        ended_at: For an ended pod: when, by its node's clock; None if nobody told.
        failure: Why it failed; None unless it ended by a fault.
        drain_reason: Why we told it to drain, as the order says; "" if it does not.
        scheduled_since: When it was given a node; None while it has none.
        unschedulable: Why it cannot be given a node, in the scheduler's words; "" unless it cannot.
        started: Its start-up probe has passed: the agent is up.
        unready_since: Since when an agent that is up has not been ready; None unless that is so.
        lost_since: Since when its node is taken for lost, as its readiness was taken from it without its containers';
            or since when it should have been gone. None unless so.
        node: Name of its node; "" while unscheduled.
        image: Of its container.
        template_hash: Fingerprint of what its author asked for when it was made; "" if absent.
        build_hash: Fingerprint of all that it was made from, the operator's own part too; "" if absent.
        evictable: Its marks tell node autoscalers that they may move it; None if the marks are not as we write them.
    """

    name: str
    uid: str
    ordinal: int
    created: datetime
    stage: PodStage
    version: str = ""
    ready_since: datetime | None = None
    drain_order: str | None = None
    drain_since: datetime | None = None
    deleting: bool = False
    succeeded: bool = False
    end: str = ""
    last_word: LastWord | None = None
    has_run: bool = True
    stuck: str = ""
    ended_at: datetime | None = None
    failure: FailureCause | None = None
    drain_reason: str = ""
    scheduled_since: datetime | None = None
    unschedulable: str = ""
    started: bool = False
    unready_since: datetime | None = None
    lost_since: datetime | None = None
    node: str = ""
    image: str = ""
    template_hash: str = ""
    build_hash: str = ""
    evictable: bool | None = None

    @property
    def unfinished(self) -> bool:
        """Its container runs, or may still run."""
        return self.stage is not PodStage.ENDED

    @property
    def may_take_work(self) -> bool:
        """The one definition that cap and demand count by: not finished, not being deleted, not told to drain."""
        return self.unfinished and not self.deleting and self.drain_order is None

    @property
    def coming_up(self) -> bool:
        """Its agent is not up yet."""
        return not self.started and self.stage is not PodStage.READY

    @property
    def failed(self) -> bool:
        """It ended by a fault: neither drained nor told to go, by us or by the cluster.

        Rejected uploads are the agent's last word only of a drain that it began itself, before any order.
        """
        told_to_go = self.drain_order is not None or self.deleting
        return self.failure is FailureCause.UPLOAD_REJECTED or (self.failure is not None and not told_to_go)

    @property
    def given_up(self) -> bool:
        """It was told to drain because it looked sick: what it holds may come back to the queue any moment."""
        return self.drain_reason in _CAUSES

    @property
    def never_ran(self) -> bool:
        """Deleting it can't cost any work: there is nobody in it yet to read an order."""
        return self.stage is PodStage.GATED or (self.stage is PodStage.STARTING and not self.has_run)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerRow:
    """A runner row on the server that carries our cluster's ownership mark and this pool's UID.

    Attributes:
        last_contact: When the runner last called; the server notes it every 30 s at most.
    """

    id: int
    name: str
    last_contact: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalsFailing:
    """Nothing but runner rows is left of a pool, and the server removes none of them.

    Attributes:
        since: When the first of the tries began; not one has worked since.
        reason: Why the last one failed.
    """

    since: datetime
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSnapshot:
    """What one pass knows. Times are timezone-aware UTC.

    Attributes:
        now: The moment of the snapshot; the planner reads no clock.
        pods: All pods of the pool, from a LIST made after the pool was read, in any order.
        reserved: Ordinals in `status.reserved[]`: promised to a pod that may not have been seen yet.
        last_ordinal: `status.lastOrdinal`, the highest ordinal ever reserved.
        rows: Runner rows marked as this pool's, listed *before* the pods; None if the server could not be asked.
        last_job_seen: By pod name: the last look that found a job on it, or the first after that which found none.
        template_hash: What `RunnerPod.template_hash` would be of a pod made now; "" if that cannot be told, as
            its CA bundle cannot be read: then no pod is outdated, and none is made.
        build_hash: The same for `RunnerPod.build_hash`.
        facts: What the server can do; None if it was not asked yet.
        removals_failing: The server refuses to remove the last rows; None while it does not, or pods are at work yet.
        collided: Reserved ordinals whose pod's name somebody else's pod bears: to be released, never to be used.
        create_not_before: Back-off after refused creations: no pod is reserved before this moment; None = at once.
        failures: Why pods have failed of late, and how often in a row.
        known_since: Since when the queue has been known without a break; None while it is not.
        set_aside: UUIDs of pending jobs that more than one runner let lie: no sign of deafness any more.
        edited: Names of pods whose image somebody else has changed.
        breaker_replaced: When a pod was last replaced although most of the pool looked sick; None if never.
        observed_since: When this operator process began to watch; no slot counts as idle for longer than that.
    """

    now: datetime
    pool: Pool
    queue: QueueReading
    pods: tuple[RunnerPod, ...]
    reserved: tuple[int, ...] = ()
    last_ordinal: int = 0
    rows: tuple[RunnerRow, ...] | None = None
    removals_failing: RemovalsFailing | None = None
    last_job_seen: Mapping[str, datetime] = field(default_factory=dict)
    template_hash: str = ""
    build_hash: str = ""
    facts: ServerFacts | None = None
    collided: tuple[int, ...] = ()
    create_not_before: datetime | None = None
    failures: tuple[Failure, ...] = ()
    known_since: datetime | None = None
    set_aside: AbstractSet[str] = frozenset()
    edited: AbstractSet[str] = frozenset()
    breaker_replaced: datetime | None = None
    observed_since: datetime

    @property
    def held_back_until(self) -> datetime | None:
        """No pod is made before this moment, as others were refused, or failed; None = at once."""
        moments = (self.create_not_before, not_before(self.failures, self.pool.uid))
        return max((moment for moment in moments if moment is not None and moment > self.now), default=None)
