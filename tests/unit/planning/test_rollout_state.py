"""What a plan tells of a rollout, for status and conditions."""

from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import RolloutPhase
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import (
    ANCIENT,
    LIVE,
    NOW,
    ago,
    gated,
    known,
    make_pod,
    make_pool,
    make_snapshot,
    outdated,
    pod_called,
    superseded,
    unknown,
)

TWO_WANTED = make_pool(scaling={"minReplicas": 2})
OLD_TWO = (outdated(1), outdated(2))


def state(pods, *, pool=TWO_WANTED, queue=None, **fields):
    return plan(make_snapshot(queue or known(0), pods, pool=pool, **fields)).rollout


def test_a_pool_of_present_pods_rolls_nothing_out():
    decision = plan(make_snapshot(known(0), [make_pod(1), make_pod(2)], pool=TWO_WANTED))

    assert (decision.rollout, decision.updated) == (None, 2)


def test_updated_pods_are_counted_while_they_may_take_work():
    pods = [
        *OLD_TWO,
        outdated(3, drain_order="drain", drain_since=ago(1)),
        outdated(4, PodStage.ENDED),
        superseded(5),
        make_pod(6),
        make_pod(7, drain_order="drain", drain_since=ago(1)),
    ]

    assert plan(make_snapshot(known(0), pods, pool=TWO_WANTED)).updated == 2


@pytest.mark.parametrize("pods", [OLD_TWO, (*OLD_TWO, gated(3))], ids=["not made yet", "gated"])
def test_a_rollout_tells_that_it_waits_for_its_first_pod(pods):
    rollout = state(pods)

    assert (rollout.phase, rollout.reason) == (RolloutPhase.FIRST_POD, Reason.ROLLING_OUT)
    assert "2 pods" in rollout.message


def test_a_first_pod_that_does_not_become_ready_stalls_the_rollout_and_is_named():
    starting = make_pod(3, PodStage.STARTING, created=ago(120))

    rollout = state((*OLD_TWO, starting))

    assert (rollout.phase, rollout.reason) == (RolloutPhase.FIRST_POD, Reason.ROLLOUT_STALLED)
    assert pod_called(3) in rollout.message


def test_a_first_pod_that_cannot_start_stalls_the_rollout_at_once_with_the_cause():
    starting = make_pod(3, PodStage.STARTING, created=ago(2), has_run=False, stuck="ErrImagePull")

    rollout = state((*OLD_TWO, starting))

    assert rollout.reason is Reason.ROLLOUT_STALLED
    assert f"{pod_called(3)} (ErrImagePull)" in rollout.message


def test_a_first_pod_has_two_minutes_before_the_rollout_is_called_stalled():
    snapshot = make_snapshot(known(0), (*OLD_TWO, make_pod(3, PodStage.STARTING, created=ago(119))), pool=TWO_WANTED)

    assert plan(snapshot).rollout.reason is Reason.ROLLING_OUT
    assert plan(snapshot).recheck_after == timedelta(seconds=1)


@pytest.mark.parametrize(
    ("pods", "fields"),
    [
        ((*OLD_TWO, make_pod(3, PodStage.ENDED, end="exit code 4")), {}),
        (OLD_TWO, {"create_not_before": NOW + timedelta(seconds=5)}),
    ],
    ids=["it failed", "the next try waits"],
)
def test_a_first_pod_that_failed_stalls_the_rollout(pods, fields):
    rollout = state(pods, **fields)

    assert (rollout.phase, rollout.reason) == (RolloutPhase.FIRST_POD, Reason.ROLLOUT_STALLED)


def test_a_rollout_tells_how_many_pods_are_still_to_be_replaced():
    rollout = state((*OLD_TWO, make_pod(3)))

    assert (rollout.phase, rollout.reason) == (RolloutPhase.REPLACING, Reason.ROLLING_OUT)
    assert "2 pods" in rollout.message


def test_old_busy_pods_of_a_pool_that_is_to_have_none_need_no_first_pod():
    override = make_pool(override="replicas=0,until=2026-12-01T08:00:00Z")

    assert state(OLD_TWO[:1], pool=override, queue=known(0, held={1: 1})).phase is RolloutPhase.REPLACING


def test_idle_pods_of_an_earlier_build_are_replaced_too():
    rollout = state((superseded(1), superseded(2)))

    assert (rollout.phase, rollout.reason) == (RolloutPhase.REPLACING, Reason.ROLLING_OUT)
    assert "build" in rollout.message


def test_busy_pods_of_an_earlier_build_are_no_rollout():
    assert state((superseded(1), superseded(2)), queue=known(0, held={1: 1, 2: 1})) is None


def test_pods_with_live_streams_hold_the_rollout():
    pool = make_pool(jobTypes=[LIVE], scaling={"idleSlots": 1})

    rollout = state((outdated(1), make_pod(2)), pool=pool, queue=known(0, held={1: 1}))

    assert (rollout.phase, rollout.reason) == (RolloutPhase.HELD_BY_LIVE, Reason.ROLLING_OUT)
    assert "1 pod " in rollout.message


@pytest.mark.parametrize(
    ("pool", "fields"),
    [
        (make_pool(mode="Hold"), {}),
        (TWO_WANTED, {"facts": ANCIENT}),
    ],
    ids=["mode Hold", "an old server that does not filter"],
)
def test_a_rollout_that_may_not_move_says_what_it_waits_for(pool, fields):
    rollout = state(OLD_TWO, pool=pool, **fields)

    assert (rollout.phase, rollout.reason) == (RolloutPhase.PAUSED, Reason.ROLLOUT_STALLED)


def test_a_rollout_waits_for_a_known_queue_without_a_warning():
    rollout = state(OLD_TWO, queue=unknown())

    assert (rollout.phase, rollout.reason) == (RolloutPhase.PAUSED, Reason.ROLLING_OUT)
    assert "the queue is unknown" in rollout.message


def test_an_unknown_queue_pauses_no_rollout_where_only_builds_differ():
    assert state((superseded(1), superseded(2)), queue=unknown()) is None


@pytest.mark.parametrize("pool", [make_pool(mode="Drain"), make_pool(deleting=True)], ids=["mode Drain", "deleted"])
def test_where_everything_goes_anyway_there_is_no_rollout(pool):
    assert state(OLD_TWO, pool=pool) is None


def test_the_message_holds_nothing_that_changes_with_the_time_alone():
    stuck = make_pod(3, PodStage.STARTING, created=ago(200))
    snapshot = make_snapshot(known(0), (*OLD_TWO, stuck), pool=TWO_WANTED)
    later = make_snapshot(known(0), (*OLD_TWO, stuck), pool=TWO_WANTED, now=NOW + timedelta(seconds=100))

    assert plan(snapshot).rollout == plan(later).rollout
