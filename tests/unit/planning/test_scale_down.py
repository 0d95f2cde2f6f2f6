from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Discard, Drain
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import NOW, ago, gated, known, make_pod, make_pool, make_snapshot, pod_called, unknown


def gone(snapshot):
    return [step.pod for step in plan(snapshot).steps if isinstance(step, Drain | Discard)]


def test_an_idle_pod_that_is_not_needed_is_drained():
    (drain,) = plan(make_snapshot(known(0), [make_pod(1)])).steps

    assert isinstance(drain, Drain)
    assert (drain.pod, drain.uid, drain.order) == (pod_called(1), "uid-1", "drain")
    assert drain.reason is Reason.SCALE_DOWN


def test_a_pod_that_holds_a_job_is_never_drained_by_scale_down():
    pods = [make_pod(1), make_pod(2)]

    assert gone(make_snapshot(known(0, held={1: 1}), pods)) == [pod_called(2)]


def test_the_target_keeps_its_pods_however_long_they_are_idle():
    assert gone(make_snapshot(known(2), [make_pod(1), make_pod(2)])) == []


@pytest.mark.parametrize(
    ("what", "fields", "memory"),
    [
        ("ready", {"ready_since": ago(299)}, {}),
        ("a job seen", {}, {"last_job_seen": {pod_called(1): ago(299)}}),
        ("the operator's start", {}, {"observed_since": ago(299)}),
    ],
)
def test_idle_time_counts_from_the_latest_of_three_moments(what, fields, memory):
    young = make_snapshot(known(0), [make_pod(1, **fields)], **memory)

    assert gone(young) == []
    assert plan(young).recheck_after == timedelta(seconds=1)


def test_idle_for_exactly_idle_seconds_is_long_enough():
    assert gone(make_snapshot(known(0), [make_pod(1, ready_since=ago(300))])) == [pod_called(1)]


def test_without_a_cool_down_a_pod_goes_at_once():
    pool = make_pool(scaling={"idleSeconds": 0})

    assert gone(make_snapshot(known(0), [make_pod(1, ready_since=NOW)], pool=pool)) == [pod_called(1)]


def test_a_starting_pod_counts_as_idle_from_its_creation():
    starting = make_pod(1, PodStage.STARTING, created=ago(300))

    assert gone(make_snapshot(known(0), [starting])) == [pod_called(1)]
    assert gone(make_snapshot(known(0), [make_pod(1, PodStage.STARTING, created=ago(299))])) == []


def test_a_pod_whose_container_never_ran_is_thrown_away_rather_than_told():
    (step,) = plan(make_snapshot(known(0), [make_pod(1, PodStage.STARTING, has_run=False)])).steps

    assert isinstance(step, Discard)


def test_a_gated_pod_that_is_not_needed_is_thrown_away_at_once():
    (step,) = plan(make_snapshot(known(0), [gated(1)])).steps

    assert isinstance(step, Discard)
    assert step.reason is Reason.SCALE_DOWN


def test_a_gated_pod_goes_before_an_idle_one():
    assert gone(make_snapshot(known(1), [make_pod(1), gated(2)])) == [pod_called(2)]


def test_a_promised_pod_goes_before_any_that_is_there():
    assert gone(make_snapshot(known(1), [make_pod(1)], reserved=(2,))) == []


def test_unready_pods_go_first_then_those_on_the_emptiest_nodes_then_by_name():
    pods = [
        make_pod(1, node="a-full"),
        make_pod(2, node="a-full"),
        make_pod(3, node="c-half"),
        make_pod(4, node="b-half"),
        make_pod(5, PodStage.STARTING, node="a-full"),
        make_pod(6, PodStage.STARTING, has_run=False),
        make_pod(7, node="a-full"),
    ]

    order = [gone(make_snapshot(known(7 - count), pods))[-1] for count in range(1, 3)]
    assert order == [pod_called(6), pod_called(5)]
    assert gone(make_snapshot(known(0), pods)) == [pod_called(o) for o in (6, 5, 4, 3, 1, 2, 7)]


def test_only_as_many_go_as_the_target_can_do_without():
    pods = [make_pod(ordinal) for ordinal in (3, 1, 2)]

    assert gone(make_snapshot(known(2), pods)) == [pod_called(1)]


def test_a_pod_with_one_of_two_slots_idle_stays():
    pool = make_pool(runner={"concurrency": 2})
    pods = [make_pod(1), make_pod(2)]

    assert gone(make_snapshot(known(0, held={1: 1, 2: 1}), pods, pool=pool)) == []


def test_an_unknown_queue_drains_nobody():
    assert gone(make_snapshot(unknown(), [make_pod(1), gated(2), gated(3, age=3600)])) == []


def test_an_unknown_queue_drains_nobody_though_the_cap_was_lowered():
    pool = make_pool(scaling={"maxReplicas": 1})

    assert gone(make_snapshot(unknown(), [make_pod(1), make_pod(2)], pool=pool)) == []


def test_a_lowered_cap_drains_busy_pods_too_so_that_they_take_no_more():
    pool = make_pool(scaling={"maxReplicas": 1})
    pods = [make_pod(1), make_pod(2), make_pod(3, ready_since=NOW)]

    decision = plan(make_snapshot(known(9, held={1: 1, 2: 1}), pods, pool=pool))

    drains = [step for step in decision.steps if isinstance(step, Drain)]
    assert [(step.pod, step.reason) for step in drains] == [
        (pod_called(3), Reason.AT_CAP),
        (pod_called(1), Reason.AT_CAP),
    ]


def test_the_next_deadline_is_that_of_the_pod_that_may_go_soonest():
    pods = [make_pod(1, ready_since=ago(100)), make_pod(2, ready_since=ago(200)), make_pod(3, ready_since=ago(400))]

    assert plan(make_snapshot(known(0), pods)).recheck_after == timedelta(seconds=100)


def test_there_is_no_deadline_once_enough_have_gone():
    decision = plan(make_snapshot(known(1), [make_pod(1), make_pod(2, ready_since=ago(100))]))

    assert [step.pod for step in decision.steps] == [pod_called(1)]
    assert decision.recheck_after is None


def test_there_is_no_deadline_when_everybody_is_needed():
    assert plan(make_snapshot(known(2), [make_pod(1, ready_since=NOW), make_pod(2)])).recheck_after is None
