from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from runnerpool.api.conditions import Condition, ConditionType
from runnerpool.api.reasons import Reason
from runnerpool.metrics import Metrics
from runnerpool.planning.planner import plan
from runnerpool.planning.snapshot import PodStage
from runnerpool.planning.stuck import StuckCause, StuckJob
from support.builders import NOW, gated, known, make_job, make_pod, make_pool, make_snapshot, pod_called, unknown

KEY = ("media", "vod")
LABELS = {"namespace": "media", "pool": "vod"}


@pytest.fixture
def metrics():
    return Metrics()


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, LABELS | labels)


def tell(metrics, snapshot):
    metrics.planned(snapshot, plan(snapshot))


def test_pods_are_counted_by_state(metrics):
    pods = [
        gated(1),
        make_pod(2, PodStage.STARTING),
        make_pod(3),
        make_pod(4),
        make_pod(5, drain_order="drain", drain_since=NOW),
        make_pod(6, PodStage.ENDED, succeeded=True),
    ]

    tell(metrics, make_snapshot(known(held={4: 1}), pods))

    states = ("gated", "starting", "idle", "busy", "draining", "ended")
    assert [value(metrics, "runnerpool_replicas", state=state) for state in states] == [1] * 6


def test_a_known_queue_is_told_with_its_age(metrics):
    queue = known(5, waiting_for_parent=2, oldest_pending_time=NOW - timedelta(seconds=90))

    tell(metrics, make_snapshot(queue))

    assert value(metrics, "runnerpool_queue_known") == 1
    assert value(metrics, "runnerpool_queue_jobs", state="pending") == 5
    assert value(metrics, "runnerpool_queue_jobs", state="waiting_for_parent") == 2
    assert value(metrics, "runnerpool_queue_oldest_pending_seconds") == 90


def test_an_unknown_queue_is_no_zero(metrics):
    tell(metrics, make_snapshot(known(5)))
    tell(metrics, make_snapshot(unknown()))

    assert value(metrics, "runnerpool_queue_known") == 0
    assert value(metrics, "runnerpool_queue_jobs", state="pending") == 5


def test_the_bounds_and_the_decision_are_told(metrics):
    tell(metrics, make_snapshot(known(50), pool=make_pool(scaling={"minReplicas": 1, "maxReplicas": 4})))

    assert value(metrics, "runnerpool_desired_replicas") == 4
    assert value(metrics, "runnerpool_replicas_limit", bound="min") == 1
    assert value(metrics, "runnerpool_replicas_limit", bound="max") == 4


def test_passes_and_steps_are_counted(metrics):
    metrics.pass_done(KEY, "success", 0.02)
    metrics.step_done(KEY, "drain", Reason.SCALE_DOWN)

    assert value(metrics, "runnerpool_passes_total", result="success") == 1
    assert value(metrics, "runnerpool_pass_duration_seconds_count") == 1
    assert value(metrics, "runnerpool_steps_total", step="drain", reason="ScaleDown") == 1


def test_each_condition_has_one_status_that_holds(metrics):
    def found(kind, status):
        metrics.conditions_found(KEY, [Condition(type=kind, status=status, reason=Reason.STEADY, message="said")])

    def holds(kind):
        statuses = ("true", "false", "unknown")
        return {s for s in statuses if value(metrics, "runnerpool_pool_condition", type=str(kind), status=s)}

    found(ConditionType.READY, None)
    found(ConditionType.SPEC_VALID, True)
    assert holds(ConditionType.READY) == {"unknown"}
    found(ConditionType.READY, False)

    assert holds(ConditionType.READY) == {"false"}
    assert holds(ConditionType.SPEC_VALID) == {"true"}


def test_updated_pods_are_those_of_the_present_spec_that_may_take_work(metrics):
    pods = [
        make_pod(1, template_hash="new"),
        make_pod(2, template_hash="old"),
        make_pod(3, template_hash="new", drain_order="drain", drain_since=NOW),
        make_pod(4, PodStage.ENDED, template_hash="new", succeeded=True),
    ]
    snapshot = make_snapshot(known(5), pods)

    tell(metrics, replace(snapshot, template_hash="new"))
    assert value(metrics, "runnerpool_pool_updated_replicas") == 1

    tell(metrics, replace(snapshot, template_hash="new", edited={pod_called(1)}))
    assert value(metrics, "runnerpool_pool_updated_replicas") == 0

    tell(metrics, replace(snapshot, template_hash=""))
    assert value(metrics, "runnerpool_pool_updated_replicas") == 2


