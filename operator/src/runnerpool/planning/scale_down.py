"""Which pods go, when there are more than the target needs.

One rule: a pod is drained when its slots have been idle for `idleSeconds` and the target can do without it. Gated pods
go at once. Only a cap that was lowered below what is there touches busy pods, and then the order is to finish what they
hold: otherwise they would take job after job above the cap, for as long as there is work.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from runnerpool.api.names import DRAIN_ORDER
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.idle import idle_since
from runnerpool.planning.part import Part
from runnerpool.planning.plan import Discard, Drain
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Who goes. `waiting`: idle pods that would go too, once they have been idle for long enough."""

    gated: list[RunnerPod]
    idle: list[RunnerPod]
    above_cap: list[RunnerPod]
    waiting: list[RunnerPod]


def scale_down(snapshot: PoolSnapshot, census: Census, desired: int) -> Part:
    """Let go of the pods that `desired` can do without. While the queue is unknown, nobody is known to be idle."""
    surplus = len(census.takers) - desired
    if surplus <= 0 or isinstance(snapshot.queue, QueueUnknown):
        return Part()
    choice = _choose(snapshot, census, surplus)
    watched = f"{snapshot.pool.spec.scaling.idle_seconds} s"
    return Part(
        steps=(
            *(let_go(pod, Reason.SCALE_DOWN, "it is no longer needed") for pod in choice.gated),
            *(let_go(pod, Reason.SCALE_DOWN, f"it has been idle for {watched} or more") for pod in choice.idle),
            *(let_go(pod, Reason.AT_CAP, "there are more pods than maxReplicas") for pod in choice.above_cap),
        ),
        due=tuple(_ripe_at(pod, snapshot) for pod in choice.waiting),
    )


def let_go(pod: RunnerPod, reason: Reason, why: str, *, order: str = DRAIN_ORDER) -> Drain | Discard:
    """The gentlest step that ends a pod: one that never ran could not even read an order."""
    if pod.never_ran:
        return Discard(pod=pod.name, uid=pod.uid, reason=reason, message=f"pod {pod.name} is thrown away: {why}")
    message = f"pod {pod.name} is told to {order}: {why}"
    return Drain(pod=pod.name, uid=pod.uid, order=order, reason=reason, message=message)


def _choose(snapshot: PoolSnapshot, census: Census, surplus: int) -> _Choice:
    gated = list(census.gated[:surplus])
    surplus -= len(gated)
    ranked = sorted(census.ungated, key=_rank(census))
    idle = [pod for pod in ranked if pod.name not in census.busy]
    ripe = [pod for pod in idle if _ripe_at(pod, snapshot) <= snapshot.now][:surplus]
    others = [pod for pod in idle if pod not in ripe] + [pod for pod in ranked if pod.name in census.busy]
    excess = len(census.takers) - len(gated) - len(ripe) - snapshot.pool.spec.scaling.max_replicas
    above_cap = others[: max(0, excess)]
    surplus -= len(ripe) + len(above_cap)
    waiting = [pod for pod in idle if pod not in ripe and pod not in above_cap] if surplus else []
    return _Choice(gated=gated, idle=ripe, above_cap=above_cap, waiting=waiting)


def _ripe_at(pod: RunnerPod, snapshot: PoolSnapshot) -> datetime:
    return idle_since(pod, snapshot) + timedelta(seconds=snapshot.pool.spec.scaling.idle_seconds)


def _rank(census: Census) -> Callable[[RunnerPod], tuple[int, int, str, str]]:
    """Unready first; then those on the emptiest nodes, so that nodes come free; then by name."""
    load = Counter(pod.node for pod in census.unfinished)

    def rank(pod: RunnerPod) -> tuple[int, int, str, str]:
        usefulness = 0 if pod.never_ran else 1 if pod.stage is PodStage.STARTING else 2
        return (usefulness, load[pod.node], pod.node, pod.name)

    return rank
