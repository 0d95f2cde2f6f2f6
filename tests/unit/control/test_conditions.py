"""What the conditions say of the number of pods."""

import re

import pytest
from hypothesis import given

from runnerpool.api.conditions import ConditionType
from runnerpool.api.failure_causes import FailureCause
from runnerpool.control.conditions import PassOutcome, conditions_of
from runnerpool.planning.failures import Failure
from runnerpool.planning.planner import plan
from support.builders import ago, known, make_pod, make_pool, make_snapshot
from support.strategies import snapshots

# 300 examples take a while on a busy machine.
pytestmark = pytest.mark.timeout(300)

ONE = make_pool(scaling={"maxReplicas": 1})
TWO_DRAIN = tuple(make_pod(number, drain_order="drain", drain_since=ago(60)) for number in (1, 2))
NUMBER_AND_WORD_DIFFER = re.compile(
    r"(?<![\w.-])(1 (free )?(pods|jobs|slots)\b|1 (free )?(pod|job|slot) (are|wait|stay)\b"
    r"|(?!1 )\d+ (free )?(pod|job|slot)\b)"
)


def limited(*args, **fields):
    snapshot = make_snapshot(*args, **fields)
    outcome = PassOutcome(snapshot=snapshot, plan=plan(snapshot), failures=snapshot.failures)
    return next(one for one in conditions_of(outcome) if one.type is ConditionType.SCALING_LIMITED)


def test_a_pool_that_has_the_pods_that_it_needs_is_not_limited():
    condition = limited(known(1), [make_pod(1)])

    assert (condition.status, condition.reason) == (False, "WithinBounds")


@pytest.mark.parametrize("pending", [1, 9], ids=["for one pod", "for more than maxReplicas"])
def test_a_pool_whose_draining_pods_keep_others_from_being_made_is_limited_by_those(pending):
    condition = limited(known(pending, held={1: 1, 2: 1}), TWO_DRAIN, pool=ONE)

    assert (condition.status, condition.reason) == (True, "AtMaxReplicas")
    assert "raise maxReplicas" in condition.message
    assert "2 pods are draining" in condition.message


def test_a_pool_whose_new_pods_are_held_up_by_failures_is_limited_by_those():
    failure = Failure(cause=FailureCause.IMAGE_PULL_FAILED, count=4, last=ago(1))

    condition = limited(known(1), failures=(failure,))

    assert (condition.status, condition.reason) == (True, "ImagePullFailed")
    assert "check runner.image" in condition.message


def test_a_pool_that_needs_more_than_it_may_have_is_at_its_cap():
    condition = limited(known(9), [make_pod(1)], pool=ONE)

    assert (condition.status, condition.reason) == (True, "AtMaxReplicas")
    assert "9 pods are needed" in condition.message


@given(snapshots())
def test_number_and_word_agree_in_all_that_a_pool_tells(snapshot):
    decision = plan(snapshot)
    conditions = conditions_of(PassOutcome(snapshot=snapshot, plan=decision, failures=snapshot.failures))
    steps, terms = (step.message for step in decision.steps), (term.why for term in decision.terms)
    told = [decision.message, *terms, *steps, *(condition.message for condition in conditions)]

    assert [message for message in told if NUMBER_AND_WORD_DIFFER.search(message)] == []
