"""Hypothesis strategies for what the planner sees: also what should never be, since a planner must not fall over it.

Strategies are built once, here, and not anew in every example: that is most of their cost.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.pool import Mode, Pool
from runnerpool.planning.failures import Failure
from runnerpool.planning.queue import QueueKnown, QueueReading
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod, RunnerRow
from support.builders import (
    ANCIENT,
    BUILD,
    EARLIER_BUILD,
    EARLIER_TEMPLATE,
    LIVE,
    MODERN,
    NOW,
    POOL_NAME,
    POOL_UID,
    TEMPLATE,
    WEB_VIDEO,
    ago,
    make_pod,
    make_pool,
    make_row,
    pod_called,
    unknown,
)

_MOST = 6
_ORDINALS = st.integers(min_value=1, max_value=3 * _MOST)
# Dense round the deadlines (60 s, idleSeconds, drainTimeoutSeconds), and into the future: clocks differ.
_MOMENTS = st.sampled_from([ago(second) for second in (-30, 0, 1, 59, 60, 61, 99, 100, 101, 299, 300, 301, 100000)])


def _pod(ordinal: int, stage: PodStage, order: str | None, since: datetime | None, **fields: Any) -> RunnerPod:
    moment, ill = fields.pop("moment"), fields.pop("ill")
    drawn: dict[str, Any] = {
        "created": moment,
        "ready_since": moment if stage is PodStage.READY else None,
        "drain_since": since if order else None,
    }
    if stage is not PodStage.ENDED:
        fields["failure"] = None
    if stage is not PodStage.STARTING or fields["has_run"]:
        fields["unschedulable"] = ""
    if stage is PodStage.STARTING and fields["has_run"]:
        drawn |= {"unready_since": ill, "started": ill is not None}
    elif stage is PodStage.STARTING:
        drawn |= {"scheduled_since": ill}
    return make_pod(ordinal, stage, drain_order=order, **drawn, **fields)


_PODS = st.builds(
    _pod,
    ordinal=_ORDINALS,
    stage=st.sampled_from(PodStage),
    order=st.sampled_from([None, None, None, "drain", "abort", "by hand"]),
    since=st.none() | _MOMENTS,
    moment=_MOMENTS,
    ill=st.none() | _MOMENTS,
    lost_since=st.none() | st.none() | _MOMENTS,
    failure=st.none() | st.sampled_from(FailureCause),
    drain_reason=st.sampled_from(["", "", "ScaleDown", "Unready"]),
    stuck=st.sampled_from(["", "", "ErrImagePull"]),
    unschedulable=st.sampled_from(["", "", "", "no room"]),
    deleting=st.sampled_from([False, False, False, True]),
    has_run=st.booleans(),
    node=st.sampled_from(["", "a", "b"]),
    succeeded=st.booleans(),
    template_hash=st.sampled_from([TEMPLATE, TEMPLATE, EARLIER_TEMPLATE, ""]),
    build_hash=st.sampled_from([BUILD, BUILD, EARLIER_BUILD]),
    evictable=st.sampled_from([True, False, None]),
)


def _known(pending: int, holders: Mapping[int, int], lain: list[datetime], **fields: Any) -> QueueKnown:
    held = {pod_called(ordinal): jobs for ordinal, jobs in holders.items()}
    since = {f"job-{number}": moment for number, moment in enumerate(lain[:pending])}
    return QueueKnown(pending=pending, held=held, pending_since=since, **fields)


known_queues: st.SearchStrategy[QueueReading] = st.builds(
    _known,
    pending=st.integers(min_value=0, max_value=3 * _MOST),
    holders=st.dictionaries(_ORDINALS, st.integers(min_value=1, max_value=3), max_size=_MOST),
    lain=st.lists(_MOMENTS, max_size=3),
    at=st.sampled_from([NOW, NOW, ago(1), ago(100), ago(300)]),
    waiting_on_work=st.integers(min_value=0, max_value=_MOST),
    complete=st.booleans(),
)
unknown_queues: st.SearchStrategy[QueueReading] = st.builds(
    lambda seconds, holders: replace(unknown(seconds=seconds), held={pod_called(ordinal): 1 for ordinal in holders}),
    seconds=st.sampled_from([0, 44, 45, 3600]),
    holders=st.lists(_ORDINALS, max_size=2),
)
queues = known_queues | unknown_queues


def _scaling(bounds: tuple[int, int], idle: tuple[int, int], look_ahead: str) -> tuple[tuple[str, Any], ...]:
    return (
        ("minReplicas", min(bounds)),
        ("maxReplicas", max(bounds)),
        ("idleSlots", idle[0]),
        ("idleSeconds", idle[1]),
        ("lookAhead", look_ahead),
    )


@cache
def _pool(
    scaling: tuple[tuple[str, Any], ...],
    concurrency: int,
    end: tuple[int, str],
    rollout: tuple[int, int],
    habits: tuple[str, str, str],
) -> Pool:
    mode, job_type, job_type_filter = habits
    return make_pool(
        mode=mode,
        jobTypes=[job_type],
        jobTypeFilter=job_type_filter,
        scaling={**dict(scaling), "idleSlots": 1} if job_type == LIVE else dict(scaling),
        runner={"concurrency": concurrency},
        rollout={"maxSurge": rollout[0], "maxUnavailable": rollout[1]},
        lifecycle={"drainTimeoutSeconds": end[0], "deletionPolicy": end[1]},
    )


_BOUND = st.integers(min_value=0, max_value=_MOST)
_SCALINGS = st.builds(
    _scaling,
    bounds=st.tuples(_BOUND, _BOUND),
    idle=st.tuples(st.integers(min_value=0, max_value=3), st.sampled_from([0, 100, 300])),
    look_ahead=st.sampled_from(["Off", "Hold"]),
)
_POOLS = st.builds(
    _pool,
    scaling=_SCALINGS,
    concurrency=st.sampled_from([1, 1, 2]),
    end=st.tuples(st.sampled_from([0, 100]), st.sampled_from(["Drain", "Abort"])),
    rollout=st.sampled_from([(1, 0), (1, 0), (0, 1), (2, 1), (3, 0), (0, 9)]),
    habits=st.tuples(
        st.sampled_from(["Active"] * 6 + ["Hold", "Drain"]),
        st.sampled_from([WEB_VIDEO, WEB_VIDEO, WEB_VIDEO, LIVE]),
        st.sampled_from(["Require", "Require", "BestEffort"]),
    ),
)
_OVERRIDES = st.sampled_from(
    [None] * 8
    + [
        "nonsense",
        "replicas=2,until=2026-11-23T12:00:00Z",
        "replicas=0,until=2026-11-23T12:01:40Z",
        "replicas=4,until=2026-11-23T12:01:40Z",
        "replicas=9,until=2026-12-01T08:00Z",
    ]
)
_FACTS = st.sampled_from([MODERN, MODERN, MODERN, MODERN, ANCIENT, None])
_ODD_ROWS = [RunnerRow(id=number, name=name) for number, name in enumerate(["", "x", f"{POOL_NAME}-{POOL_UID[:5]}-0"])]
_ROWS = st.none() | st.lists(_ORDINALS.map(make_row) | st.sampled_from(_ODD_ROWS), max_size=_MOST).map(tuple)
_LATEST_JOBS = st.dictionaries(_ORDINALS.map(pod_called), _MOMENTS, max_size=4)


_FAILURES = st.lists(
    st.builds(Failure, cause=st.sampled_from(FailureCause), count=st.integers(1, 9), last=_MOMENTS),
    unique_by=lambda failure: failure.cause,
    max_size=2,
).map(tuple)


def _snapshot(pool: Pool, marks: Mapping[str, Any], **fields: Any) -> PoolSnapshot:
    return PoolSnapshot(now=NOW, pool=pool.model_copy(update=dict(marks)), **fields)


def _at_work(snapshot: PoolSnapshot) -> PoolSnapshot:
    """The same pool with nothing in its way: mode Active, no override, on a server that is known to filter."""
    spec = snapshot.pool.spec.model_copy(update={"mode": Mode.ACTIVE})
    pool = snapshot.pool.model_copy(update={"spec": spec, "override": None})
    return replace(snapshot, pool=pool, facts=MODERN, template_hash=TEMPLATE)


_DELETED = st.sampled_from([ago(1), ago(44), ago(45), ago(3600)])
_DELETIONS = {None: st.none() | st.none() | _DELETED, True: _DELETED, False: st.none()}


def snapshots(
    queue: st.SearchStrategy[QueueReading] = queues, *, deleting: bool | None = None, at_work: bool = False
) -> st.SearchStrategy[PoolSnapshot]:
    """`at_work`: only pools that are not deleted and have nothing else in their way."""
    drawn = st.builds(
        _snapshot,
        pool=_POOLS,
        marks=st.fixed_dictionaries(
            {
                "deleting_since": st.none() if at_work else _DELETIONS[deleting],
                "has_finalizer": st.booleans(),
                "override": _OVERRIDES,
            }
        ),
        queue=queue,
        pods=st.lists(_PODS, unique_by=lambda pod: pod.ordinal, max_size=8).map(tuple),
        reserved=st.lists(_ORDINALS, unique=True, max_size=3).map(tuple),
        last_ordinal=st.integers(min_value=0, max_value=4 * _MOST),
        rows=_ROWS,
        last_job_seen=_LATEST_JOBS,
        template_hash=st.sampled_from([TEMPLATE] * 7 + [""]),
        build_hash=st.just(BUILD),
        facts=_FACTS,
        collided=st.lists(_ORDINALS, max_size=1).map(tuple),
        create_not_before=st.none() | _MOMENTS,
        failures=_FAILURES,
        known_since=st.none() | _MOMENTS,
        breaker_replaced=st.none() | _MOMENTS,
        observed_since=st.sampled_from([ago(90000), ago(50)]),
    )
    return drawn.map(_at_work) if at_work else drawn


def later(snapshot: PoolSnapshot, by: timedelta) -> PoolSnapshot:
    """The same world some time on."""
    return replace(snapshot, now=snapshot.now + by)
