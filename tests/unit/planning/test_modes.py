from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Complete, Discard, Drain, ReleaseReserved, Remove, Unregister
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import (
    ago,
    gated,
    known,
    make_pod,
    make_pool,
    make_row,
    make_snapshot,
    outdated,
    pod_called,
    unknown,
)

HOLD = make_pool(mode="Hold", scaling={"minReplicas": 1, "maxReplicas": 2})
DRAIN = make_pool(mode="Drain", scaling={"minReplicas": 1})
QUEUES = pytest.mark.parametrize("queue", [known(9), unknown()], ids=["known", "unknown"])


def steps(pods=(), *, pool=HOLD, queue=None, **fields):
    return list(plan(make_snapshot(queue or known(0), pods, pool=pool, **fields)).steps)


# Hold


@QUEUES
def test_hold_makes_no_pod_for_queue_floor_or_promise(queue):
    assert steps(queue=queue, reserved=(4,)) == []


def test_hold_tells_nobody_to_go_idle_outdated_or_above_the_cap():
    assert steps([make_pod(1), make_pod(2), outdated(3), outdated(4, PodStage.STARTING, has_run=False)]) == []


def test_hold_registers_pods_that_are_gated_however_late():
    (fresh, late) = steps([gated(1), gated(2, age=3600)])

    assert (type(fresh), type(late)) == (Complete, Complete)
    assert plan(make_snapshot(known(0), [gated(1)], pool=HOLD)).recheck_after is None


def test_hold_sweeps_what_has_ended_and_follows_drains():
    pods = [
        make_pod(1, PodStage.ENDED, succeeded=True),
        make_pod(2, drain_order="drain", drain_since=ago(21600)),
        make_pod(3),
    ]

    kinds = [type(step) for step in steps(pods, reserved=(3,), rows=(make_row(9),))]

    assert kinds == [ReleaseReserved, Drain, Remove, Unregister]


def test_hold_decides_for_what_is_there():
    decision = plan(make_snapshot(known(9), [make_pod(1), gated(2), make_pod(3, deleting=True)], pool=HOLD))

    assert (decision.desired, decision.reason) == (2, Reason.MODE_HOLD)
    assert [(term.stage, term.before, term.after) for term in decision.terms] == [("mode", 2, 2)]


def test_back_in_mode_active_a_promise_is_kept():
    active = make_pool(scaling={"minReplicas": 1})

    assert [step.ordinal for step in steps(pool=active, reserved=(4,))] == [4]


# Drain


@QUEUES
def test_drain_tells_everybody_to_go_at_once_busy_or_not(queue):
    drains = steps([make_pod(1), make_pod(2), outdated(3)], pool=DRAIN, queue=queue)

    assert [(step.pod, step.order, step.reason) for step in drains] == [
        (pod_called(ordinal), "drain", Reason.MODE_DRAIN) for ordinal in (1, 2, 3)
    ]


def test_drain_throws_away_what_never_ran():
    kinds = [type(step) for step in steps([gated(1), make_pod(2, PodStage.STARTING, has_run=False)], pool=DRAIN)]

    assert kinds == [Discard, Discard]


def test_drain_releases_all_promises_and_creates_nothing():
    (step,) = steps(pool=DRAIN, queue=known(9), reserved=(4, 2), collided=(2,))

    assert isinstance(step, ReleaseReserved)
    assert (step.ordinals, step.reason) == ((2, 4), Reason.MODE_DRAIN)


def test_drain_follows_drains_and_sweeps_what_has_ended():
    pods = [
        make_pod(1, drain_order="drain", drain_since=ago(21600)),
        make_pod(2, PodStage.ENDED, succeeded=True),
        make_pod(3, deleting=True),
    ]

    kinds = [type(step) for step in steps(pods, pool=DRAIN, rows=(make_row(9),))]

    assert kinds == [Drain, Remove, Unregister]


def test_the_target_of_a_draining_pool_is_none():
    decision = plan(make_snapshot(known(9), [make_pod(1)], pool=DRAIN, reserved=(4,)))

    assert (decision.desired, decision.reason) == (0, Reason.MODE_DRAIN)
    assert [(term.stage, term.before, term.after) for term in decision.terms] == [("mode", 2, 0)]


def drained(pods=(), *, pool=DRAIN, queue=None, **fields):
    return plan(make_snapshot(queue or known(9), pods, pool=pool, **fields)).drained


def test_a_pool_is_drained_when_no_unfinished_pod_and_no_job_in_hand_is_left():
    assert drained() is True
    assert drained([make_pod(1, PodStage.ENDED)], rows=(make_row(1),), queue=known(3, held={77: 1})) is True


@pytest.mark.parametrize("queue", [known(0), unknown()], ids=["known", "unknown"])
@pytest.mark.parametrize("fields", [{"drain_order": "drain", "drain_since": ago(1)}, {"deleting": True}])
def test_a_pool_with_an_unfinished_pod_is_not_drained(queue, fields):
    assert drained([make_pod(1, **fields)], queue=queue) is False


@pytest.mark.parametrize("left", [{"rows": (make_row(1),)}, {"pods": [make_pod(1, PodStage.ENDED)]}])
def test_a_job_that_the_server_still_credits_to_a_runner_of_the_pool_is_in_hand(left):
    assert drained(queue=known(0, held={1: 1}), **left) is False


@pytest.mark.parametrize("fields", [{"queue": unknown()}, {"rows": None}])
def test_without_the_servers_word_nobody_knows_whether_a_pool_is_drained(fields):
    assert drained(**fields) is None


@pytest.mark.parametrize("pool", [make_pool(), HOLD])
def test_a_pool_in_another_mode_is_not_drained(pool):
    assert drained(pool=pool) is False


def test_the_deadline_of_a_drain_is_the_next_one():
    snapshot = make_snapshot(known(0), [make_pod(1, drain_order="drain", drain_since=ago(21500))], pool=DRAIN)

    assert plan(snapshot).recheck_after == timedelta(seconds=100)
