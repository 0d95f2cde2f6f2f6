"""What must hold for every rollout, whatever else is going on."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from runnerpool.api.pool import Mode
from runnerpool.api.reasons import Reason
from runnerpool.planning.idle import idle_since
from runnerpool.planning.plan import Complete, Create, Discard, Drain, Mark, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage, PoolSnapshot, RunnerPod
from support.builders import LIVE, MODERN, ago, known, make_pod, make_pool, make_snapshot, outdated
from support.effects import after, alive, apply, lived_on, some_steps
from support.strategies import known_queues, snapshots

# 300 examples take a while on a busy machine.
pytestmark = pytest.mark.timeout(600)

A_MOMENT = timedelta(seconds=5)
AGES = st.integers(0, 900)
AT_WORK = snapshots(known_queues, at_work=True)


def takers(snapshot: PoolSnapshot) -> list[RunnerPod]:
    return [pod for pod in snapshot.pods if pod.may_take_work]


def ready(pods: list[RunnerPod]) -> set[str]:
    return {pod.name for pod in pods if pod.stage is PodStage.READY}


def is_outdated(pod: RunnerPod, snapshot: PoolSnapshot) -> bool:
    return pod.template_hash != snapshot.template_hash


def is_busy(pod: RunnerPod, snapshot: PoolSnapshot) -> bool:
    return bool(snapshot.queue.held.get(pod.name))


def replaceable(snapshot: PoolSnapshot) -> set[str]:
    """Pods that may be told to go since they are not what a pod made now would be."""
    live = LIVE in snapshot.pool.spec.job_types
    return {
        pod.name
        for pod in takers(snapshot)
        if (not is_busy(pod, snapshot) and pod.build_hash != snapshot.build_hash)
        or (is_outdated(pod, snapshot) and not (live and is_busy(pod, snapshot)))
    }


def proven(snapshot: PoolSnapshot) -> bool:
    return any(
        not is_outdated(pod, snapshot)
        and ((pod.stage is PodStage.ENDED and pod.succeeded) or (pod.stage is PodStage.READY and pod.may_take_work))
        for pod in snapshot.pods
    )


def idle_until(pod: RunnerPod, snapshot: PoolSnapshot) -> datetime:
    return idle_since(pod, snapshot) + timedelta(seconds=snapshot.pool.spec.scaling.idle_seconds)


def told(snapshot: PoolSnapshot) -> dict[str, Reason]:
    names = {pod.name for pod in takers(snapshot)}
    return {
        step.pod: step.reason
        for step in plan(snapshot).steps
        if isinstance(step, Drain | Discard) and step.pod in names
    }


@given(AT_WORK)
def test_a_rollout_never_leaves_fewer_ready_pods_than_the_target_less_max_unavailable(snapshot):
    going = told(snapshot)
    serving = ready(takers(snapshot))
    by_rollout = {name for name, reason in going.items() if reason in {Reason.ROLLOUT, Reason.UPGRADE}}

    if by_rollout & serving:
        left = len(serving - going.keys())
        assert left >= plan(snapshot).desired - snapshot.pool.spec.rollout.max_unavailable


@given(AT_WORK, st.data())
def test_a_rollout_adds_no_more_pods_to_the_target_than_its_surge(snapshot, data):
    decision = plan(snapshot)
    if not replaceable(snapshot):
        return
    most = max(len(alive(snapshot)), decision.desired + snapshot.pool.spec.rollout.max_surge)

    for step in some_steps(data, decision.steps):
        snapshot = apply(snapshot, step)
        assert len(alive(snapshot)) <= most


@given(AT_WORK)
def test_only_pods_that_may_be_replaced_are_told_to_go_for_a_rollout(snapshot):
    for name, reason in told(snapshot).items():
        if reason in {Reason.ROLLOUT, Reason.UPGRADE}:
            assert name in replaceable(snapshot)


@given(AT_WORK)
def test_while_the_present_settings_are_not_proven_one_pod_is_made_at_most(snapshot):
    outdated = any(is_outdated(pod, snapshot) for pod in takers(snapshot))
    if not outdated or proven(snapshot):
        return
    steps = plan(snapshot).steps
    present = sum(not is_outdated(pod, snapshot) for pod in takers(snapshot))
    reserved = sum(len(step.ordinals) for step in steps if isinstance(step, Reserve))
    created = sum(isinstance(step, Create) for step in steps)

    assert reserved + created <= max(0, 1 - present)


@given(AT_WORK)
def test_while_the_present_settings_are_not_proven_one_pod_that_serves_goes_for_them_at_most(snapshot):
    outdated = any(is_outdated(pod, snapshot) for pod in takers(snapshot))
    if not outdated or proven(snapshot):
        return
    by_rollout = {name for name, reason in told(snapshot).items() if reason is Reason.ROLLOUT}

    assert len(by_rollout & ready(takers(snapshot))) <= 1
    if any(not is_outdated(pod, snapshot) and not pod.never_ran for pod in takers(snapshot)):
        assert not by_rollout & ready(takers(snapshot))


@given(
    old=st.lists(AGES, min_size=1, max_size=4), first=AGES, room=st.integers(0, 2), idle=AGES, surge=st.integers(0, 2)
)
def test_in_a_lull_no_pod_that_serves_goes_early_for_settings_that_were_tried_and_are_not_proven(
    old, first, room, idle, surge
):
    """Times in seconds: since when the old ones are ready, the first pod is there, and after which idle ones go.

    The pool is at its cap but for some room. Without a surge, one of the old ones went for the first pod.
    """
    scaling = {"idleSeconds": idle, "maxReplicas": len(old) + room + (0 if surge else 1)}
    pool = make_pool(scaling=scaling, rollout={"maxSurge": surge, "maxUnavailable": 1})
    serving = [outdated(ordinal, ready_since=ago(age)) for ordinal, age in enumerate(old, start=1)]
    broken = make_pod(9, PodStage.STARTING, created=ago(first), has_run=False, stuck="ErrImagePull")
    lull = make_snapshot(known(0), (*serving, broken), pool=pool)
    for _ in range(2):
        early = {pod.name for pod in takers(lull) if is_outdated(pod, lull) and idle_until(pod, lull) > lull.now}
        assert not told(lull).keys() & early
        lull = after(lull, plan(lull))


@given(AT_WORK)
def test_a_rollout_left_alone_comes_to_an_end(snapshot):
    """From pass to pass all new pods become ready and all drains end; no job comes or ends."""
    for _ in range(100):
        decision = plan(snapshot)
        if not decision.steps and decision.recheck_after is None and lived_on(snapshot, A_MOMENT).pods == snapshot.pods:
            break
        wait = A_MOMENT if decision.steps else decision.recheck_after or A_MOMENT
        snapshot = lived_on(after(snapshot, decision), wait)

    assert plan(snapshot).steps == ()
    assert not replaceable(snapshot)


@given(AT_WORK)
def test_a_plan_counts_the_updated_and_tells_of_a_rollout_as_long_as_anybody_is_to_be_replaced(snapshot):
    decision = plan(snapshot)

    updated = [pod for pod in takers(snapshot) if not is_outdated(pod, snapshot)]
    assert decision.updated == len(updated)
    assert (decision.rollout is not None) == bool(updated != takers(snapshot) or replaceable(snapshot))


@given(snapshots(at_work=True).map(lambda snapshot: replace(snapshot, template_hash="")))
def test_without_a_template_nothing_is_made_and_nobody_is_outdated(snapshot):
    decision = plan(snapshot)

    assert not any(isinstance(step, Reserve | Create) for step in decision.steps)
    assert (decision.updated, decision.rollout) == (len(takers(snapshot)), None)


def in_mode(mode: Mode) -> st.SearchStrategy[PoolSnapshot]:
    def changed(snapshot: PoolSnapshot) -> PoolSnapshot:
        spec = snapshot.pool.spec.model_copy(update={"mode": mode})
        return replace(snapshot, pool=snapshot.pool.model_copy(update={"spec": spec}))

    return snapshots(deleting=False).map(changed)


@given(in_mode(Mode.HOLD))
def test_hold_makes_no_pod_and_takes_none_away(snapshot):
    decision = plan(snapshot)

    assert not any(isinstance(step, Reserve | Create) for step in decision.steps)
    assert not told(snapshot)
    assert {pod.name for pod in takers(after(snapshot, decision))} == {pod.name for pod in takers(snapshot)}


@given(in_mode(Mode.DRAIN))
def test_drain_leaves_nobody_who_may_take_work(snapshot):
    decision = plan(snapshot)

    assert not alive(after(snapshot, decision))
    assert not any(isinstance(step, Reserve | Create | Complete) for step in decision.steps)


@given(in_mode(Mode.DRAIN))
def test_a_pool_is_called_drained_only_when_no_pod_and_no_job_in_hand_is_left(snapshot):
    if plan(snapshot).drained:
        runners = {row.name for row in snapshot.rows} | {pod.name for pod in snapshot.pods}
        assert not any(pod.unfinished for pod in snapshot.pods)
        assert not runners & {name for name, jobs in snapshot.queue.held.items() if jobs}


@given(snapshots())
def test_a_pod_that_may_be_busy_is_never_marked_as_movable(snapshot):
    pods = {pod.name: pod for pod in snapshot.pods}
    for step in plan(snapshot).steps:
        if isinstance(step, Mark) and step.evictable:
            assert hasattr(snapshot.queue, "pending"), "the queue is unknown"
            assert pods[step.pod].stage is PodStage.READY
            assert not is_busy(pods[step.pod], snapshot)


@given(snapshots(deleting=False).filter(lambda snapshot: snapshot.facts is not MODERN))
def test_no_pod_of_a_strict_pool_is_made_for_a_server_that_mixes_types_or_is_not_known(snapshot):
    if snapshot.pool.spec.job_type_filter == "Require":
        assert not any(isinstance(step, Reserve | Create) for step in plan(snapshot).steps)


def test_the_snapshots_of_these_properties_hold_pods_of_every_kind():
    """Else the properties would show nothing."""
    for wanted in ((True, True), (True, False), (False, True)):
        find(
            AT_WORK,
            lambda snapshot, wanted=wanted: (bool(replaceable(snapshot)), proven(snapshot)) == wanted,
            settings=settings(phases=[Phase.generate], max_examples=500),
        )
