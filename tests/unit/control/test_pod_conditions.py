"""What the conditions say of pods and of the jobs that they are handed."""

import pytest

from runnerpool.control.pod_conditions import drained, job_types_served, overridden, progressing
from runnerpool.planning.planner import plan
from support.builders import ANCIENT, MODERN, WEB_VIDEO, known, make_pod, make_pool, make_row, make_snapshot, unknown

BEST_EFFORT = make_pool(jobTypes=[WEB_VIDEO], jobTypeFilter="BestEffort")
DRAINING = make_pool(mode="Drain")


def told(judge, snapshot):
    condition = judge(snapshot, plan(snapshot))
    return condition.status, condition.reason


def test_a_server_that_filters_and_has_the_types_on_serves_them():
    snapshot = make_snapshot(pool=make_pool(jobTypes=[WEB_VIDEO]), facts=MODERN)

    assert told(job_types_served, snapshot) == (True, "JobTypesServed")


def test_before_the_server_was_asked_nobody_knows_what_it_hands_out():
    assert told(job_types_served, make_snapshot(facts=None)) == (None, "NotYetRead")


def test_a_type_that_is_off_on_the_server_is_named_with_the_remedy():
    snapshot = make_snapshot(pool=make_pool(jobTypes=["video-transcription", WEB_VIDEO]), facts=MODERN)

    condition = job_types_served(snapshot, plan(snapshot))

    assert (condition.status, condition.reason) == (False, "RemoteRunnersDisabled")
    assert "video-transcription; switch them on" in condition.message


@pytest.mark.parametrize("pool", [make_pool(jobTypes=[WEB_VIDEO]), BEST_EFFORT], ids=["Require", "BestEffort"])
def test_an_old_server_that_mixes_types_is_told_whatever_the_choice(pool):
    assert told(job_types_served, make_snapshot(pool=pool, facts=ANCIENT)) == (False, "JobTypesNotFiltered")


def test_pods_that_start_are_progress():
    assert told(progressing, make_snapshot(known(1), [make_pod(1, "starting")])) == (True, "JobsPending")


def test_without_an_override_none_is_told():
    condition = overridden(plan(make_snapshot()))

    assert (condition.status, condition.reason) == (False, "NoOverride")


@pytest.mark.parametrize(
    ("annotation", "status", "reason"),
    [
        ("replicas=3,until=2099-01-01T00:00:00Z", True, "Override"),
        ("replicas=3,until=2001-01-01T00:00:00Z", False, "OverrideExpired"),
        ("replicas=many", False, "OverrideInvalid"),
    ],
)
def test_an_override_is_told_as_what_it_is(annotation, status, reason):
    pool = make_pool().model_copy(update={"override": annotation})

    condition = overridden(plan(make_snapshot(pool=pool)))

    assert (condition.status, condition.reason) == (status, reason)


@pytest.mark.parametrize(
    ("snapshot", "status", "reason"),
    [
        (make_snapshot(), False, "NotDraining"),
        (make_snapshot(known(held={1: 1}), [make_pod(1)], pool=DRAINING), False, "StillWorking"),
        (make_snapshot(unknown(), pool=DRAINING), None, "QueueUnknown"),
        (make_snapshot(pool=DRAINING, rows=(make_row(1),)), True, "Drained"),
    ],
)
def test_drained_is_told_only_when_no_pod_and_no_job_in_hand_is_left(snapshot, status, reason):
    assert told(drained, snapshot) == (status, reason)
