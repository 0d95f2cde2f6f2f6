"""What keeps the number of pods below the target, where only the planner knows it."""

from runnerpool.api.counting import counted
from runnerpool.api.failure_causes import REMEDIES
from runnerpool.api.names import ABORT_ORDER, ANNOTATION_DRAIN
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import Census
from runnerpool.planning.failures import in_a_row
from runnerpool.planning.generations import generations
from runnerpool.planning.plan import Shortage
from runnerpool.planning.scale_up import may_create, unfinished_room
from runnerpool.planning.snapshot import PoolSnapshot


def shortage(snapshot: PoolSnapshot, census: Census, desired: int) -> Shortage | None:
    """Why pods are missing still when the steps of this pass have worked; None if none are.

    Told otherwise, and not here: a server that was not asked yet, creations that are refused, a rollout that waits for
    its first pod, and pods that no node has room for.
    """
    if len(census.takers) >= desired or not may_create(snapshot):
        return None
    return _after_failures(snapshot, census, desired) or _while_others_drain(snapshot, census, desired)


def _after_failures(snapshot: PoolSnapshot, census: Census, desired: int) -> Shortage | None:
    """One try at a time, which the back-off holds up."""
    rows = in_a_row(snapshot.failures)
    at_once = snapshot.held_back_until is None and desired - census.supply <= 1 - census.coming
    if not rows or at_once:
        return None
    row = max(rows, key=lambda failure: failure.last)
    message = (
        f"more pods are needed, but new ones are made one at a time, at growing intervals: {row.cause}, {row.count} in "
        f"a row; {REMEDIES[row.cause]}"
    )
    return Shortage(reason=row.cause.reason, message=message)


def _while_others_drain(snapshot: PoolSnapshot, census: Census, desired: int) -> Shortage | None:
    room = unfinished_room(snapshot, census, generations(snapshot, census))
    if desired - census.supply <= max(0, room):
        return None
    draining = len(census.unfinished) - len(census.takers)
    message = (
        f"more pods are needed, but {counted(draining, 'pod', 'are')} draining, and all that have not ended may be no "
        "more than twice maxReplicas: others are made as those end; let one hand its jobs back by the annotation "
        f"{ANNOTATION_DRAIN}={ABORT_ORDER}, set lifecycle.lostPods to ForceDelete if its node is lost, or raise "
        "maxReplicas"
    )
    return Shortage(reason=Reason.AT_CAP, message=message)
