"""Each pod's way through its one life, and what it leaves behind. Rules that hold whatever the number of pods."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from runnerpool.api.names import ABORT_ORDER, DRAIN_ORDER, pod_ordinal
from runnerpool.api.pool import LostPods
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.letting_go import let_go
from runnerpool.planning.part import Part, join
from runnerpool.planning.plan import Complete, Drain, ForceDelete, ReleaseReserved, Remove, Step, Stop, Unregister
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod

GATE_DEADLINE = timedelta(seconds=60)
"""How long a pod may wait for its registration; then it is thrown away and made anew under another name."""
ABORT_PATIENCE = timedelta(seconds=120)
"""How long handing jobs back may take; the agent gives its runner 15 s. Who takes longer hears no order any more."""
FAILED_KEPT = 2
"""Pods that failed last are kept for their logs."""
FAILED_KEPT_FOR = timedelta(hours=1)


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
    """Pods that drain: stamp orders given by hand, abort what takes too long, end what can't obey."""
    return join(_follow(snapshot, pod) for pod in pods if not pod.may_take_work)


def _follow(snapshot: PoolSnapshot, pod: RunnerPod) -> Part:
    lifecycle = snapshot.pool.spec.lifecycle
    if pod.lost_since is not None and lifecycle.lost_pods is LostPods.FORCE_DELETE:
        moment = pod.lost_since + timedelta(seconds=lifecycle.unready_tolerance_seconds)
        return _when(snapshot, moment, _force_delete(pod))
    if pod.drain_order is None or pod.deleting:
        return Part()
    if pod.never_ran:
        return Part(steps=(let_go(pod, Reason.DRAIN_ORDERED, "it was told to drain before it ran"),))
    if pod.drain_since is None:
        why = "somebody ordered it without saying when, so its time runs from now"
        order = ABORT_ORDER if pod.drain_order == ABORT_ORDER else DRAIN_ORDER
        reason = Reason(pod.drain_reason) if pod.given_up else Reason.DRAIN_ORDERED
        return Part(steps=(let_go(pod, reason, why, order=order),))
    if pod.drain_order == ABORT_ORDER:
        return _when(snapshot, pod.drain_since + ABORT_PATIENCE, _stop(pod))
    patience = timedelta(seconds=lifecycle.drain_timeout_seconds)
    return _when(snapshot, pod.drain_since + patience, _abort(pod, patience))


def _when(snapshot: PoolSnapshot, moment: datetime, step: Step) -> Part:
    return Part(steps=(step,)) if moment <= snapshot.now else Part(due=(moment,))


def _abort(pod: RunnerPod, patience: timedelta) -> Drain:
    message = f"pod {pod.name} hands its jobs back: it has not drained within {patience.total_seconds():.0f} s"
    return Drain(pod=pod.name, uid=pod.uid, order=ABORT_ORDER, reason=Reason.DRAIN_TIMEOUT, message=message)


def _force_delete(pod: RunnerPod) -> ForceDelete:
    message = f"pod {pod.name} is deleted by force, as its node answers no more and lifecycle.lostPods is ForceDelete"
    return ForceDelete(pod=pod.name, uid=pod.uid, reason=Reason.NODE_LOST, message=message)


def _stop(pod: RunnerPod) -> Stop:
    """The one case in which a pod is deleted that may be alive: it had its time, and handed nothing back."""
    message = f"pod {pod.name} is deleted: it has not handed its jobs back within {ABORT_PATIENCE.seconds} s"
    return Stop(pod=pod.name, uid=pod.uid, reason=Reason.ABORT_IGNORED, message=message)


def remove_ended(snapshot: PoolSnapshot, census: Census) -> Part:
    """Unregister and delete pods that have ended; of those that failed, the last two stay for an hour, unregistered."""
    ended = [pod for pod in census.pods if pod.stage is PodStage.ENDED]
    kept = _kept_for_logs(snapshot, ended)
    gone = tuple(_remove(pod) for pod in ended if pod not in kept)
    runners = {row.name: row.id for row in snapshot.rows or ()}
    unregistered = tuple(_unregister(pod, runners[pod.name]) for pod in kept if pod.name in runners)
    return Part(steps=(*gone, *unregistered), due=tuple(_last_seen(pod) + FAILED_KEPT_FOR for pod in kept))


def remove_all_ended(census: Census) -> Part:
    """The same, and nothing is kept."""
    return Part(steps=tuple(_remove(pod) for pod in census.pods if pod.stage is PodStage.ENDED))


def _kept_for_logs(snapshot: PoolSnapshot, ended: Iterable[RunnerPod]) -> list[RunnerPod]:
    failed = sorted((pod for pod in ended if pod.failed and not pod.deleting), key=_last_seen, reverse=True)
    return [pod for pod in failed[:FAILED_KEPT] if snapshot.now - _last_seen(pod) < FAILED_KEPT_FOR]


def _last_seen(pod: RunnerPod) -> datetime:
    return pod.ended_at or pod.created


def _unregister(pod: RunnerPod, row_id: int) -> Unregister:
    message = f"runner {pod.name} is unregistered: its pod has failed, and stays for its log"
    return Unregister(row_id=row_id, runner=pod.name, reason=_why_failed(pod), message=message)


def _why_failed(pod: RunnerPod) -> Reason:
    return pod.failure.reason if pod.failure is not None else Reason.DRAIN_CUT


def _remove(pod: RunnerPod) -> Remove:
    if pod.succeeded and not pod.failed:
        return Remove(
            pod=pod.name, uid=pod.uid, reason=Reason.DRAINED, message=f"pod {pod.name} has drained and is removed"
        )
    reason, what = (
        (_why_failed(pod), "has failed") if pod.failed else (Reason.DRAIN_CUT, "was told to go before its jobs ended")
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
