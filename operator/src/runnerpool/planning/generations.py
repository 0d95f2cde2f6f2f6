"""Which pods were made from the present settings, which from earlier ones, and which of those may be replaced now."""

from dataclasses import dataclass

from runnerpool.api.job_types import JobType
from runnerpool.planning.census import Census
from runnerpool.planning.queue import QueueKnown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod


@dataclass(frozen=True, slots=True, kw_only=True)
class Generations:
    """The pods that may take work, by what they were made from.

    Attributes:
        fresh: As a pod made now would be.
        superseded: Of the present settings, but built by another release of the operator.
        outdated: Of other settings, or changed by somebody else since they were made.
        replaceable: Those outdated ones that hold no live stream, and those superseded ones that are idle. Nobody while
            the queue is unknown, since nobody is known to be idle.
        unproven: There are outdated pods, and nothing shows yet that a pod of the present settings becomes ready.
    """

    fresh: tuple[RunnerPod, ...]
    superseded: tuple[RunnerPod, ...]
    outdated: tuple[RunnerPod, ...]
    replaceable: tuple[RunnerPod, ...]
    unproven: bool

    @property
    def present(self) -> tuple[RunnerPod, ...]:
        """Those of the present settings, whoever built them."""
        return (*self.fresh, *self.superseded)

    @property
    def old(self) -> int:
        """How many are not as a pod made now would be."""
        return len(self.superseded) + len(self.outdated)


def generations(snapshot: PoolSnapshot, census: Census) -> Generations:
    """Sort the pods that may take work. While the present template can't be told, all count as fresh."""
    template, takers = snapshot.template_hash, census.takers
    outdated = tuple(
        pod for pod in takers if template and (pod.template_hash != template or pod.name in snapshot.edited)
    )
    names = {pod.name for pod in outdated}
    others = [pod for pod in takers if pod.name not in names]
    superseded = tuple(pod for pod in others if template and pod.build_hash != snapshot.build_hash)
    left = names | {pod.name for pod in superseded}
    present = [pod for pod in census.pods if pod.template_hash == template and pod.name not in snapshot.edited]
    return Generations(
        fresh=tuple(pod for pod in others if pod.name not in left),
        superseded=superseded,
        outdated=outdated,
        replaceable=_replaceable(snapshot, census, outdated, superseded),
        unproven=bool(outdated) and not any(_is_proof(pod) for pod in present),
    )


def surge_in_use(snapshot: PoolSnapshot, kinds: Generations) -> int:
    """Fresh pods that a rollout made besides old ones, which stay until they are replaced."""
    return min(snapshot.pool.spec.rollout.max_surge, len(kinds.fresh), kinds.old)


def spare(snapshot: PoolSnapshot, census: Census, desired: int) -> int:
    """Ready pods that may go: what stays is the target less `maxUnavailable`, whoever else is not ready."""
    ready = sum(pod.stage is PodStage.READY for pod in census.takers)
    return max(0, ready - (desired - snapshot.pool.spec.rollout.max_unavailable))


def _is_proof(pod: RunnerPod) -> bool:
    if pod.stage is PodStage.ENDED:
        return pod.succeeded
    return pod.stage is PodStage.READY and pod.may_take_work


def _replaceable(
    snapshot: PoolSnapshot, census: Census, outdated: tuple[RunnerPod, ...], superseded: tuple[RunnerPod, ...]
) -> tuple[RunnerPod, ...]:
    """A live stream that is cut is lost; the pods of a pool for them wait until they are idle."""
    if not isinstance(snapshot.queue, QueueKnown):
        return ()
    live = JobType.LIVE in snapshot.pool.spec.job_types
    if_idle = (*outdated, *superseded) if live else superseded
    at_any_time = () if live else outdated
    return (*at_any_time, *(pod for pod in if_idle if pod.name not in census.busy))
