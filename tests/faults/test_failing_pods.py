"""Pods that go, fail, are late or find no room: how many are made for them, and how they are told of."""

import time
from datetime import datetime

import pytest

from support.faults.api_request import POD_CREATES
from support.faults.departure import idle_pods
from support.faults.lost_node import lose_node_of
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_ready, is_told_to_drain, is_unfinished
from support.faults.wrong_clock import restart_later
from support.observer.records import Invariant, Kind
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

_CORRECTED_SECONDS = 30.0
_TOLERANCE = 5
_WORKED_SECONDS = 2
_IMAGE, _OTHER_IMAGE = "localhost/none:1", "localhost/other:1"


@pytest.fixture(autouse=True)
def _watched(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)


def worked_seconds(stage: FaultStage) -> float:
    """Of the one job, as far as the server has heard of it."""
    (job,) = stage.server.client.jobs()
    started, heard = (datetime.fromisoformat(job[field]) for field in ("startedAt", "updatedAt"))
    return (heard - started).total_seconds()


def images(stage: FaultStage) -> list[str]:
    """Of the pods that are ready."""
    return [pod["spec"]["containers"][0]["image"] for pod in stage.pods(is_ready)]


@pytest.mark.fault("R39")
def test_pods_that_somebody_deletes_or_changes_are_made_anew_within_30_seconds(faults: FaultStage, case: Case) -> None:
    first = idle_pods(faults, 3)
    begin = time.monotonic()
    faults.kubectl("delete", "pod", *first, "--wait=false")
    faults.until(
        lambda: len(faults.pod_names(is_ready)) == 3 and not set(first) & set(faults.pod_names()),
        "three other pods", within=_CORRECTED_SECONDS,
    )  # fmt: skip
    deleted = time.monotonic() - begin

    changed = faults.pod_names()[0]
    begin = time.monotonic()
    faults.kubectl("set", "image", f"pod/{changed}", f"runner={_OTHER_IMAGE}")
    faults.until(
        lambda: images(faults) == [_IMAGE] * 3 and changed not in faults.pod_names(),
        "three pods as they should be", within=_CORRECTED_SECONDS,
    )  # fmt: skip
    case.healed(max(deleted, time.monotonic() - begin))
    assert faults.server.rows() == faults.pod_names()


@pytest.mark.fault("R41")
def test_a_pod_on_a_lost_node_is_replaced_and_deleted_by_force_only_if_the_pool_says_so(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(job_seconds=FOREVER)
    faults.pool(scaling={"maxReplicas": 2}, lifecycle={"unreadyToleranceSeconds": _TOLERANCE})
    faults.wait_condition("Ready", status="True", within=30)
    faults.server.client.enqueue(WEB_VIDEO)
    lost = faults.await_pod_at_work(within=30)
    # Of work that nobody has seen, nothing can be said.
    faults.until(lambda: worked_seconds(faults) >= _WORKED_SECONDS, "two seconds of work", within=30)
    faults.until(lambda: faults.status().get("busyReplicas") == 1, "a busy pod seen", within=15)
    # Longer than from one look at the queue to the next: a job that is back and done between two shows to nobody.
    faults.player.script = Script(job_seconds=4)

    case.begins()
    lose_node_of(faults, lost)
    case.tells("NodeLost", condition="RunnersHealthy")
    done = faults.server.client.statistics
    faults.until(lambda: done().completed == 1, "its job done by another pod", within=45)
    assert lost in faults.pod_names(is_unfinished)
    assert done().reclaims == 1
    # It may still come back and tell itself what it lost.
    assert "lostWork" not in faults.status()

    faults.observer.suspend(Invariant.WORK_IS_SAFE, because="the pool wants a pod deleted of which nobody hears more")
    faults.change_pool(lifecycle={"lostPods": "ForceDelete"})
    begin = time.monotonic()
    faults.until(lambda: lost not in faults.pod_names(), "the end of the lost pod", within=15)
    case.healed(time.monotonic() - begin)
    lost_work = faults.until(lambda: faults.status().get("lostWork"), "what the node cost", within=20)
    assert [entry["cause"] for entry in lost_work] == ["NodeLost"]
    assert lost_work[0]["seconds"] >= _WORKED_SECONDS
    faults.await_nothing_left()


@pytest.mark.fault("R47")
def test_pods_that_find_no_room_are_told_in_the_schedulers_words_and_do_not_pile_up(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 5}, runner={"resources": {"requests": {"cpu": "2k"}}})
    faults.wait_condition("Ready", status="True", within=30)
    case.begins()
    faults.server.client.enqueue(WEB_VIDEO)
    told = case.tells("Unschedulable", condition="ScalingLimited", within=15)
    assert "Insufficient cpu" in told["message"]
    assert "add nodes, or lower the pool's requests" in told["message"]

    restart_later(faults, 150)
    faults.wait_condition("Ready", "Unschedulable", status="False", within=20)
    faults.server.client.enqueue(WEB_VIDEO, count=4)
    faults.until(lambda: (faults.status().get("queue") or {}).get("pending") == 5, "five jobs seen", within=10)
    time.sleep(3)
    assert (len(faults.pods()), faults.status()["desiredReplicas"]) == (1, 5)

    case.cured()
    faults.change_pool(runner={"resources": {"requests": {"cpu": "100m"}}})
    case.heals()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)


