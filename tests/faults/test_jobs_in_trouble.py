"""Jobs that kill runners, stand still, or end in vain; runners without a pod; the ledger of what it cost."""

import time
from collections.abc import Callable

import pytest

from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_unfinished
from support.faults.staging import StageMaker
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

STORYBOARD = "generate-video-storyboard"
_EVERYTHING = "/api/.*"
_RESULTS = "/api/v1/runners/jobs/[^/]+/success"
# A job that nobody speaks for is back after 4 to 5 s, in the place of two minutes and a half.
_FAST_WATCHDOG = 30.0
_BACK_SECONDS = 20.0
_PENDING, _PROCESSING, _CANCELLED = 1, 2, 6

Ending = Callable[[FaultStage, str], None]


def job_state(stage: FaultStage, uuid: str) -> int:
    (job,) = [job for job in stage.server.client.jobs() if job["uuid"] == uuid]
    return int(job["state"]["id"])


def video_of(stage: FaultStage, uuid: str) -> str:
    (job,) = [job for job in stage.server.client.statistics().jobs if job.uuid == uuid]
    return job.video


def at_work_again(stage: FaultStage, end: Callable[[str], None]) -> str:
    """End the pod at work, when the operator knows that it is; the one that takes its job next."""
    first = stage.await_pod_at_work(within=30)
    known_at_work(stage)
    end(first)
    others = stage.until(
        lambda: [name for name in stage.player.holding() if name != first], "another pod at work", within=30
    )
    return str(others[0])


def known_at_work(stage: FaultStage) -> None:
    """The operator has seen the pod with its job: what ends before it looks costs a pod that nobody is blamed for."""
    stage.until(lambda: stage.status().get("busyReplicas") == 1, "a busy pod seen", within=15)


def runs_out_of_memory(stage: FaultStage, pod: str) -> None:
    stage.player.crash(pod, exit_code=137, reason="OOMKilled")


def crashes(stage: FaultStage, pod: str) -> None:
    stage.player.crash(pod)


def hangs(stage: FaultStage, pod: str) -> None:
    stage.player.hang(pod)


@pytest.mark.fault("poison")
@pytest.mark.parametrize(
    ("once", "again"),
    [pytest.param(runs_out_of_memory, crashes, id="crashed"), pytest.param(hangs, hangs, id="hung")],
)
def test_a_job_over_which_two_pods_ended_is_quarantined_and_cancelled_on_request(
    new_stage: StageMaker, case: Case, once: Ending, again: Ending
) -> None:
    stage = new_stage(clock_divisor=_FAST_WATCHDOG)
    stage.player.script = Script(job_seconds=FOREVER)
    stage.pool(scaling={"maxReplicas": 2}, lifecycle={"evictionGraceSeconds": 60})
    stage.wait_condition("Ready", status="True", within=30)
    stage.observer.suspend(Invariant.BACK_TO_GOAL, because="nobody is made for a job that kills runners")
    (job,) = stage.server.client.enqueue(WEB_VIDEO)

    # The cluster's doing, and a drain that was cut short: none of the job's.
    second = at_work_again(stage, stage.player.evict)
    third = at_work_again(stage, lambda pod: stage.kubectl("annotate", "pod", pod, "runnerpool.dev/drain=abort"))
    assert second != third
    assert "suspectJobs" not in stage.status()

    fourth = at_work_again(stage, lambda pod: once(stage, pod))
    stage.until(lambda: _counts(stage) == {job: 1}, "the job suspected", within=10)
    known_at_work(stage)
    begin = time.monotonic()
    again(stage, fourth)
    stage.until(lambda: _counts(stage) == {job: 2}, "the job quarantined", within=10)
    (event,) = stage.await_events("PoisonJob", within=10)
    case.told("PoisonJob", time.monotonic() - begin)
    assert all(text in event["message"] for text in (job, video_of(stage, job), "2 pods crashed", "poisonJobs: Cancel"))
    stage.until(lambda: job_state(stage, job) == _PENDING, "the job back in the queue", within=_BACK_SECONDS)
    time.sleep(3)
    assert stage.pods(is_unfinished) == []

    begin = time.monotonic()
    stage.change_pool(repair={"poisonJobs": "Cancel"})
    stage.until(lambda: job_state(stage, job) == _CANCELLED, "the job cancelled", within=15)
    case.healed(time.monotonic() - begin)
    stage.until(lambda: len(stage.events("PoisonJob")) == 2, "an event of the cancelling", within=10)


def _counts(stage: FaultStage) -> dict[str, int]:
    return {suspect["uuid"]: suspect["count"] for suspect in stage.status().get("suspectJobs") or ()}


