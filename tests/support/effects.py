"""What a plan's steps do to the world, as the planner promises itself: pure, step by step."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from runnerpool.planning.plan import (
    Complete,
    Create,
    Discard,
    Drain,
    ForceDelete,
    Mark,
    Plan,
    ReleaseReserved,
    Remove,
    RemoveFinalizer,
    Reserve,
    Step,
    Stop,
    Unregister,
)
from runnerpool.planning.planner import plan
from runnerpool.planning.queue import QueueKnown
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow
from support.builders import make_pod


def after(snapshot: PoolSnapshot, plan: Plan) -> PoolSnapshot:
    """The snapshot once every step of the plan has worked. Time stands still."""
    for step in plan.steps:
        snapshot = apply(snapshot, step)
    return snapshot


def some_steps(data: st.DataObject, steps: tuple[Step, ...]) -> list[Step]:
    """As many as are carried out before a crash: writes to `status.reserved` first, then the others in any order."""
    first = [step for step in steps if isinstance(step, Reserve | ReleaseReserved)]
    rest = data.draw(st.permutations([step for step in steps if step not in first]))
    return [*first, *rest][: data.draw(st.integers(0, len(steps)))]


def settled(snapshot: PoolSnapshot) -> PoolSnapshot:
    """Plan and act until there is nothing to do; time stands still."""
    for _ in range(10):
        decision = plan(snapshot)
        if not decision.steps:
            return snapshot
        snapshot = after(snapshot, decision)
    raise AssertionError(f"still at it after 10 passes: {plan(snapshot).steps}")


def alive(snapshot: PoolSnapshot) -> set[int]:
    """Ordinals that count against the cap: pods that may take work, and promises that no pod bears yet."""
    promised = set(snapshot.reserved) - {pod.ordinal for pod in snapshot.pods} - set(snapshot.collided)
    return promised | {pod.ordinal for pod in snapshot.pods if pod.may_take_work}


def unfinished(snapshot: PoolSnapshot) -> set[int]:
    return alive(snapshot) | {pod.ordinal for pod in snapshot.pods if pod.unfinished}


def lived_on(snapshot: PoolSnapshot, by: timedelta) -> PoolSnapshot:
    """Some time later: all pods are ready, all drains are over, no job has come or ended, and none lies."""
    now = snapshot.now + by
    staying = [pod for pod in snapshot.pods if pod.may_take_work or pod.stage is PodStage.ENDED]
    pods = tuple(
        replace(pod, stage=PodStage.READY, ready_since=now, has_run=True, started=True)
        if pod.stage is PodStage.STARTING
        else pod
        for pod in staying
    )
    gone = {pod.name for pod in snapshot.pods} - {pod.name for pod in pods}
    held = Counter({name: jobs for name, jobs in snapshot.queue.held.items() if name not in gone})
    queue = replace(snapshot.queue, held=held)
    if isinstance(queue, QueueKnown):
        queue = replace(queue, pending_since={})
    return replace(snapshot, now=now, pods=pods, queue=queue)


def apply(snapshot: PoolSnapshot, step: Step) -> PoolSnapshot:
    match step:
        case Reserve():
            changed = _reserve(snapshot, step.ordinals)
        case Create():
            changed = _create(snapshot, step.ordinal)
        case Complete():
            changed = _with_row(_changed(snapshot, step.pod, stage=PodStage.STARTING), step.pod)
        case Drain() | Mark() | Stop():
            changed = _changed(snapshot, step.pod, **_fields(snapshot, step))
        case Discard() | Remove() | ForceDelete():
            changed = _without_rows(replace(snapshot, pods=_others(snapshot, step.pod)), name=step.pod)
        case Unregister():
            changed = _without_rows(snapshot, row_id=step.row_id)
        case ReleaseReserved():
            kept = tuple(ordinal for ordinal in snapshot.reserved if ordinal not in step.ordinals)
            changed = replace(snapshot, reserved=kept)
        case RemoveFinalizer():
            changed = replace(snapshot, pool=snapshot.pool.model_copy(update={"has_finalizer": False}))
    return changed


def _fields(snapshot: PoolSnapshot, step: Drain | Mark | Stop) -> dict[str, object]:
    """What of its pod a step changes."""
    if isinstance(step, Drain):
        return {"drain_order": step.order, "drain_since": snapshot.now, "drain_reason": str(step.reason)}
    return {"evictable": step.evictable} if isinstance(step, Mark) else {"deleting": True}


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
    """Pods are made with the marks of one that must not be moved."""
    pod = make_pod(
        ordinal,
        PodStage.GATED,
        created=snapshot.now,
        template_hash=snapshot.template_hash,
        build_hash=snapshot.build_hash,
        evictable=False,
    )
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