@pytest.mark.fault("R49")
def test_pods_that_die_right_after_their_start_are_made_at_growing_intervals_while_jobs_wait(
    faults: FaultStage, case: Case
) -> None:
    most = 4
    faults.pool(scaling={"maxReplicas": most})
    faults.wait_condition("Ready", status="True", within=30)
    faults.player.script = Script(crash_after=0.1, takes_jobs=False)
    case.begins()
    faults.server.client.enqueue(WEB_VIDEO, count=6)
    case.tells("RunnerCrashed", condition="RunnersHealthy", within=15)
    begin = time.monotonic()
    # All are made anew at once; then one at a time, after 5, 10, 20, 40, 80 and 160 s: most + 10 in five minutes.
    faults.until(lambda: _failures(faults) >= 3, "three failures in a row", within=45)
    assert time.monotonic() - begin > 3
    assert len(faults.api.writes(POD_CREATES)) <= 2 * most + 2

    faults.player.script = Script()
    case.cured()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=45)
    case.heals(within=45)


@pytest.mark.fault("Evicted")
def test_a_pod_that_its_node_evicts_is_told_by_condition_event_and_metric_and_its_job_is_done_by_another(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(job_seconds=FOREVER)
    faults.pool(scaling={"maxReplicas": 1})
    faults.wait_condition("Ready", status="True", within=30)
    faults.server.client.enqueue(WEB_VIDEO)
    evicted = faults.await_pod_at_work(within=30)
    faults.player.script = Script()

    case.begins()
    faults.player.evict(evicted)
    told = case.tells("Evicted", condition="RunnersHealthy")
    assert evicted in told["message"]
    assert "look at the node's events" in told["message"]
    (event,) = faults.await_events("Evicted", saying=evicted)
    assert event["type"] == "Warning"
    assert 'runnerpool_pods_failed_total{cause="Evicted"' in faults.operator.metrics()
    case.cured()
    # The job in hand is the server's: its watchdog takes it back.
    faults.until(lambda: faults.server.client.statistics().completed == 1, "its job done by another pod", within=45)
    case.heals(within=45)
    assert "suspectJobs" not in faults.status()
    assert faults.server.rows() == faults.pod_names(is_unfinished)


def _failures(stage: FaultStage) -> int:
    return max((failure["count"] for failure in stage.status().get("failures") or ()), default=0)


@pytest.mark.fault("R50")
def test_pods_that_start_slowly_count_as_if_they_were_there(faults: FaultStage, case: Case) -> None:
    faults.player.script = Script(start_seconds=6)
    faults.pool(scaling={"maxReplicas": 5})
    faults.wait_condition("Ready", status="True", within=30)
    begin = time.monotonic()
    faults.server.client.enqueue(WEB_VIDEO, count=2)
    faults.until(lambda: faults.server.client.statistics().completed == 2, "both jobs served", within=40)
    case.healed(time.monotonic() - begin)
    assert time.monotonic() - begin > 6
    assert len(faults.api.writes(POD_CREATES)) == 2


@pytest.mark.fault("R52")
def test_of_pods_that_failed_the_last_two_stay_for_an_hour_and_the_others_are_swept(
    faults: FaultStage, case: Case
) -> None:
    pods = idle_pods(faults, 4)
    for name in pods[:3]:
        faults.player.crash(name)
    begin = time.monotonic()
    ready = faults.until(lambda: four_and_two_failed(faults), "four pods, two that stay for their logs", within=60)
    case.told("RunnerCrashed", time.monotonic() - begin)
    faults.until(lambda: faults.server.rows() == ready, "their runners gone", within=15)

    restart_later(faults, 3700)
    begin = time.monotonic()
    faults.until(lambda: faults.pod_names() == ready, "the end of those that stayed", within=20)
    case.healed(time.monotonic() - begin)


def four_and_two_failed(stage: FaultStage) -> list[str] | None:
    """The names of the four that are ready, as soon as there are, at one look, no others but two failed ones."""
    pods = stage.pods()
    ready = sorted(pod["metadata"]["name"] for pod in pods if is_ready(pod))
    failed = [pod for pod in pods if not is_unfinished(pod)]
    return ready if (len(ready), len(failed), len(pods)) == (4, 2, 6) else None


@pytest.mark.fault("breaker")
def test_most_pods_sick_at_once_are_left_alone_and_half_of_them_are_replaced_within_the_budget(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(takes_jobs=False)
    faults.pool(
        scaling={"minReplicas": 10, "maxReplicas": 10}, lifecycle={"unreadyToleranceSeconds": _TOLERANCE}
    )  # fmt: skip
    names = faults.wait_pods(10, within=60)
    sick = names[:8]
    case.begins()
    _make_unready(faults, sick)
    told = case.tells("MostPodsSick", within=20)
    assert "8 of 10 pods look sick at once, so the fault is taken to be elsewhere" in told["message"]
    # Nobody is judged before the pods must have noticed that their server is there, half a minute from the start.
    faults.until(lambda: len(_left(faults, names)) == 9, "the one that may go", within=45)
    time.sleep(3 * _TOLERANCE)
    assert len(_left(faults, names)) == 9

    for name in sick:
        faults.player.set_ready(name, ready=None)
    begin = time.monotonic()
    faults.until(lambda: not faults.status()["unhealthyReplicas"], "no sick pod", within=20)
    case.healed(time.monotonic() - begin)
    assert (faults.condition("RunnersHealthy") or {})["reason"] != "MostPodsSick"
    faults.wait_pods(10, within=20)
    # They are well one after the other: those that are half of the pool by then may be replaced as ever.
    assert len(_left(faults, names)) >= 7

    half = sorted(_left(faults, names))[:5]
    _make_unready(faults, half)
    faults.wait_condition("RunnersHealthy", "Unready", within=20)
    faults.until(lambda: not _left(faults, half), "the end of all sick pods", within=60)
    faults.wait_pods(10, within=20)
    # A quarter, and as many again: at maxReplicas others are made only when these have been told to go.
    assert _most_away(faults, half) <= 4


def _make_unready(stage: FaultStage, names: list[str]) -> None:
    for name in names:
        stage.player.set_ready(name, ready=False)


def _left(stage: FaultStage, names: list[str]) -> set[str]:
    """Those that have not gone, nor been told to."""
    return set(names) & set(stage.pod_names(lambda pod: is_unfinished(pod) and not is_told_to_drain(pod)))


def _most_away(stage: FaultStage, sick: list[str]) -> int:
    """How many of the pool's ten pods at a time had been given up, and were not made up for yet."""
    given_up: set[str] = set()
    ready: set[str] = set()
    before: set[str] = set()
    most = 0
    for version in stage.observer.versions(stage.namespace):
        if version.kind is not Kind.POD:
            continue
        if version.name in sick and is_told_to_drain(version.body):
            given_up.add(version.name)
            before = before or set(ready)
        elif version.name not in sick and is_ready(version.body):
            ready.add(version.name)
        if given_up:
            most = max(most, len(given_up) - len(ready - before))
    return most
