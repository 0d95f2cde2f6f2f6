"""Each pod's way through its one life, and what it leaves behind. Rules that hold whatever the number of pods."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from runnerpool.api.names import ABORT_ORDER, DRAIN_ORDER, pod_ordinal
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Complete, Drain, ReleaseReserved, Remove, Step, Unregister
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.scale_down import let_go
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod

GATE_DEADLINE = timedelta(seconds=60)
"""How long a pod may wait for its registration; then it is thrown away and made anew under another name."""


def overdue(snapshot: PoolSnapshot, census: Census) -> tuple[RunnerPod, ...]:
    """Gated pods past their deadline. None while the queue is unknown: the server is away, and not for one pod only."""
    if isinstance(snapshot.queue, QueueUnknown):
        return ()
    return tuple(pod for pod in census.gated if pod.created + GATE_DEADLINE <= snapshot.now)


def discard_overdue(pods: Iterable[RunnerPod]) -> Part:
    """Throw away what was not registered in time."""
    why = f"its runner was not registered within {GATE_DEADLINE.seconds} s"
    return Part(steps=tuple(let_go(pod, Reason.REGISTRATION_OVERDUE, why) for pod in pods))


def complete_gated(snapshot: PoolSnapshot, pods: Iterable[RunnerPod]) -> Part:
    """Register these gated pods and let them go to work."""
    pods = tuple(pods)
    steps = (
        Complete(
            pod=pod.name,
            uid=pod.uid,
            reason=Reason.GATED,
            message=f"pod {pod.name} is gated: its runner is registered and its gate taken off",
        )
        for pod in pods
    )
    known = not isinstance(snapshot.queue, QueueUnknown)
    return Part(steps=tuple(steps), due=tuple(pod.created + GATE_DEADLINE for pod in pods if known))


def follow_drains(snapshot: PoolSnapshot, pods: Iterable[RunnerPod]) -> Part:
    """Pods that drain: stamp orders given by hand, abort what takes too long, discard what can't obey."""
    steps: list[Step] = []
    due: list[datetime] = []
    patience = timedelta(seconds=snapshot.pool.spec.lifecycle.drain_timeout_seconds)
    for pod in pods:
        if pod.drain_order is None or pod.deleting:
            continue
        if pod.never_ran:
            steps.append(let_go(pod, Reason.DRAIN_ORDERED, "it was told to drain before it ran"))
        elif pod.drain_order == ABORT_ORDER:
            continue
        elif pod.drain_since is None:
            why = "somebody ordered it without saying when, so its time runs from now"
            steps.append(let_go(pod, Reason.DRAIN_ORDERED, why, order=DRAIN_ORDER))
        elif pod.drain_since + patience <= snapshot.now:
            steps.append(_abort(pod, patience))
        else:
            due.append(pod.drain_since + patience)
    return Part(steps=tuple(steps), due=tuple(due))


def _abort(pod: RunnerPod, patience: timedelta) -> Drain:
    message = f"pod {pod.name} hands its jobs back: it has not drained within {patience.total_seconds():.0f} s"
    return Drain(pod=pod.name, uid=pod.uid, order=ABORT_ORDER, reason=Reason.DRAIN_TIMEOUT, message=message)


def remove_ended(census: Census) -> Part:
    """Unregister and delete pods that have ended."""
    return Part(steps=tuple(_remove(pod) for pod in census.pods if pod.stage is PodStage.ENDED))


def _remove(pod: RunnerPod) -> Remove:
    if pod.succeeded:
        return Remove(
            pod=pod.name, uid=pod.uid, reason=Reason.DRAINED, message=f"pod {pod.name} has drained and is removed"
        )
    reason, what = (
        (Reason.POD_FAILED, "has failed") if pod.failed else (Reason.DRAIN_CUT, "was told to go before its jobs ended")
    )
    message = f"pod {pod.name} {what} ({pod.end or 'nobody told how it ended'}) and is removed"
    return Remove(pod=pod.name, uid=pod.uid, reason=reason, message=message)


def release_reserved(ordinals: Iterable[int], why: str, reason: Reason = Reason.POD_SEEN) -> Part:
    """Take ordinals out of `status.reserved[]`."""
    ordinals = tuple(ordinals)
    if not ordinals:
        return Part()
    message = f"reserved ordinals {', '.join(map(str, ordinals))} are released: {why}"
    return Part(steps=(ReleaseReserved(ordinals=ordinals, reason=reason, message=message),))


def release_collided(census: Census) -> Part:
    """Give up ordinals whose names somebody else has taken. The next ordinals are above them."""
    return release_reserved(census.collided, "somebody else's pods bear their names", Reason.NAME_COLLISION)


def unregister_ghosts(snapshot: PoolSnapshot, promised: Iterable[int]) -> Part:
    """Remove rows whose pod is not in the list, which was made after the rows were read.

    A row of an ordinal whose pod is about to be created anew is left alone: its registration will replace it.
    """
    pool, spoken_for = snapshot.pool, set(promised)
    pods = {pod.name for pod in snapshot.pods}
    ghosts = sorted(
        (row.name, row.id)
        for row in snapshot.rows or ()
        if row.name not in pods and pod_ordinal(row.name, pool.name, pool.uid) not in spoken_for
    )
    return Part(
        steps=tuple(
            Unregister(row_id=row_id, runner=name, reason=Reason.GHOST, message=f"runner {name} has no pod any more")
            for name, row_id in dict.fromkeys(ghosts)
        )
    )
