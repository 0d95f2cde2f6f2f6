"""Which pods look sick, and when their time has come."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runnerpool.api.failure_causes import FailureCause
from runnerpool.planning.census import take_census
from runnerpool.planning.planner import plan
from runnerpool.planning.sickness import sick_pods
from runnerpool.planning.snapshot import PodStage, RunnerRow
from support.builders import ago, known, make_pod, make_pool, make_snapshot, pod_called, unknown
from support.strategies import later, snapshots

STARTING = PodStage.STARTING


def unready(ordinal, age, **fields):
    return make_pod(ordinal, STARTING, started=True, unready_since=ago(age), **fields)


def starting(ordinal, age, **fields):
    return make_pod(ordinal, STARTING, scheduled_since=ago(age), **fields)


def sick(snapshot):
    return [(one.pod.ordinal, one.cause) for one in plan(snapshot).sick]


def told_to_go(snapshot):
    return {step.pod: str(step.reason) for step in plan(snapshot).steps if hasattr(step, "pod")}


def with_jobs(*pods, **fields):
    """A queue that needs all pods, so that nobody goes for want of work."""
    return make_snapshot(known(0, held={pod.ordinal: 1 for pod in pods}), pods, known_since=ago(9999), **fields)


@pytest.mark.parametrize(("age", "found"), [(9, []), (10, [(1, FailureCause.UNREADY)])])
def test_a_pod_that_is_not_ready_looks_sick_after_a_moment(age, found):
    assert sick(with_jobs(unready(1, age))) == found


def test_a_pod_that_is_not_ready_goes_after_the_tolerance():
    assert told_to_go(with_jobs(unready(1, 59))) == {}
    assert told_to_go(with_jobs(unready(1, 60))) == {pod_called(1): "Unready"}


def test_the_tolerance_is_the_pools():
    pool = make_pool(lifecycle={"unreadyToleranceSeconds": 20})

    assert told_to_go(with_jobs(unready(1, 20), pool=pool)) == {pod_called(1): "Unready"}


def test_the_moment_at_which_a_pods_time_comes_is_a_deadline():
    assert plan(with_jobs(unready(1, 59))).recheck_after == timedelta(seconds=1)


def test_while_the_queue_is_unknown_nobody_is_judged_by_contact_with_the_server():
    snapshot = make_snapshot(unknown(), [unready(1, 600)])

    assert sick(snapshot) == []
    assert told_to_go(snapshot) == {}


def test_after_a_server_was_away_for_all_the_tolerance_begins_anew():
    pods = [unready(1, 600)]
    queue = known(0, held={1: 1})

    assert told_to_go(make_snapshot(queue, pods, known_since=ago(59))) == {}
    assert told_to_go(make_snapshot(queue, pods, known_since=None)) == {}
    assert told_to_go(make_snapshot(queue, pods, known_since=ago(60))) == {pod_called(1): "Unready"}


def test_however_short_the_tolerance_pods_are_given_time_to_notice_that_their_server_is_back():
    pool = make_pool(lifecycle={"unreadyToleranceSeconds": 5})
    queue, pods = known(0, held={1: 1}), [unready(1, 600)]

    assert told_to_go(make_snapshot(queue, pods, known_since=ago(29), pool=pool)) == {}
    assert told_to_go(make_snapshot(queue, pods, known_since=ago(30), pool=pool)) == {pod_called(1): "Unready"}


def test_a_pod_on_a_lost_node_is_replaced_after_the_tolerance():
    pod = make_pod(1, STARTING, started=True, unready_since=ago(60), lost_since=ago(60))

    assert sick(with_jobs(pod)) == [(1, FailureCause.NODE_LOST)]
    assert told_to_go(with_jobs(pod)) == {pod_called(1): "NodeLost"}


def test_a_pod_whose_image_cannot_be_pulled_is_told_at_once_and_goes_at_the_deadline():
    assert sick(with_jobs(starting(1, 5, stuck="ErrImagePull"))) == [(1, FailureCause.IMAGE_PULL_FAILED)]
    assert told_to_go(with_jobs(starting(1, 299, stuck="ErrImagePull"))) == {}
    assert told_to_go(with_jobs(starting(1, 300, stuck="ImagePullBackOff"))) == {pod_called(1): "ImagePullFailed"}


def test_a_container_that_cannot_be_made_is_told_at_once():
    assert sick(with_jobs(starting(1, 5, stuck="CreateContainerConfigError"))) == [(1, FailureCause.STARTUP_FAILED)]


def test_a_slow_start_is_no_fault_until_the_deadline():
    assert sick(with_jobs(starting(1, 299))) == []
    assert plan(with_jobs(starting(1, 299))).recheck_after == timedelta(seconds=1)
    assert told_to_go(with_jobs(starting(1, 300))) == {pod_called(1): "StartupFailed"}


def test_the_deadline_counts_from_the_moment_a_pod_was_given_a_node():
    assert sick(with_jobs(make_pod(1, STARTING, created=ago(99999)))) == []


def deaf_snapshot(pods, jobs, *, contact=200.0, read=0.0, **fields):
    rows = tuple(RunnerRow(id=pod.ordinal, name=pod.name, last_contact=ago(contact)) for pod in pods)
    pending = {f"job-{number}": ago(age) for number, age in enumerate(jobs)}
    return make_snapshot(known(len(jobs), pending_since=pending, at=ago(read)), pods, rows=rows, **fields)


IDLE = make_pod(1, ready_since=ago(300))


def test_an_idle_runner_that_lets_a_job_lie_and_never_calls_is_deaf():
    snapshot = deaf_snapshot([IDLE], [120])

    assert sick(snapshot) == [(1, FailureCause.RUNNER_DEAF)]
    assert told_to_go(snapshot) == {pod_called(1): "RunnerDeaf"}
    assert plan(snapshot).sick[0].over == "job-0"


@pytest.mark.parametrize(
    "snapshot",
    [
        deaf_snapshot([IDLE], [119]),
        deaf_snapshot([IDLE], [120], contact=119),
        deaf_snapshot([make_pod(1, ready_since=ago(119))], [120]),
        deaf_snapshot([IDLE], [120], last_job_seen={IDLE.name: ago(119)}),
        deaf_snapshot([IDLE], [120], set_aside=frozenset({"job-0"})),
        make_snapshot(known(1, pending_since={"job-0": ago(500)}), [IDLE], rows=()),
        make_snapshot(known(1, pending_since={"job-0": ago(500)}), [IDLE], rows=None),
        make_snapshot(
            known(1, held={1: 1}, pending_since={"job-0": ago(500)}),
            [IDLE],
            rows=(RunnerRow(id=1, name=IDLE.name, last_contact=ago(500)),),
        ),
    ],
    ids=["young job", "it calls", "young pod", "just idle", "set aside", "no row", "rows unknown", "busy"],
)
def test_others_are_not_deaf(snapshot):
    assert sick(snapshot) == []


@pytest.mark.parametrize(
    ("read", "found"),
    [(0, [(1, FailureCause.RUNNER_DEAF)]), (30, [(1, FailureCause.RUNNER_DEAF)]), (31, [])],
)
def test_a_job_must_have_been_let_lie_for_long_when_the_queue_was_read(read, found):
    """Who was idle then may have taken it since."""
    assert sick(deaf_snapshot([IDLE], [150], read=read)) == found


@given(snapshots(), st.integers(0, 900))
def test_nobody_falls_deaf_by_the_passing_of_time_alone(snapshot, seconds):
    def deaf(seen):
        found = sick_pods(seen, take_census(seen))
        return [(one.pod.name, one.over) for one in found if one.cause is FailureCause.RUNNER_DEAF]

    assert deaf(later(snapshot, timedelta(seconds=seconds))) == deaf(snapshot)


def test_a_runner_that_never_called_is_judged_by_its_readiness():
    row = RunnerRow(id=1, name=IDLE.name)

    assert sick(make_snapshot(known(1, pending_since={"job": ago(120)}), [IDLE], rows=(row,)))


def test_one_job_shows_one_deaf_runner_at_most():
    pods = [make_pod(number, ready_since=ago(300)) for number in (1, 2, 3)]

    assert sick(deaf_snapshot(pods, [120])) == [(1, FailureCause.RUNNER_DEAF)]
    assert len(sick(deaf_snapshot(pods, [120, 130]))) == 2


def test_pods_that_no_node_has_room_for_stay_and_after_two_minutes_no_more_are_made():
    waiting = make_pod(1, STARTING, created=ago(119), unschedulable="0/3 nodes are available")
    longer = make_pod(1, STARTING, created=ago(120), unschedulable="0/3 nodes are available")

    assert plan(make_snapshot(known(3), [waiting])).steps != ()
    decision = plan(make_snapshot(known(3), [longer]))
    assert decision.steps == ()
    assert decision.stranded
    assert [pod.name for pod in decision.unschedulable] == [longer.name]


def test_what_is_sick_is_told_while_a_pool_is_on_hold_and_nobody_goes():
    snapshot = with_jobs(unready(1, 600), pool=make_pool(mode="Hold"))

    assert sick(snapshot) == [(1, FailureCause.UNREADY)]
    assert told_to_go(snapshot) == {}