@pytest.mark.fault("uploads")
def test_a_result_that_a_proxy_refuses_is_told_with_its_remedy_and_what_it_cost(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)
    faults.player.script = Script(job_seconds=2)
    faults.pool(scaling={"maxReplicas": 1}, lifecycle={"unreadyToleranceSeconds": 5})
    faults.wait_condition("Ready", status="True", within=30)
    faults.server.client.put_in_fault("status", path=_RESULTS, status=413)

    case.begins()
    faults.server.client.enqueue(WEB_VIDEO, count=2)
    faults.await_pod_at_work(within=20)
    # What the runner begins after the first would outlast every tolerance.
    faults.player.script = Script(job_seconds=FOREVER)
    told = case.tells("UploadRejected", condition="RunnersHealthy", within=20)
    assert all(text in told["message"] for text in ("HTTP 413", "client_max_body_size 0"))
    assert (faults.condition("Ready") or {})["reason"] == "UploadRejected"
    faults.await_events("UploadRejected")
    lost = faults.until(lambda: _lost(faults).get("UploadRejected"), "what it cost", within=10)
    assert lost >= 2
    metrics = faults.operator.metrics()
    for series in ("runnerpool_pods_failed_total", "runnerpool_lost_work_seconds_total"):
        assert _value(metrics, series, cause="UploadRejected") > 0

    known_at_work(faults)
    assert not faults.events("Unready")
    assert [failure["cause"] for failure in faults.status()["failures"]] == ["UploadRejected"]
    faults.server.client.lift_faults()
    faults.player.script = Script(job_seconds=1)
    faults.player.finish()
    case.cured()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)
    case.heals(within=30)


def _lost(stage: FaultStage) -> dict[str, int]:
    """Seconds by cause, as the pool's status tells them."""
    return {entry["cause"]: entry["seconds"] for entry in stage.status().get("lostWork") or ()}


def _value(metrics: str, series: str, **labels: str) -> float:
    """The sum of the series with these labels."""
    lines = [line for line in metrics.splitlines() if line.startswith(series)]
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))


@pytest.mark.fault("ledger")
def test_the_encoding_that_an_abort_throws_away_is_booked_and_its_job_is_back_in_seconds(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(job_seconds=FOREVER)
    faults.pool(scaling={"maxReplicas": 1}, lifecycle={"drainTimeoutSeconds": 3})
    faults.server.client.enqueue(WEB_VIDEO)
    faults.await_pod_at_work(within=45)
    begin = time.monotonic()
    faults.change_pool(mode="Drain")
    lost = faults.until(lambda: _lost(faults).get("AbortOrdered"), "what the abort cost", within=20)
    case.told("AbortOrdered", time.monotonic() - begin)

    assert 3 <= lost <= 20
    metrics = faults.operator.metrics()
    assert _value(metrics, "runnerpool_lost_work_seconds_total", cause="AbortOrdered") == lost
    back = "runnerpool_reclaim_duration_seconds_count"
    faults.until(lambda: _value(faults.operator.metrics(), back, way="abort") == 1, "the job back", within=10)
    assert (faults.server.client.statistics().aborts, faults.server.client.statistics().reclaims) == (1, 0)
    # What is booked is booked once, also by an operator that starts anew.
    faults.operator.stop()
    faults.operator.start()
    faults.wait_condition("Drained", "Drained")
    assert _lost(faults) == {"AbortOrdered": lost}


@pytest.mark.fault("R77")
def test_a_job_in_processing_that_nobody_works_on_is_told_and_ended_only_where_the_pool_allows(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(job_seconds=FOREVER)
    faults.pool(jobTypes=[STORYBOARD], scaling={"maxReplicas": 1})
    (job,) = faults.server.client.enqueue(STORYBOARD)
    faults.player.crash(faults.await_pod_at_work(within=45))
    faults.until(lambda: faults.server.rows() == [], "its runner unregistered", within=15)
    begin = time.monotonic()
    faults.server.client.age(job, 600)

    (told,) = faults.until(lambda: faults.status().get("stuckJobs"), "the stuck job", within=15)
    case.told("OrphanedStoryboard", time.monotonic() - begin)
    assert (told["cause"], told["count"]) == ("OrphanedStoryboard", 1)
    labels = {"cause": "OrphanedStoryboard"}
    assert _value(faults.operator.metrics(), "runnerpool_queue_stuck_jobs", **labels) == 1
    assert _value(faults.operator.metrics(), "runnerpool_queue_stuck_oldest_seconds", **labels) >= 590

    faults.change_pool(repair={"stuckJobs": "DryRun"})
    (event,) = faults.await_events("JobStuck")
    assert event["message"].startswith(f"dry run: job {job} ({STORYBOARD})")
    assert job_state(faults, job) == _PROCESSING

    begin = time.monotonic()
    faults.change_pool(repair={"stuckJobs": "Repair"})
    faults.until(lambda: job_state(faults, job) == _CANCELLED, "the job cancelled", within=15)
    faults.until(lambda: "stuckJobs" not in faults.status(), "nothing stuck any more", within=15)
    case.healed(time.monotonic() - begin)
    faults.await_events("JobRepaired")


@pytest.mark.fault("R74")
def test_a_runner_whose_pod_went_while_the_server_was_down_is_unregistered_when_it_is_back(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(takes_jobs=False)
    faults.pool(scaling={"minReplicas": 1, "maxReplicas": 1})
    (pod,) = faults.wait_pods(1, within=45)
    faults.server.client.put_in_fault("closed", path=_EVERYTHING)
    faults.wait_condition("QueueReachable", "ServerUnreachable")
    faults.kubectl("delete", "pod", pod, "--force", "--grace-period=0")
    faults.until(lambda: pod not in faults.pod_names(), "the end of the pod", within=10)
    assert faults.server.client.registered() == [pod]

    faults.server.client.lift_faults()
    begin = time.monotonic()
    faults.until(lambda: pod not in faults.server.rows(), "its runner unregistered", within=60)
    case.told("Ghost", time.monotonic() - begin)
    faults.until(lambda: faults.server.rows() == faults.pod_names() != [], "the next pod's runner alone", within=30)
