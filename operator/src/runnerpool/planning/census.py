"""Who counts: one partition of a pool's pods, used by every rule."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """The pool's pods, sorted by name, so that the order of the LIST decides nothing.

    Attributes:
        takers: Pods that may take work: what cap and demand count.
        unfinished: Pods whose container runs, or may still run.
        promised: Reserved ordinals that no pod bears yet. Each counts as a pod: somebody may be creating it now.
        seen: Reserved ordinals whose pod is there.
        collided: Reserved ordinals whose pod's name somebody else's pod bears.
        busy: Names of the unfinished pods that hold a job.
        held: Jobs that the takers hold.
        at_risk: Jobs in the hands of pods that were given up as sick: they may come back to the queue any moment.
    """

    pods: tuple[RunnerPod, ...]
    takers: tuple[RunnerPod, ...]
    unfinished: tuple[RunnerPod, ...]
    promised: tuple[int, ...]
    seen: tuple[int, ...]
    collided: tuple[int, ...]
    busy: tuple[str, ...]
    held: int
    at_risk: int

    @property
    def supply(self) -> int:
        """Pods that may take work, now or as soon as they are there."""
        return len(self.takers) + len(self.promised)

    @property
    def coming(self) -> int:
        """Takers whose agent is not up yet, and promises."""
        return len(self.promised) + sum(pod.coming_up for pod in self.takers)

    @property
    def gated(self) -> tuple[RunnerPod, ...]:
        """Takers that are not registered yet."""
        return tuple(pod for pod in self.takers if pod.stage is PodStage.GATED)

    @property
    def ungated(self) -> tuple[RunnerPod, ...]:
        """Takers that a runner may be at work in."""
        return tuple(pod for pod in self.takers if pod.stage is not PodStage.GATED)

    def without(self, names: Collection[str]) -> "Census":
        """The same once these pods take no more work. They are unfinished still."""
        return replace(self, takers=tuple(pod for pod in self.takers if pod.name not in names))


def take_census(snapshot: PoolSnapshot) -> Census:
    """Partition the pods of a snapshot."""
    pods = tuple(sorted(snapshot.pods, key=lambda pod: (pod.name, pod.uid)))
    takers = tuple(pod for pod in pods if pod.may_take_work)
    unfinished = tuple(pod for pod in pods if pod.unfinished)
    ordinals = {pod.ordinal for pod in pods}
    reserved = set(snapshot.reserved)
    collided = (reserved & set(snapshot.collided)) - ordinals
    held = snapshot.queue.held
    return Census(
        pods=pods,
        takers=takers,
        unfinished=unfinished,
        promised=tuple(sorted(reserved - ordinals - collided)),
        seen=tuple(sorted(reserved & ordinals)),
        collided=tuple(sorted(collided)),
        busy=tuple(pod.name for pod in unfinished if held.get(pod.name, 0)),
        held=sum(held.get(pod.name, 0) for pod in takers),
        at_risk=sum(held.get(pod.name, 0) for pod in unfinished if pod.given_up and not pod.may_take_work),
    )
