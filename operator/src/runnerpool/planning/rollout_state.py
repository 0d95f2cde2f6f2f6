"""What a rollout does or waits for, for status and conditions."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from runnerpool.api.counting import counted
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.generations import Generations, generations
from runnerpool.planning.plan import RolloutPhase, RolloutState
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.snapshot import PoolSnapshot, RunnerPod

FIRST_POD_PATIENCE = timedelta(seconds=120)
"""How long the first pod of changed settings may take to become ready, until the rollout is called stalled."""


def rollout_state(
    snapshot: PoolSnapshot, census: Census, desired: int, *, still: str | None = None
) -> RolloutState | None:
    """How the rollout stands; None if there is none.

    Args:
        snapshot: What is known.
        census: Who counts now.
        desired: The target.
        still: Why nothing moves in this pool; None if it may.
    """
    kinds = generations(snapshot, census)
    unknown = isinstance(snapshot.queue, QueueUnknown)
    if still or unknown:
        return _paused(kinds, still)
    if kinds.unproven and desired:
        return _first_pod(snapshot, census, kinds)
    if kinds.replaceable:
        return _state(RolloutPhase.REPLACING, _replacing(kinds))
    if kinds.outdated:
        message = f"{counted(len(kinds.outdated), 'pod', 'wait')} for the end of live streams, to be replaced then"
        return _state(RolloutPhase.HELD_BY_LIVE, message)
    return None


def state_due(snapshot: PoolSnapshot, census: Census, state: RolloutState | None) -> tuple[datetime, ...]:
    """When the wait for a first pod becomes a stall, or a back-off that stalls it ends."""
    if state is None or state.phase is not RolloutPhase.FIRST_POD:
        return ()
    kinds = generations(snapshot, census)
    due = [pod.created + FIRST_POD_PATIENCE for pod in kinds.present]
    if snapshot.held_back_until is not None and not _suspects(snapshot, census, kinds):
        due.append(snapshot.held_back_until)
    return tuple(due)


def _paused(kinds: Generations, still: str | None) -> RolloutState | None:
    """An unknown queue is told elsewhere, and is nothing to warn of each time that the operator starts."""
    if not kinds.outdated:
        return None
    why = still or "the queue is unknown"
    message = f"{counted(len(kinds.outdated), 'pod', 'wait')} to be replaced, of earlier settings: {why}"
    return _state(RolloutPhase.PAUSED, message, stalled=still is not None)


def _first_pod(snapshot: PoolSnapshot, census: Census, kinds: Generations) -> RolloutState:
    at_work = counted(len(kinds.outdated), "pod", "stay")
    suspects = _suspects(snapshot, census, kinds)
    if not suspects and snapshot.held_back_until is None:
        message = f"{at_work} at work until the first pod of the present settings is ready"
        return _state(RolloutPhase.FIRST_POD, message)
    where = f"; see pod {', '.join(_told(suspects))}" if suspects else ""
    message = f"{at_work} at work, as no pod of the present settings becomes ready: correct the pool's settings{where}"
    return _state(RolloutPhase.FIRST_POD, message, stalled=True)


def _suspects(snapshot: PoolSnapshot, census: Census, kinds: Generations) -> list[RunnerPod]:
    """Pods of the present settings that failed, cannot start, or should be ready by now."""
    failed = [pod for pod in census.pods if pod.failed and pod.template_hash == snapshot.template_hash]
    late = [pod for pod in kinds.present if pod.stuck or pod.created + FIRST_POD_PATIENCE <= snapshot.now]
    return failed + late


def _told(suspects: Iterable[RunnerPod]) -> Iterator[str]:
    return (f"{pod.name} ({pod.stuck})" if pod.stuck else pod.name for pod in suspects)


def _replacing(kinds: Generations) -> str:
    if kinds.outdated:
        return f"{counted(len(kinds.outdated), 'pod', 'are')} still to be replaced, of earlier settings"
    return f"{counted(len(kinds.replaceable), 'pod', 'are')} still to be replaced, idle ones of an earlier build"


def _state(phase: RolloutPhase, message: str, *, stalled: bool = False) -> RolloutState:
    return RolloutState(phase=phase, reason=Reason.ROLLOUT_STALLED if stalled else Reason.ROLLING_OUT, message=message)
