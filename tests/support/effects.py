"""What a plan's steps do to the world, as the planner promises itself: pure, step by step."""

from dataclasses import replace

from runnerpool.planning.plan import (
    Complete,
    Create,
    Discard,
    Drain,
    Plan,
    ReleaseReserved,
    Remove,
    RemoveFinalizer,
    Reserve,
    Step,
    Unregister,
)
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow
from support.builders import make_pod


def after(snapshot: PoolSnapshot, plan: Plan) -> PoolSnapshot:
    """The snapshot once every step of the plan has worked. Time stands still."""
    for step in plan.steps:
        snapshot = apply(snapshot, step)
    return snapshot


def apply(snapshot: PoolSnapshot, step: Step) -> PoolSnapshot:
    match step:
        case Reserve():
            changed = _reserve(snapshot, step.ordinals)
        case Create():
            changed = _create(snapshot, step.ordinal)
        case Complete():
            changed = _with_row(_changed(snapshot, step.pod, stage=PodStage.STARTING), step.pod)
        case Drain():
            changed = _changed(snapshot, step.pod, drain_order=step.order, drain_since=snapshot.now)
        case Discard() | Remove():
            changed = _without_rows(replace(snapshot, pods=_others(snapshot, step.pod)), name=step.pod)
        case Unregister():
            changed = _without_rows(snapshot, row_id=step.row_id)
        case ReleaseReserved():
            kept = tuple(ordinal for ordinal in snapshot.reserved if ordinal not in step.ordinals)
            changed = replace(snapshot, reserved=kept)
        case RemoveFinalizer():
            changed = replace(snapshot, pool=snapshot.pool.model_copy(update={"has_finalizer": False}))
    return changed


def _reserve(snapshot: PoolSnapshot, ordinals: tuple[int, ...]) -> PoolSnapshot:
    promised = replace(
        snapshot,
        reserved=(*snapshot.reserved, *ordinals),
        last_ordinal=max(snapshot.last_ordinal, *ordinals),
    )
    for ordinal in ordinals:
        promised = _create(promised, ordinal)
    return promised


def _create(snapshot: PoolSnapshot, ordinal: int) -> PoolSnapshot:
    pod = make_pod(ordinal, PodStage.GATED, created=snapshot.now)
    return replace(snapshot, pods=(*snapshot.pods, pod))


def _others(snapshot: PoolSnapshot, name: str) -> tuple[RunnerPod, ...]:
    return tuple(pod for pod in snapshot.pods if pod.name != name)


def _changed(snapshot: PoolSnapshot, name: str, **fields: object) -> PoolSnapshot:
    changed = tuple(replace(pod, **fields) if pod.name == name else pod for pod in snapshot.pods)  # type: ignore[arg-type]
    return replace(snapshot, pods=changed)


def _with_row(snapshot: PoolSnapshot, name: str) -> PoolSnapshot:
    if snapshot.rows is None or any(row.name == name for row in snapshot.rows):
        return snapshot
    return replace(snapshot, rows=(*snapshot.rows, RunnerRow(id=10**6 + len(snapshot.rows), name=name)))


def _without_rows(snapshot: PoolSnapshot, *, name: str | None = None, row_id: int | None = None) -> PoolSnapshot:
    if snapshot.rows is None:
        return snapshot
    return replace(snapshot, rows=tuple(row for row in snapshot.rows if row.name != name and row.id != row_id))
