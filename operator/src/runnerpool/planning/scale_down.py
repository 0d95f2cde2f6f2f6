"""Which pods go, when there are more than the target needs.

One rule: a pod is drained when its slots have been idle for `idleSeconds` and the target can do without it. Gated pods
go at once, and so do idle ones of earlier settings, which would have to be replaced otherwise. Only a cap that was
lowered below what is there touches busy pods, and then the order is to finish what they hold: otherwise they would take
job after job above the cap, for as long as there is work.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.generations import Generations, generations, spare, surge_in_use
from runnerpool.planning.idle import idle_since
from runnerpool.planning.letting_go import let_go
from runnerpool.planning.part import Part
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.rank import by_rank
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Who goes. `waiting`: idle pods that would go too, once they have been idle for long enough."""

    old: list[RunnerPod]
    gated: list[RunnerPod]
    idle: list[RunnerPod]
    above_cap: list[RunnerPod]
    waiting: list[RunnerPod]


def scale_down(snapshot: PoolSnapshot, census: Census, desired: int) -> Part:
    """Let go of the pods that `desired` can do without. While the queue is unknown, nobody is known to be idle."""
    if isinstance(snapshot.queue, QueueUnknown):
        return Part()
    kinds = generations(snapshot, census)
    surplus = _surplus(snapshot, census, kinds, desired)
    if surplus <= 0:
        return Part()
    choice = _choose(snapshot, census, kinds, desired, surplus)
    watched = f"{snapshot.pool.spec.scaling.idle_seconds} s"
    return Part(
        steps=(
            *(let_go(pod, Reason.SCALE_DOWN, "it is not needed, and no longer up to date") for pod in choice.old),
            *(let_go(pod, Reason.SCALE_DOWN, "it is no longer needed") for pod in choice.gated),
            *(let_go(pod, Reason.SCALE_DOWN, f"it has been idle for {watched} or more") for pod in choice.idle),
            *(let_go(pod, Reason.AT_CAP, "there are more pods than maxReplicas") for pod in choice.above_cap),
        ),
        due=tuple(_ripe_at(pod, snapshot) for pod in choice.waiting),
    )


def _surplus(snapshot: PoolSnapshot, census: Census, kinds: Generations, desired: int) -> int:
    """How many the target can do without; of the surge, those that stand by for a pod that is wanted are no surplus."""
    standing_by = min(surge_in_use(snapshot, kinds), desired)
    return len(census.takers) - desired - standing_by


def _choose(snapshot: PoolSnapshot, census: Census, kinds: Generations, desired: int, surplus: int) -> _Choice:
    old = _old_ones(snapshot, census, kinds, desired)[:surplus]
    gated = list(_without(census.gated, old))[: surplus - len(old)]
    surplus -= len(old) + len(gated)
    ranked = by_rank(census, _without(census.ungated, old), sooner={pod.name for pod in kinds.replaceable})
    idle = [pod for pod in ranked if pod.name not in census.busy]
    ripe = [pod for pod in idle if _ripe_at(pod, snapshot) <= snapshot.now][:surplus]
    trying = _trying(kinds, [*old, *ripe])
    ripe = list(_without(ripe, trying))
    others = [*_without(idle, ripe), *(pod for pod in ranked if pod.name in census.busy)]
    most = snapshot.pool.spec.scaling.max_replicas + surge_in_use(snapshot, kinds)
    excess = len(census.takers) - len(old) - len(gated) - len(ripe) - most
    above_cap = others[: max(0, excess)]
    surplus -= len(ripe) + len(above_cap)
    waiting = list(_without(idle, [*ripe, *trying, *above_cap])) if surplus else []
    return _Choice(old=old, gated=gated, idle=ripe, above_cap=above_cap, waiting=waiting)


def _trying(kinds: Generations, going: list[RunnerPod]) -> Iterable[RunnerPod]:
    """Pods that are to prove the present settings are not idle as long as old ones stay whom they may replace."""
    stays = any(_without(kinds.outdated, going))
    return kinds.present if kinds.unproven and stays else ()


def _old_ones(snapshot: PoolSnapshot, census: Census, kinds: Generations, desired: int) -> list[RunnerPod]:
    """Idle pods that the rollout would replace need not wait, as far as others serve in their place.

    While nothing shows that the present settings work, those that serve could not be had back. Only where nobody has
    tried yet, and nobody is wanted, would they wait for a proof that never comes.
    """
    idle = by_rank(census, (pod for pod in kinds.replaceable if pod.name not in census.busy))
    unready = [pod for pod in idle if pod.stage is not PodStage.READY]
    tried = kinds.present or snapshot.failures or snapshot.held_back_until is not None
    if kinds.unproven and (desired or tried):
        return unready
    ready = [pod for pod in idle if pod.stage is PodStage.READY]
    return [*unready, *ready[: spare(snapshot, census, desired)]]


def _without(pods: Iterable[RunnerPod], others: Iterable[RunnerPod]) -> Iterable[RunnerPod]:
    names = {pod.name for pod in others}
    return (pod for pod in pods if pod.name not in names)


def _ripe_at(pod: RunnerPod, snapshot: PoolSnapshot) -> datetime:
    return idle_since(pod, snapshot) + timedelta(seconds=snapshot.pool.spec.scaling.idle_seconds)
