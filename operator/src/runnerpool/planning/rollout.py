"""Pods of earlier settings give way to new ones, within `maxSurge` and `maxUnavailable`.

First comes one pod of the present settings, and until one of those has been ready nobody who serves is told to go: a
rollout that fails to start stops there, with the old pods at work. The new pods themselves are made by scale-up.
"""

from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.generations import generations, spare
from runnerpool.planning.letting_go import let_go
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Discard, Drain
from runnerpool.planning.rank import by_rank
from runnerpool.planning.scale_up import creation_cap, may_create
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod


def replace_old(snapshot: PoolSnapshot, census: Census, desired: int) -> Part:
    """Let go of the pods that the rollout can do without now.

    Args:
        snapshot: What is known.
        census: Who counts when the pods that other rules give up are gone.
        desired: The target.
    """
    kinds = generations(snapshot, census)
    if not kinds.replaceable or not may_create(snapshot):
        return Part()
    ranked = by_rank(census, kinds.replaceable)
    never_ran = [pod for pod in ranked if pod.never_ran]
    unready = [pod for pod in ranked if pod.stage is PodStage.STARTING and not pod.never_ran]
    ready = _idle_first(census, [pod for pod in ranked if pod.stage is PodStage.READY])
    serving = [*unready, *ready[: spare(snapshot, census, desired)]]
    if kinds.unproven:
        left = census.without({pod.name for pod in never_ran})
        serving = serving[:1] if _first_needs_room(snapshot, left, desired) else []
    superseded = {pod.name for pod in kinds.superseded}
    return Part(steps=tuple(_give_way(pod, upgrade=pod.name in superseded) for pod in (*never_ran, *serving)))


def _idle_first(census: Census, pods: list[RunnerPod]) -> list[RunnerPod]:
    return sorted(pods, key=lambda pod: pod.name in census.busy)


def _first_needs_room(snapshot: PoolSnapshot, census: Census, desired: int) -> bool:
    """The pod that is to prove the present settings is not there, and could not be made for want of room alone."""
    kinds = generations(snapshot, census)
    if kinds.present or snapshot.held_back_until is not None or not desired:
        return False
    room = creation_cap(snapshot, kinds) if census.promised else desired + snapshot.pool.spec.rollout.max_surge
    return len(census.takers) >= room


def _give_way(pod: RunnerPod, *, upgrade: bool) -> Drain | Discard:
    if upgrade:
        return let_go(pod, Reason.UPGRADE, "it is idle, and an earlier release of the operator made it")
    return let_go(pod, Reason.ROLLOUT, "it was made from earlier settings")
