from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from runnerpool.api.conditions import Condition, ConditionType
from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.reasons import Reason
from runnerpool.planning.failures import Failure
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from runnerpool.planning.status import status_of
from support.builders import ago, gated, known, make_pod, make_snapshot, outdated, pod_called, superseded, unknown
from support.crd import faults, schema_of
from support.strategies import snapshots

READY = Condition(type=ConditionType.READY, status=True, reason=Reason.STEADY, message="well")


def reported(snapshot, previous=None):
    return status_of(snapshot, plan(snapshot), (READY,), previous or {})


def without_nothing(patch):
    """What a merge patch leaves of itself: None removes."""
    return {
        name: without_nothing(value) if isinstance(value, dict) else value
        for name, value in patch.items()
        if value is not None
    }


def test_pods_are_counted_by_what_they_do():
    pods = [
        gated(1),
        make_pod(2, PodStage.STARTING, created=ago(1)),
        make_pod(3),
        make_pod(4),
        make_pod(5, drain_order="drain", drain_since=ago(1)),
        make_pod(6, deleting=True),
        make_pod(7, PodStage.ENDED),
    ]

    status = reported(make_snapshot(known(5, held={3: 1, 5: 1}), pods))

    assert {name: count for name, count in status.items() if name.endswith("Replicas") or name == "replicas"} == {
        "replicas": 6,
        "updatedReplicas": 4,
        "readyReplicas": 4,
        "unhealthyReplicas": 0,
        "busyReplicas": 2,
        "idleReplicas": 1,
        "drainingReplicas": 2,
        "desiredReplicas": 6,
    }


def test_pods_of_the_present_settings_are_counted_though_an_earlier_release_built_them():
    pods = [make_pod(1), superseded(2), outdated(3), make_pod(4, drain_order="drain", drain_since=ago(1))]

    assert reported(make_snapshot(known(5), pods))["updatedReplicas"] == 2


def test_a_pod_that_somebody_has_changed_is_no_updated_one():
    snapshot = make_snapshot(known(5), [make_pod(1), make_pod(2)], edited={pod_called(2)})

    assert reported(snapshot)["updatedReplicas"] == 1


def test_without_knowing_the_present_template_nobody_tells_how_many_pods_bear_it():
    before = reported(make_snapshot(known(2), [make_pod(1)]))

    status = reported(make_snapshot(known(2), [make_pod(1)], template_hash=""), before)

    assert status["updatedReplicas"] is None


def test_failures_are_told_by_cause_and_gone_when_they_are_forgotten():
    failure = Failure(cause=FailureCause.RUNNER_HUNG, count=2, last=ago(5))
    snapshot = make_snapshot(known(1), [make_pod(1)])

    told = status_of(snapshot, plan(snapshot), (READY,), {}, (failure,))
    assert told["failures"] == [{"cause": "RunnerHung", "count": 2, "lastTime": "2026-11-23T11:59:55Z"}]

    assert reported(snapshot, told)["failures"] is None


def test_the_queue_is_told_in_jobs():
    queue = known(
        3, completing=1, waiting_for_parent=4, oldest_pending_time=ago(90), complete=False, held={1: 1}, processing=7
    )

    assert reported(make_snapshot(queue))["queue"] == {
        "pending": 3,
        "processing": 7,
        "completing": 1,
        "waitingForParent": 4,
        "oldestPendingTime": "2026-11-23T11:58:30Z",
        "complete": False,
    }


def test_the_decision_is_told_with_the_way_to_it():
    decision = reported(make_snapshot(known(40)))["lastDecision"]

    assert (decision["desired"], decision["reason"], decision["time"]) == (10, "AtMaxReplicas", "2026-11-23T12:00:00Z")
    assert decision["terms"][-1] == {"stage": "maxReplicas", "before": 40, "after": 10, "why": "maxReplicas is 10"}


def test_an_unchanged_world_gives_an_equal_status_however_late():
    snapshot = make_snapshot(known(2), [make_pod(1)])
    before = reported(snapshot)

    assert reported(replace(snapshot, now=snapshot.now + timedelta(hours=1)), before) == before


def test_the_time_of_the_decision_moves_when_the_decision_does():
    snapshot = make_snapshot(known(2))
    before = reported(snapshot)

    after = reported(replace(snapshot, queue=known(3), now=snapshot.now + timedelta(hours=1)), before)

    assert after["lastDecision"]["time"] == "2026-11-23T13:00:00Z"


def test_unknown_is_not_zero():
    status = reported(make_snapshot(unknown(), [make_pod(1)]))

    assert not {"queue", "busyReplicas", "idleReplicas"} & status.keys()
    assert status["replicas"] == 1


def test_what_is_not_known_any_more_is_removed():
    before = reported(make_snapshot(known(2), [make_pod(1)]))

    status = reported(make_snapshot(unknown(), [make_pod(1)]), before)

    assert (status["queue"], status["busyReplicas"], status["idleReplicas"]) == (None, None, None)


def test_the_age_of_the_oldest_job_is_removed_with_the_last_job():
    before = reported(make_snapshot(known(1, oldest_pending_time=ago(90))))

    status = reported(make_snapshot(known(0)), before)

    assert status["queue"]["oldestPendingTime"] is None


def test_what_is_removed_once_is_not_removed_again():
    first = reported(make_snapshot(known(1, oldest_pending_time=ago(90))))
    second = without_nothing(reported(make_snapshot(unknown()), first))

    assert reported(make_snapshot(unknown()), second) == second


@pytest.mark.parametrize("field", ["reserved", "lastOrdinal"])
def test_a_report_never_touches_what_is_written_under_a_precondition(field):
    previous = {"reserved": [4], "lastOrdinal": 4}

    assert field not in reported(make_snapshot(known(2), reserved=(4,), last_ordinal=4), previous)


def test_fields_of_others_in_the_status_are_left_alone():
    assert "future" not in reported(make_snapshot(), {"future": 1})


@given(snapshots())
def test_every_status_is_one_that_the_resource_allows(snapshot):
    status = reported(snapshot)

    assert faults(schema_of("status"), status) == []
