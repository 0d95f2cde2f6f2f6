"""What must hold for every snapshot, each one a class of faults seen in other autoscalers (style study, §3.3)."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.names import ABORT_ORDER, pod_ordinal
from runnerpool.api.reasons import Reason
from runnerpool.planning.census import take_census
from runnerpool.planning.plan import (
    Complete,
    Create,
    Discard,
    Drain,
    Mark,
    Plan,
    ReleaseReserved,
    Remove,
    RemoveFinalizer,
    Reserve,
)
from runnerpool.planning.planner import plan
from runnerpool.planning.queue import QueueUnknown
from runnerpool.planning.sickness import health_due, sick_pods
from runnerpool.planning.snapshot import PodStage, PoolSnapshot
from support.effects import after, alive, apply, settled, some_steps, unfinished
from support.strategies import known_queues, later, snapshots, unknown_queues

# 300 examples take a while on a busy machine.
pytestmark = pytest.mark.timeout(300)


def surge(snapshot: PoolSnapshot) -> int:
    """What a rollout may add to the cap, while there are pods to be replaced."""
    present = (snapshot.template_hash, snapshot.build_hash)
    old = any(pod.may_take_work and (pod.template_hash, pod.build_hash) != present for pod in snapshot.pods)
    return snapshot.pool.spec.rollout.max_surge if old else 0


@given(snapshots(at_work=True))
def test_the_target_is_within_the_bounds(snapshot):
    scaling = snapshot.pool.spec.scaling

    assert scaling.min_replicas <= plan(snapshot).desired <= scaling.max_replicas


@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_pods_rows_and_promises_does_not_matter(snapshot, random):
    def shuffled(items):
        return tuple(random.sample(items, len(items)))

    mixed = replace(
        snapshot,
        pods=shuffled(snapshot.pods),
        reserved=shuffled(snapshot.reserved),
        rows=None if snapshot.rows is None else shuffled(snapshot.rows),
    )

    assert plan(mixed) == plan(snapshot)


@given(snapshots(known_queues, at_work=True), st.integers(min_value=1, max_value=20))
def test_more_pending_jobs_never_mean_fewer_pods(snapshot, more):
    longer = replace(snapshot, queue=replace(snapshot.queue, pending=snapshot.queue.pending + more))

    assert plan(longer).desired >= plan(snapshot).desired
    assert len(alive(after(longer, plan(longer)))) >= len(alive(after(snapshot, plan(snapshot))))


@given(snapshots(unknown_queues, at_work=True))
def test_an_unknown_queue_takes_no_pod_away(snapshot):
    assert alive(after(snapshot, plan(snapshot))) >= alive(snapshot)


@given(snapshots(unknown_queues, at_work=True))
def test_an_unknown_queue_makes_no_more_pods_than_the_floor(snapshot):
    bound = max(len(alive(snapshot)), snapshot.pool.spec.scaling.min_replicas)

    assert len(alive(after(snapshot, plan(snapshot)))) <= bound


@given(snapshots(known_queues, at_work=True))
def test_a_busy_pod_is_told_to_drain_only_to_be_replaced_or_if_the_cap_was_lowered_below_the_pods_there_are(snapshot):
    decision = plan(snapshot)
    takers = {pod.name for pod in snapshot.pods if pod.may_take_work}
    sick = {one.pod.name for one in decision.sick}
    takers -= {step.pod for step in decision.steps if isinstance(step, Drain) and step.pod in sick}
    told = [step for step in decision.steps if isinstance(step, Drain | Discard) and step.pod in takers]
    above_cap = {step.pod for step in told if isinstance(step, Drain) and step.reason is not Reason.ROLLOUT}
    gone = {step.pod for step in told if step.reason not in {Reason.ROLLOUT, Reason.UPGRADE}}

    if above_cap & snapshot.queue.held.keys():
        most = snapshot.pool.spec.scaling.max_replicas
        assert len(takers) > most
        assert most <= len(takers - gone) <= most + surge(snapshot)


@given(snapshots(), st.data())
def test_the_cap_holds_whatever_steps_work_in_whatever_order(snapshot, data):
    steps = plan(snapshot).steps
    most = max(len(alive(snapshot)), snapshot.pool.spec.scaling.max_replicas + surge(snapshot))

    for step in some_steps(data, steps):
        snapshot = apply(snapshot, step)
        assert len(alive(snapshot)) <= most


@given(snapshots(), st.data())
def test_all_unfinished_pods_stay_within_twice_the_cap(snapshot, data):
    steps = plan(snapshot).steps
    most = max(len(unfinished(snapshot)), 2 * snapshot.pool.spec.scaling.max_replicas + surge(snapshot))

    for step in some_steps(data, steps):
        snapshot = apply(snapshot, step)
        assert len(unfinished(snapshot)) <= most


@given(snapshots(known_queues, at_work=True))
def test_a_lowered_cap_is_kept_as_soon_as_the_plan_is_carried_out(snapshot):
    decided = after(snapshot, plan(snapshot))

    most = snapshot.pool.spec.scaling.max_replicas + surge(snapshot)
    assert sum(pod.may_take_work for pod in decided.pods) <= most


@given(snapshots())
def test_planning_and_acting_comes_to_rest(snapshot):
    assert plan(settled(snapshot)).steps == ()


_WELL = {"lost_since": None, "unready_since": None, "scheduled_since": None, "unschedulable": ""}


def calm(snapshot: PoolSnapshot) -> PoolSnapshot:
    """The same without what makes room, or waste, that only the next pass can see.

    Which is gates, promises, a lowered cap, sick pods, and pods to be replaced.
    """
    pods = tuple(
        replace(pod, template_hash=snapshot.template_hash, build_hash=snapshot.build_hash, **_WELL)
        for pod in snapshot.pods
        if not pod.never_ran
    )
    spec = snapshot.pool.spec
    cap = max(spec.scaling.max_replicas, sum(pod.may_take_work for pod in pods))
    spec = spec.model_copy(
        update={
            "scaling": spec.scaling.model_copy(update={"max_replicas": cap}),
            "lifecycle": spec.lifecycle.model_copy(update={"drain_timeout_seconds": 100}),
        }
    )
    held = {pod.name: snapshot.queue.held[pod.name] for pod in pods if pod.name in snapshot.queue.held}
    queue = replace(snapshot.queue, held=held, pending_since={})
    pool = snapshot.pool.model_copy(update={"spec": spec})
    return replace(snapshot, pods=pods, queue=queue, reserved=(), pool=pool)


@given(snapshots(known_queues, at_work=True).map(calm))
def test_a_plan_carried_out_is_the_plan_again_with_only_its_own_pods_to_complete(snapshot):
    decision = plan(snapshot)

    following = plan(after(snapshot, decision))

    assert following.desired == decision.desired
    assert all(isinstance(step, Complete | ReleaseReserved | Mark) for step in following.steps)


@given(snapshots())
def test_every_step_has_a_reason_and_a_message_for_people(snapshot):
    decision = plan(snapshot)

    assert decision.message
    assert all(isinstance(step.reason, Reason) and step.message for step in decision.steps)


@given(snapshots())
def test_every_pod_is_named_by_at_most_one_step(snapshot):
    named = Counter(step.pod for step in plan(snapshot).steps if hasattr(step, "pod"))

    assert all(count == 1 for count in named.values())
    assert named.keys() <= {pod.name for pod in snapshot.pods}


@given(snapshots())
def test_each_step_fits_the_pod_that_it_names(snapshot):
    pods = {pod.name: pod for pod in snapshot.pods}
    for step in plan(snapshot).steps:
        match step:
            case Discard():
                assert pods[step.pod].never_ran
            case Remove():
                assert pods[step.pod].stage is PodStage.ENDED
            case Drain():
                assert pods[step.pod].unfinished
                assert not pods[step.pod].deleting
            case Complete():
                assert pods[step.pod].stage is PodStage.GATED
                assert pods[step.pod].may_take_work
            case Mark():
                assert pods[step.pod].unfinished
                assert pods[step.pod].stage is not PodStage.GATED
                assert pods[step.pod].evictable is not step.evictable


@given(snapshots())
def test_a_drain_is_one_way(snapshot):
    pods = {pod.name: pod for pod in snapshot.pods}
    drains = [step for step in plan(snapshot).steps if isinstance(step, Drain)]

    assert all(step.order == ABORT_ORDER for step in drains if pods[step.pod].drain_order == ABORT_ORDER)


@given(snapshots())
def test_no_ordinal_is_used_twice(snapshot):
    reserved = [ordinal for step in plan(snapshot).steps if isinstance(step, Reserve) for ordinal in step.ordinals]
    pool = snapshot.pool
    rows = {pod_ordinal(row.name, pool.name, pool.uid) for row in snapshot.rows or ()}

    assert len(set(reserved)) == len(reserved)
    assert not set(reserved) & ({pod.ordinal for pod in snapshot.pods} | set(snapshot.reserved) | rows)
    assert all(ordinal > snapshot.last_ordinal for ordinal in reserved)


def away_for(snapshot: PoolSnapshot) -> timedelta:
    """How long the server has been out of reach of a pool that is being deleted."""
    if not isinstance(snapshot.queue, QueueUnknown):
        return timedelta(0)
    return snapshot.now - max(snapshot.queue.since, snapshot.pool.deleting_since)


@given(snapshots(deleting=True))
def test_a_deleted_pool_makes_no_pods_and_goes_only_when_nothing_is_left(snapshot):
    steps = plan(snapshot).steps

    assert not any(isinstance(step, Reserve | Create | Complete) for step in steps)
    if any(isinstance(step, RemoveFinalizer) for step in steps):
        left = [pod for pod in snapshot.pods if pod.unfinished]
        assert (snapshot.rows == () and not left) or away_for(snapshot) >= timedelta(seconds=45)
        assert all(pod.never_ran for pod in left)


@given(snapshots())
def test_the_next_deadline_is_exact(snapshot):
    resting = settled(snapshot)
    wait = plan(resting).recheck_after

    def decided(by):
        return replace(plan(later(resting, by)), recheck_after=None)

    now = decided(timedelta(0))
    if wait is None:
        assert decided(timedelta(days=3650)) == now
    else:
        assert wait > timedelta(0)
        assert decided(wait - timedelta(microseconds=1)) == now
        # Whom to replace when is bounded in so many ways that a look in vain now and then is cheaper than their sum.
        census = take_census(resting)
        moments = health_due(census, sick_pods(resting, census))
        watched = resting.now + wait in moments or plan(resting).sick
        assert watched or decided(wait) != now


@given(snapshots())
def test_the_trace_leads_to_the_target(snapshot):
    decision: Plan = plan(snapshot)

    assert decision.terms[-1].after == decision.desired
    assert all(term.why for term in decision.terms)
