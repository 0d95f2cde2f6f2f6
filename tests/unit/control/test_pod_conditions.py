"""What the conditions say of pods and of the jobs that they are handed."""

import pytest

from runnerpool.api.failure_causes import FailureCause
from runnerpool.control.pod_conditions import drained, job_types_served, overridden, progressing, runners_healthy
from runnerpool.planning.failures import Failure
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from support.builders import (
    ANCIENT,
    MODERN,
    WEB_VIDEO,
    ago,
    known,
    make_pod,
    make_pool,
    make_row,
    make_snapshot,
    unknown,
)

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


def health(snapshot, failures=(), last_end=""):
    condition = runners_healthy(snapshot, plan(snapshot), failures, last_end)
    return condition.status, condition.reason, condition.message


def sick_pods(count, healthy=0):
    ill = [
        make_pod(number, PodStage.STARTING, started=True, unready_since=ago(30), created=ago(90))
        for number in range(1, count + 1)
    ]
    well = [make_pod(count + number) for number in range(1, healthy + 1)]
    return make_snapshot(known(9), [*ill, *well], known_since=ago(900))


def test_without_pods_there_is_nothing_sick():
    assert health(make_snapshot())[:2] == (True, "NoRunners")
    assert health(make_snapshot(known(1), [make_pod(1)]))[:2] == (True, "RunnersReady")


def test_a_sick_pod_is_named_with_the_remedy():
    status, reason, message = health(sick_pods(1))

    assert (status, reason) == (False, "Unready")
    assert message.startswith("Unready: pod vod-0a1b2-1; check network")


def test_no_more_than_five_sick_pods_are_named():
    assert "vod-0a1b2-5 and 1 more" in health(sick_pods(6, healthy=7))[2]


def test_the_breaker_is_told_before_the_pods():
    assert health(sick_pods(4))[1] == "MostPodsSick"


def test_the_failure_that_was_last_is_told_with_how_it_ended_and_the_remedy():
    failures = (
        Failure(cause=FailureCause.RUNNER_HUNG, count=1, last=ago(60)),
        Failure(cause=FailureCause.OUT_OF_MEMORY, count=3, last=ago(5)),
    )

    status, reason, message = health(make_snapshot(), failures, "vod-0a1b2-7: OOMKilled")

    assert (status, reason) == (False, "OutOfMemory")
    assert message.startswith("OutOfMemory, 3 in a row; the last pod that failed was vod-0a1b2-7: OOMKilled; new pods")
    assert "resources.limits.memory" in message


def test_a_failure_that_an_earlier_process_saw_is_told_without_a_name():
    failures = (Failure(cause=FailureCause.RUNNER_HUNG, count=1, last=ago(60)),)

    assert health(make_snapshot(), failures)[2].startswith("RunnerHung, 1 in a row; new pods")


def test_a_row_that_is_kept_for_its_delays_alone_is_told_no_more():
    row = Failure(cause=FailureCause.UPLOAD_REJECTED, count=2, last=ago(15 * 60))

    assert health(make_snapshot(), (row,))[:2] == (True, "NoRunners")
