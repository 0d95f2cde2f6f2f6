from datetime import timedelta

import pytest

from runnerpool.api.reasons import Reason
from runnerpool.planning.plan import Drain, Reserve
from runnerpool.planning.planner import plan
from support.builders import ANCIENT, NOW, known, make_pod, make_pool, make_snapshot, pod_called, unknown

TOMORROW = "until=2026-11-24T12:00:00Z"


def pool(text, **parts):
    return make_pool(override=text, **parts)


def decided(text, pods=(), *, queue=None, scaling=None, **fields):
    return plan(make_snapshot(queue or known(0), pods, pool=pool(text, scaling=scaling or {}), **fields))


@pytest.mark.parametrize(
    ("replicas", "desired"), [(3, 3), (0, 0), (40, 10)], ids=["as asked", "below the floor", "above the cap"]
)
@pytest.mark.parametrize("queue", [known(0), known(9), unknown()], ids=["empty", "long", "unknown"])
def test_an_override_fixes_the_number_whatever_queue_and_floor_say(replicas, desired, queue):
    decision = decided(f"replicas={replicas},{TOMORROW}", queue=queue, scaling={"minReplicas": 1})

    assert (decision.desired, decision.reason) == (desired, Reason.OVERRIDE)
    assert decision.terms[-1].stage == "override"
    assert decision.terms[-1].after == desired


def test_an_override_makes_pods_while_the_queue_is_unknown():
    (step,) = decided(f"replicas=2,{TOMORROW}", queue=unknown()).steps

    assert isinstance(step, Reserve)
    assert step.ordinals == (1, 2)


def test_an_override_lets_idle_pods_go_by_the_rule_of_every_scale_down():
    pods = [make_pod(1), make_pod(2), make_pod(3, ready_since=NOW)]

    decision = decided(f"replicas=0,{TOMORROW}", pods, queue=known(5, held={1: 1}))

    assert [(step.pod, type(step)) for step in decision.steps] == [(pod_called(2), Drain)]


def test_an_override_takes_no_pod_while_the_queue_is_unknown():
    assert decided(f"replicas=0,{TOMORROW}", [make_pod(1)], queue=unknown()).steps == ()


def test_an_override_in_force_says_until_when():
    decision = decided(f"replicas=3,{TOMORROW}")

    assert (decision.override.in_force, decision.override.reason) == (True, Reason.OVERRIDE)
    assert "2026-11-24T12:00:00Z" in decision.override.message
    assert decision.recheck_after == timedelta(days=1)


def test_an_override_above_the_cap_says_that_the_cap_bounds_it():
    assert "maxReplicas" in decided(f"replicas=40,{TOMORROW}").message


def test_an_override_ends_at_its_time():
    decision = decided("replicas=3,until=2026-11-23T12:00:00Z")

    assert (decision.desired, decision.reason) == (0, Reason.STEADY)
    assert (decision.override.in_force, decision.override.reason) == (False, Reason.OVERRIDE_EXPIRED)
    assert decision.recheck_after is None


def test_an_override_that_cannot_be_read_is_ignored_and_tells_how_to_write_it():
    decision = decided("replicas=many")

    assert (decision.desired, decision.reason) == (0, Reason.STEADY)
    assert (decision.override.in_force, decision.override.reason) == (False, Reason.OVERRIDE_INVALID)
    assert "replicas=3,until=" in decision.override.message


def test_without_the_annotation_there_is_no_override():
    assert plan(make_snapshot()).override is None


@pytest.mark.parametrize(
    ("parts", "fields", "reason"),
    [
        ({"mode": "Hold"}, {}, Reason.MODE_HOLD),
        ({"mode": "Drain"}, {}, Reason.MODE_DRAIN),
        ({"deleting": True}, {}, Reason.POOL_DELETED),
        ({}, {"facts": ANCIENT}, Reason.JOB_TYPES_NOT_FILTERED),
    ],
)
def test_what_comes_before_an_override_is_told(parts, fields, reason):
    decision = plan(make_snapshot(known(0), pool=pool(f"replicas=3,{TOMORROW}", **parts), **fields))

    assert decision.reason is reason
    assert (decision.override.in_force, decision.override.reason) == (False, reason)
    assert decision.override.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [("replicas=3,until=2026-11-23T12:00:00Z", Reason.OVERRIDE_EXPIRED), ("x", Reason.OVERRIDE_INVALID)],
)
def test_an_override_that_would_not_count_anyway_is_told_as_such_in_any_mode(text, reason):
    assert plan(make_snapshot(pool=pool(text, mode="Hold"))).override.reason is reason
