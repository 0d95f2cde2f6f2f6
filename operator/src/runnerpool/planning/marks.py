"""Marks for node autoscalers: whether a pod may be moved to another node."""

from collections.abc import Collection

from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Mark
from runnerpool.planning.queue import QueueKnown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod


def mark_pods(snapshot: PoolSnapshot, census: Census, *, named: Collection[str]) -> Part:
    """Correct the marks that are not right.

    Args:
        snapshot: What is known.
        census: The pool's pods.
        named: Names of pods that other steps deal with in this pass; they are marked in a later one.
    """
    steps = []
    for pod in census.unfinished:
        if pod.stage is PodStage.GATED or pod.deleting or pod.name in named:
            continue
        evictable = _evictable(snapshot, census, pod)
        if evictable is not pod.evictable:
            steps.append(_mark(pod, evictable=bool(evictable)))
    return Part(steps=tuple(steps))


def _evictable(snapshot: PoolSnapshot, census: Census, pod: RunnerPod) -> bool | None:
    """What its marks should say; what they say already, if that may stay.

    A pod is said to be movable only if it is known to be idle. While the queue is unknown, one that was idle when last
    seen is not written to: a moment's silence of the server is not worth two writes a pod.
    """
    known, busy = isinstance(snapshot.queue, QueueKnown), pod.name in census.busy
    if pod.stage is PodStage.READY and pod.may_take_work and not busy:
        return known or pod.evictable or False
    drains_idle = known and not pod.may_take_work and not busy
    return pod.evictable if drains_idle else False


def _mark(pod: RunnerPod, *, evictable: bool) -> Mark:
    what = "idle and may be moved to another node" if evictable else "not idle and must not be moved to another node"
    message = f"pod {pod.name} is {what}"
    return Mark(pod=pod.name, uid=pod.uid, evictable=evictable, reason=Reason.AUTOSCALER_MARK, message=message)
