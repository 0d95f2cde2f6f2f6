"""How many sick pods are replaced at once, and what holds that up."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.failure_causes import FailureCause
from runnerpool.planning.failures import Failure
from runnerpool.planning.plan import Create, Discard, Drain, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import ago, known, make_pod, make_pool, make_row, make_snapshot, pod_called, unknown


def pods(healthy, sick, *, age=60.0):
    well = [make_pod(number) for number in range(1, healthy + 1)]
    ill = [
        make_pod(number, PodStage.STARTING, started=True, unready_since=ago(age))
        for number in range(healthy + 1, healthy + sick + 1)
    ]
    return [*well, *ill]


def world(healthy, sick, **fields):
    members = pods(healthy, sick)
    queue = known(0, held={pod.ordinal: 1 for pod in members})
    return make_snapshot(queue, members, **({"known_since": ago(9999)} | fields))


def gone(snapshot):
    return [step.pod for step in plan(snapshot).steps if isinstance(step, Drain | Discard)]


def made(snapshot):
    return sum(len(step.ordinals) for step in plan(snapshot).steps if isinstance(step, Reserve))


def test_another_pod_is_made_for_one_that_was_given_up_and_its_job_may_come_back_to_it():
    snapshot = world(0, 1)

    assert gone(snapshot) == [pod_called(1)]
    assert made(snapshot) == 1


def test_as_long_as_a_sick_pod_holds_a_job_another_is_kept_ready_for_it():
    given_up = make_pod(
        1, PodStage.STARTING, started=True, drain_order="drain", drain_since=ago(60), drain_reason="Unready"
    )
    snapshot = make_snapshot(known(0, held={1: 1}), [given_up, make_pod(2)], known_since=ago(9999))

    decision = plan(snapshot)

    assert (decision.desired, decision.steps) == (1, ())
    assert "1 in the hands of sick ones" in decision.terms[0].why


def test_a_quarter_of_the_pool_is_replaced_at_a_time():
    pool = make_pool(scaling={"maxReplicas": 20})

    assert len(gone(world(6, 5, pool=pool))) == 2


def test_while_replacements_are_on_their_way_the_next_ones_wait():
    members = [*pods(6, 4), make_pod(11, PodStage.STARTING), make_pod(12, PodStage.STARTING)]
    queue = known(0, held={pod.ordinal: 1 for pod in members})

    assert (
        len(gone(make_snapshot(queue, members, known_since=ago(9999), pool=make_pool(scaling={"maxReplicas": 20}))))
        == 1
    )


def test_pods_that_no_node_has_room_for_hold_up_no_replacement():
    waiting = make_pod(11, PodStage.STARTING, has_run=False, unschedulable="0/3 nodes are available", created=ago(121))
    members = [*pods(3, 1), waiting]
    queue = known(0, held={pod.ordinal: 1 for pod in members})

    snapshot = make_snapshot(queue, members, known_since=ago(9999), pool=make_pool(scaling={"maxReplicas": 5}))

    assert gone(snapshot) == [pod_called(4)]


def test_when_most_of_the_pool_is_sick_at_once_the_breaker_holds_and_says_why():
    snapshot = world(2, 8, breaker_replaced=ago(299))

    decision = plan(snapshot)

    assert gone(snapshot) == []
    assert decision.breaker.startswith("8 of 10 pods look sick at once")
    assert decision.recheck_after == timedelta(seconds=1)


def test_while_the_breaker_holds_one_pod_is_replaced_every_five_minutes():
    assert len(gone(world(2, 8))) == 1
    assert len(gone(world(2, 8, breaker_replaced=ago(300)))) == 1


def test_pods_that_are_sick_for_a_moment_only_count_for_the_breaker():
    members = [*pods(2, 2), *pods(0, 10, age=15)[4:]]
    queue = known(0, held={pod.ordinal: 1 for pod in members})

    assert plan(make_snapshot(queue, members, known_since=ago(9999))).breaker


def test_half_a_pool_may_be_sick_without_the_breaker():
    assert plan(world(5, 5)).breaker == ""


def test_the_breaker_never_holds_below_three_sick_pods_nor_in_a_pool_of_three():
    strict = make_pool(lifecycle={"maxUnhealthyPercent": 0})

    assert plan(world(3, 2, pool=strict)).breaker == ""
    assert plan(world(0, 3, pool=strict)).breaker == ""
    assert plan(world(1, 3, pool=strict)).breaker != ""


def test_a_pool_that_tolerates_everything_has_no_breaker():
    assert plan(world(0, 8, pool=make_pool(lifecycle={"maxUnhealthyPercent": 100}))).breaker == ""


def failures(count, age):
    return (Failure(cause=FailureCause.UNREADY, count=count, last=ago(age)),)


def test_a_cause_that_comes_again_and_again_is_answered_ever_later():
    assert gone(world(3, 1, failures=failures(4, 15))) == []
    assert len(gone(world(3, 1, failures=failures(4, 25)))) == 1
    assert plan(world(3, 1, failures=failures(4, 15))).recheck_after is not None


def test_another_cause_does_not_hold_a_replacement_back():
    other = (Failure(cause=FailureCause.RUNNER_HUNG, count=8, last=ago(1)),)

    assert len(gone(world(3, 1, failures=other))) == 1


def test_what_fails_again_and_again_is_tried_with_one_pod_at_a_time():
    snapshot = make_snapshot(known(5), failures=failures(2, 100))

    assert made(snapshot) == 1
    assert made(make_snapshot(known(5), [make_pod(1, PodStage.STARTING)], failures=failures(2, 100))) == 0
    assert made(make_snapshot(known(5), failures=failures(1, 100))) == 5


def test_a_promise_is_kept_for_one_pod_only_while_what_is_made_fails_again():
    snapshot = make_snapshot(known(5), reserved=(1, 2, 3), failures=failures(2, 100))

    assert [step.ordinal for step in plan(snapshot).steps if isinstance(step, Create)] == [1]


def test_new_pods_wait_for_the_end_of_the_delay():
    decision = plan(make_snapshot(known(1), failures=failures(8, 10)))

    assert decision.steps == ()
    assert decision.recheck_after > timedelta(seconds=200)


def test_nobody_is_replaced_while_the_queue_is_unknown():
    lost = make_pod(1, PodStage.STARTING, started=True, lost_since=ago(900))

    assert gone(make_snapshot(unknown(), [lost])) == []


def test_the_job_that_a_deaf_runner_let_lie_is_named():
    idle = make_pod(1, ready_since=ago(300))
    snapshot = make_snapshot(known(1, pending_since={"job-7": ago(200)}), [idle], rows=(make_row(1),))

    (step,) = [step for step in plan(snapshot).steps if isinstance(step, Drain)]

    assert "job-7" in step.message


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 100))
def test_no_more_than_a_quarter_of_the_pool_and_at_least_one_goes_at_once(healthy, sick, percent):
    pool = make_pool(scaling={"maxReplicas": 30}, lifecycle={"maxUnhealthyPercent": percent})

    told = len(gone(world(healthy, sick, pool=pool)))

    assert told <= max(1, (healthy + sick) // 4)
    assert told >= min(1, sick)
