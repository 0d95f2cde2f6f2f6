"""Which pods that are still there look sick, by what, and since when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from runnerpool.api.failure_causes import FailureCause
from runnerpool.planning.census import Census
from runnerpool.planning.idle import idle_since
from runnerpool.planning.queue import QueueKnown, QueueUnknown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod

HICCUP = timedelta(seconds=10)
"""Not ready for no longer than this is no sign of anything."""
NOTICED_AFTER = timedelta(seconds=30)
"""Until every pod must have noticed that its server is back: a ping that hangs, the next one, a probe, a status."""
UNSCHEDULABLE_PATIENCE = timedelta(minutes=2)
"""What a node autoscaler may take to bring a node, without anybody being told."""
IMAGE_TROUBLE = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
"""The kubelet's words (pkg/kubelet/images/types.go)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sick:
    """A pod that looks sick.

    Attributes:
        shows_at: From when on it looks sick; before that it is only watched.
        ripe_at: From when on it is to be replaced.
        over: UUID of the job that it lets lie; "" unless it looks deaf.
    """

    pod: RunnerPod
    cause: FailureCause
    shows_at: datetime
    ripe_at: datetime
    over: str = ""

    def shows(self, now: datetime) -> bool:
        """It looks sick by now."""
        return self.shows_at <= now


def sick_pods(snapshot: PoolSnapshot, census: Census) -> tuple[Sick, ...]:
    """Those that may take work and look sick, or will if nothing changes, in the order of their names.

    While the queue is unknown, nobody is judged by whether the server can be reached: it may be away for all.
    """
    deaf = {sick.pod.name: sick for sick in _deaf(snapshot, census)}
    found = (_sick(snapshot, pod) or deaf.get(pod.name) for pod in census.takers)
    return tuple(sick for sick in found if sick is not None)


def _sick(snapshot: PoolSnapshot, pod: RunnerPod) -> Sick | None:
    lifecycle = snapshot.pool.spec.lifecycle
    tolerance = timedelta(seconds=lifecycle.unready_tolerance_seconds)
    if pod.stage is PodStage.STARTING and not pod.started and pod.lost_since is None:
        return _late(pod, timedelta(seconds=lifecycle.startup_deadline_seconds))
    if pod.lost_since is not None:
        return Sick(pod=pod, cause=FailureCause.NODE_LOST, shows_at=pod.lost_since, ripe_at=pod.lost_since + tolerance)
    if pod.unready_since is None or snapshot.known_since is None or isinstance(snapshot.queue, QueueUnknown):
        return None
    # A server that was away for all makes all unready, and is back for the operator sooner than for them.
    noticed = snapshot.known_since + max(tolerance, NOTICED_AFTER)
    shows_at = pod.unready_since + min(HICCUP, tolerance)
    return Sick(
        pod=pod, cause=FailureCause.UNREADY, shows_at=shows_at, ripe_at=max(pod.unready_since + tolerance, noticed)
    )


def _late(pod: RunnerPod, deadline: timedelta) -> Sick | None:
    """Pods without a node stay: they wait for room, and another one would wait as they do."""
    if pod.scheduled_since is None:
        return None
    ripe_at = pod.scheduled_since + deadline
    if pod.stuck in IMAGE_TROUBLE:
        return Sick(pod=pod, cause=FailureCause.IMAGE_PULL_FAILED, shows_at=pod.scheduled_since, ripe_at=ripe_at)
    if pod.stuck:
        return Sick(pod=pod, cause=FailureCause.STARTUP_FAILED, shows_at=pod.scheduled_since, ripe_at=ripe_at)
    return Sick(pod=pod, cause=FailureCause.STARTUP_FAILED, shows_at=ripe_at, ripe_at=ripe_at)


def _deaf(snapshot: PoolSnapshot, census: Census) -> Iterator[Sick]:
    """At most one a job: if its successor lets that job lie too, the job is the matter, and not the runner.

    Who was idle when the queue was read may have taken that job since: only what had lasted for long by then counts.
    """
    if isinstance(snapshot.queue, QueueUnknown):
        return
    jobs = sorted((moment, uuid) for uuid, moment in _lain(snapshot, snapshot.queue) if moment <= snapshot.queue.at)
    silent = [pod for pod, moment in _silent(snapshot, census) if moment <= snapshot.queue.at]
    for (moment, uuid), pod in zip(jobs, silent, strict=False):
        yield Sick(pod=pod, cause=FailureCause.RUNNER_DEAF, shows_at=moment, ripe_at=moment, over=uuid)


def _lain(snapshot: PoolSnapshot, queue: QueueKnown) -> Iterator[tuple[str, datetime]]:
    """Pending jobs, and from when on each has waited for too long."""
    tolerance = timedelta(seconds=snapshot.pool.spec.lifecycle.deaf_tolerance_seconds)
    return ((uuid, since + tolerance) for uuid, since in queue.pending_since.items() if uuid not in snapshot.set_aside)


def _silent(snapshot: PoolSnapshot, census: Census) -> list[tuple[RunnerPod, datetime]]:
    """Idle pods, and from when on they have been idle, and have not called, for too long."""
    tolerance = timedelta(seconds=snapshot.pool.spec.lifecycle.deaf_tolerance_seconds)
    contacts = {row.name: row.last_contact for row in snapshot.rows or ()}
    return [
        (pod, max(idle_since(pod, snapshot), contacts[pod.name] or pod.ready_since) + tolerance)
        for pod in census.takers
        if pod.ready_since is not None and pod.name not in census.busy and pod.name in contacts
    ]


def health_due(census: Census, sick: Iterable[Sick]) -> tuple[datetime, ...]:
    """The moments at which somebody may look sick, or is to be replaced, though nothing else changes.

    Who is deaf shows by a later reading alone.
    """
    waiting = (pod.created + UNSCHEDULABLE_PATIENCE for pod in census.takers if pod.unschedulable)
    watched = (moment for one in sick for moment in (one.shows_at, one.ripe_at))
    return (*watched, *waiting)


def stranded(snapshot: PoolSnapshot, census: Census) -> tuple[RunnerPod, ...]:
    """Pods that have waited for a node for so long that more of them would be no use."""
    return tuple(
        pod for pod in census.takers if pod.unschedulable and snapshot.now - pod.created >= UNSCHEDULABLE_PATIENCE
    )
