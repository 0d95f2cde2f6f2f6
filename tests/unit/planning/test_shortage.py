"""What is told to keep a pool from the pods that it should have."""

from datetime import timedelta

import pytest
from hypothesis import given

from runnerpool.api.failure_causes import FailureCause
from runnerpool.planning.failures import Failure, in_a_row
from runnerpool.planning.plan import Create, Reserve
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import NOW, ago, gated, known, make_pod, make_pool, make_snapshot, outdated
from support.strategies import snapshots

# 300 examples take a while on a busy machine.
pytestmark = pytest.mark.timeout(300)

ONE = make_pool(scaling={"maxReplicas": 1})


def draining(count):
    return [make_pod(number, drain_order="drain", drain_since=ago(60)) for number in range(1, count + 1)]


def told(*args, **fields):
    short = plan(make_snapshot(*args, **fields)).shortage
    return short and str(short.reason)


def failed(count, *, seconds=1, cause=FailureCause.OUT_OF_MEMORY):
    return Failure(cause=cause, count=count, last=ago(seconds))


@pytest.mark.parametrize("pending", [1, 9])
def test_pods_that_drain_and_keep_others_from_being_made_are_told_with_the_remedy(pending):
    short = plan(make_snapshot(known(pending, held={1: 1, 2: 1}), draining(2), pool=ONE)).shortage

    assert short.reason == "AtMaxReplicas"
    assert "2 pods are draining" in short.message
    assert "runnerpool.dev/drain=abort" in short.message


def test_they_are_not_told_while_others_can_be_made_or_none_is_needed():
    assert told(known(1), draining(1), pool=ONE) is None
    assert told(known(0), draining(2), pool=ONE) is None
    assert told(known(1), [*draining(2), gated(3)], pool=ONE) is None


def test_they_are_told_also_if_some_of_the_missing_pods_can_be_made():
    assert told(known(2), draining(3), pool=make_pool(scaling={"maxReplicas": 2})) == "AtMaxReplicas"


def test_a_back_off_after_failures_is_told_by_their_cause_with_the_remedy():
    short = plan(make_snapshot(known(1), failures=(failed(3),))).shortage

    assert short.reason == "OutOfMemory"
    assert "OutOfMemory, 3 in a row" in short.message
    assert "resources.limits.memory" in short.message


def test_of_several_causes_the_last_is_told():
    failures = (failed(3, seconds=9), failed(2, cause=FailureCause.RUNNER_HUNG), failed(1, cause=FailureCause.EVICTED))

    assert told(known(1), failures=failures) == "RunnerHung"


def test_a_try_that_is_all_that_is_missing_is_no_shortage():
    over = (failed(2, seconds=600),)

    assert told(known(1), failures=over) is None
    assert told(known(1), [gated(1)], failures=over) is None
    assert told(known(2), failures=over) == "OutOfMemory"
    assert told(known(2), [gated(1)], failures=over) == "OutOfMemory"


def test_what_is_told_otherwise_is_no_shortage():
    """The first failure is answered at once; a refusal, a rollout, a server that was not asked yet have other words."""
    assert told(known(1), failures=(failed(1),)) is None
    assert told(known(1), create_not_before=NOW + timedelta(seconds=9)) is None
    assert told(known(3), [outdated(1), make_pod(2, PodStage.STARTING)]) is None
    assert told(known(1), draining(2), pool=ONE, facts=None) is None
    assert told(known(1), draining(2), pool=make_pool(scaling={"maxReplicas": 1}, mode="Hold")) is None


@given(snapshots(at_work=True))
def test_a_shortage_is_told_just_when_pods_are_missing_and_nothing_else_tells_why(snapshot):
    decision = plan(snapshot)
    made = sum(len(step.ordinals) for step in decision.steps if isinstance(step, Reserve))
    made += sum(isinstance(step, Create) for step in decision.steps)
    missing = decision.desired - sum(pod.may_take_work for pod in snapshot.pods) - made
    refused = snapshot.held_back_until is not None and not in_a_row(snapshot.failures)

    if not (decision.stranded or decision.rollout or refused):
        assert (decision.shortage is not None) == (missing > 0)
    assert decision.shortage is None or missing > 0


@given(snapshots())
def test_no_shortage_is_told_of_a_pool_that_has_what_it_should(snapshot):
    decision = plan(snapshot)

    if decision.desired <= sum(pod.may_take_work for pod in snapshot.pods):
        assert decision.shortage is None