def test_the_series_of_a_pool_that_has_gone_vanish_and_no_others(metrics):
    tell(metrics, make_snapshot(known(5)))
    metrics.pass_done(KEY, "success", 0.02)
    metrics.pass_done(("media", "live"), "success", 0.02)
    ready = Condition(type=ConditionType.READY, status=True, reason=Reason.STEADY, message="said")
    metrics.conditions_found(KEY, [ready])

    metrics.forget(KEY)

    text = generate_latest(metrics.registry).decode()
    assert 'pool="vod"' not in text
    assert 'pool="live"' in text


def test_calls_to_both_servers_are_counted(metrics):
    metrics.peertube_request("video.example.org", "login", "200", 0.1)
    metrics.peertube_login("video.example.org", "success")
    metrics.kube_request("GET", "pods", "200", 0.1)

    text = generate_latest(metrics.registry).decode()
    assert 'runnerpool_peertube_requests_total{code="200",operation="login",server="video.example.org"} 1.0' in text
    assert 'runnerpool_peertube_logins_total{result="success",server="video.example.org"} 1.0' in text
    assert 'runnerpool_operator_kube_requests_total{code="200",resource="pods",verb="GET"} 1.0' in text


def test_the_series_of_a_server_that_nobody_asks_any_more_vanish_and_no_others(metrics):
    for server in ("video.example.org", "review-7.example.org"):
        metrics.peertube_request(server, "login", "200", 0.1)
        metrics.peertube_login(server, "success")

    metrics.forget_server("review-7.example.org")

    text = generate_latest(metrics.registry).decode()
    assert "review-7" not in text
    assert text.count('server="video.example.org"') == text.count("server=")


def test_a_clock_that_was_behind_gives_no_negative_age(metrics):
    tell(metrics, make_snapshot(known(1, oldest_pending_time=NOW + timedelta(seconds=5))))

    assert value(metrics, "runnerpool_queue_oldest_pending_seconds") == 0


def test_a_pod_of_another_name_than_any_busy_one_is_idle(metrics):
    pod = replace(make_pod(1), name=pod_called(9))

    tell(metrics, make_snapshot(known(held={1: 1}), [pod]))

    assert value(metrics, "runnerpool_replicas", state="idle") == 1


def test_stuck_jobs_are_told_by_cause_and_causes_that_have_none_are_zero(metrics):
    job = make_job(state=2, updated=NOW - timedelta(seconds=900))
    metrics.stuck_found(KEY, [StuckJob(job=job, cause=StuckCause.WATCHDOG_SILENT)], NOW)

    assert value(metrics, "runnerpool_queue_stuck_jobs", cause="WatchdogSilent") == 1
    assert value(metrics, "runnerpool_queue_stuck_oldest_seconds", cause="WatchdogSilent") == 900
    assert value(metrics, "runnerpool_queue_stuck_jobs", cause="CompletingForever") == 0

    metrics.stuck_found(KEY, [], NOW)

    assert value(metrics, "runnerpool_queue_stuck_jobs", cause="WatchdogSilent") == 0
    assert value(metrics, "runnerpool_queue_stuck_oldest_seconds", cause="WatchdogSilent") == 0


def test_lost_work_adds_up_and_reclaims_are_told_by_way(metrics):
    metrics.lost_work(KEY, "OutOfMemory", 30)
    metrics.lost_work(KEY, "OutOfMemory", 12)
    metrics.reclaimed(KEY, "abort", 3)
    metrics.reclaimed(KEY, "watchdog", 140)

    assert value(metrics, "runnerpool_lost_work_seconds_total", cause="OutOfMemory") == 42
    assert value(metrics, "runnerpool_reclaim_duration_seconds_sum", way="watchdog") == 140
    assert value(metrics, "runnerpool_reclaim_duration_seconds_bucket", way="abort", le="5.0") == 1


def test_of_a_pool_that_has_gone_no_trouble_is_told_any_more(metrics):
    metrics.stuck_found(KEY, [], NOW)
    metrics.lost_work(KEY, "OutOfMemory", 30)
    metrics.reclaimed(KEY, "abort", 3)

    metrics.forget(KEY)

    assert b'pool="vod"' not in generate_latest(metrics.registry)
