"""Hypothesis strategies for what the planner sees: also what should never be, since a planner must not fall over it.

Strategies are built once, here, and not anew in every example: that is most of their cost.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from runnerpool.api.pool import Pool
from runnerpool.planning.queue import QueueKnown, QueueReading
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow
from support.builders import NOW, POOL_NAME, POOL_UID, ago, make_pod, make_pool, make_row, pod_called, unknown

_MOST = 6
_ORDINALS = st.integers(min_value=1, max_value=3 * _MOST)
# Dense round the deadlines (60 s, idleSeconds, drainTimeoutSeconds), and into the future: clocks differ.
_MOMENTS = st.sampled_from([ago(second) for second in (-30, 0, 1, 59, 60, 61, 99, 100, 101, 299, 300, 301, 100000)])


def _pod(ordinal: int, stage: PodStage, order: str | None, since: datetime | None, **fields: Any) -> RunnerPod:
    moment = fields.pop("moment")
    ready_since = moment if stage is PodStage.READY else None
    drain_since = since if order else None
    return make_pod(
        ordinal, stage, created=moment, ready_since=ready_since, drain_order=order, drain_since=drain_since, **fields
    )


_PODS = st.builds(
    _pod,
    ordinal=_ORDINALS,
    stage=st.sampled_from(PodStage),
    order=st.sampled_from([None, None, None, "drain", "abort", "by hand"]),
    since=st.none() | _MOMENTS,
    moment=_MOMENTS,
    deleting=st.sampled_from([False, False, False, True]),
    has_run=st.booleans(),
    node=st.sampled_from(["", "a", "b"]),
    succeeded=st.booleans(),
)


def _known(pending: int, holders: Mapping[int, int], children: int, complete: bool) -> QueueKnown:
    held = {pod_called(ordinal): jobs for ordinal, jobs in holders.items()}
    return QueueKnown(pending=pending, held=held, waiting_on_work=children, complete=complete)


known_queues: st.SearchStrategy[QueueReading] = st.builds(
    _known,
    pending=st.integers(min_value=0, max_value=3 * _MOST),
    holders=st.dictionaries(_ORDINALS, st.integers(min_value=1, max_value=3), max_size=_MOST),
    children=st.integers(min_value=0, max_value=_MOST),
    complete=st.booleans(),
)
unknown_queues: st.SearchStrategy[QueueReading] = st.just(unknown())
queues = known_queues | unknown_queues


@cache
def _pool(
    bounds: tuple[int, int], idle: tuple[int, int], look_ahead: str, concurrency: int, timeout: int, policy: str
) -> Pool:
    return make_pool(
        scaling={
            "minReplicas": min(bounds),
            "maxReplicas": max(bounds),
            "idleSlots": idle[0],
            "idleSeconds": idle[1],
            "lookAhead": look_ahead,
        },
        runner={"concurrency": concurrency},
        lifecycle={"drainTimeoutSeconds": timeout, "deletionPolicy": policy},
    )


_BOUND = st.integers(min_value=0, max_value=_MOST)
_POOLS = st.builds(
    _pool,
    bounds=st.tuples(_BOUND, _BOUND),
    idle=st.tuples(st.integers(min_value=0, max_value=3), st.sampled_from([0, 100, 300])),
    look_ahead=st.sampled_from(["Off", "Hold"]),
    concurrency=st.sampled_from([1, 1, 2]),
    timeout=st.sampled_from([0, 100]),
    policy=st.sampled_from(["Drain", "Abort"]),
)
_ODD_ROWS = [RunnerRow(id=number, name=name) for number, name in enumerate(["", "x", f"{POOL_NAME}-{POOL_UID[:5]}-0"])]
_ROWS = st.none() | st.lists(_ORDINALS.map(make_row) | st.sampled_from(_ODD_ROWS), max_size=_MOST).map(tuple)
_LATEST_JOBS = st.dictionaries(_ORDINALS.map(pod_called), _MOMENTS, max_size=4)


def _snapshot(pool: Pool, marks: Mapping[str, bool], **fields: Any) -> PoolSnapshot:
    return PoolSnapshot(now=NOW, pool=pool.model_copy(update=dict(marks)), **fields)


_DELETED = st.sampled_from([ago(1), ago(44), ago(45), ago(3600)])
_DELETIONS = st.none() | st.none() | _DELETED


def snapshots(
    queue: st.SearchStrategy[QueueReading] = queues, *, deleting: bool | None = None
) -> st.SearchStrategy[PoolSnapshot]:
    return st.builds(
        _snapshot,
        pool=_POOLS,
        marks=st.fixed_dictionaries(
            {
                "deleting_since": _DELETIONS if deleting is None else _DELETED if deleting else st.none(),
                "has_finalizer": st.booleans(),
            }
        ),
        queue=queue,
        pods=st.lists(_PODS, unique_by=lambda pod: pod.ordinal, max_size=8).map(tuple),
        reserved=st.lists(_ORDINALS, unique=True, max_size=3).map(tuple),
        last_ordinal=st.integers(min_value=0, max_value=4 * _MOST),
        rows=_ROWS,
        last_job_seen=_LATEST_JOBS,
        create_not_before=st.none() | _MOMENTS,
        observed_since=st.sampled_from([ago(90000), ago(50)]),
    )


def later(snapshot: PoolSnapshot, by: timedelta) -> PoolSnapshot:
    """The same world some time on."""
    return replace(snapshot, now=snapshot.now + by)
