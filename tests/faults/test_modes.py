"""What people order beyond the queue: modes, overrides, other managers of the same pool, marks for autoscalers."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_ready, is_told_to_drain
from support.faults.workers import going
from support.faults.wrong_clock import restart_later
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import POOL_PATH, WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt"
OVERRIDE = "runnerpool.dev/override"


def at_work(stage: FaultStage, count: int, **scaling: int) -> list[str]:
    """A pool with so many pods, each with a job that lasts until it is finished by the test; their names."""
    stage.player.script = Script(job_seconds=FOREVER)
    stage.pool(scaling={"maxReplicas": 3, "idleSeconds": 1} | scaling)
    stage.wait_condition("Ready", status="True", within=30)
    stage.server.client.enqueue(WEB_VIDEO, count=count)
    stage.until(lambda: len(stage.player.holding()) == count, f"{count} pods at work", within=30)
    return sorted(stage.player.holding())


@pytest.mark.fault("Hold")
def test_a_pool_on_hold_makes_no_pod_and_tells_none_to_go_while_runners_go_on(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)
    pods = at_work(faults, 2)
    case.begins()
    faults.change_pool(mode="Hold")
    case.tells("ModeHold", condition="Ready")

    faults.player.finish(pods[0])
    faults.server.client.enqueue(WEB_VIDEO, count=3)
    faults.until(lambda: faults.server.client.statistics().accepts == 3, "the idle pod's next job", within=15)
    time.sleep(5)
    assert faults.pod_names() == pods
    assert faults.pods(is_told_to_drain) == []

    faults.player.script = Script()
    faults.change_pool(mode="Active")
    faults.player.finish()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)
    faults.await_nothing_left()


@pytest.mark.fault("Drain")
def test_a_pool_that_drains_says_when_nothing_is_in_hand_and_works_again_when_active(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    pods = at_work(faults, 2, minReplicas=1)
    faults.change_pool(mode="Drain")
    faults.wait_condition("Drained", "StillWorking", status="False")
    faults.until(lambda: len(faults.pods(is_told_to_drain)) == 2, "two pods told to drain", within=10)
    assert sorted(faults.player.holding()) == pods
    faults.server.client.enqueue(WEB_VIDEO, count=1)

    case.begins()
    faults.player.finish()
    case.tells("Drained", condition="Drained", within=20)
    assert faults.pods() == []
    told = faults.server.client.statistics()
    assert (told.completed, told.aborts, told.reclaims) == (2, 0, 0)

    faults.player.script = Script()
    case.cured()
    faults.change_pool(mode="Active")
    faults.until(lambda: not faults.server.open_jobs(), "the end of the job that waited", within=30)
    faults.wait_condition("Drained", "NotDraining")


@pytest.mark.fault("Override")
def test_an_override_fixes_the_number_until_its_time_is_over_and_is_never_rewritten(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    faults.pool(scaling={"maxReplicas": 3, "idleSeconds": 1})
    faults.wait_condition("Ready", status="True", within=30)
    until = datetime.now(UTC) + timedelta(seconds=20)
    order = f"replicas=5,until={until:%Y-%m-%dT%H:%M:%SZ}"

    case.begins()
    faults.patch_pool({"metadata": {"annotations": {OVERRIDE: order}}})
    case.tells("Override", condition="Overridden")
    faults.wait_pods(3)
    assert faults.status()["lastDecision"]["reason"] == "Override"

    faults.wait_condition("Overridden", "OverrideExpired", within=30)
    faults.await_nothing_left()
    assert (faults.find_pool() or {})["metadata"]["annotations"][OVERRIDE] == order
    faults.await_events("OverrideExpired")

    faults.patch_pool({"metadata": {"annotations": {OVERRIDE: "replicas=many"}}})
    faults.wait_condition("Overridden", "OverrideInvalid")
    assert faults.pods() == []


@pytest.mark.fault("GitOps")
def test_two_managers_that_apply_the_same_pool_every_second_make_the_operator_write_nothing(
    faults: FaultStage,
) -> None:
    pods = at_work(faults, 1)
    faults.until(lambda: marks(faults, pods[0]) == ("false", "true"), "a busy pod's marks", within=15)
    faults.wait_condition("Ready", "Steady")  # the last word on the pod at work
    spec = (faults.find_pool() or {})["spec"]
    manifest = {
        "apiVersion": "runnerpool.dev/v1alpha1",
        "kind": "TranscodingRunnerPool",
        "metadata": {"name": "vod", "annotations": {"example.org/managed": "by git"}},
        "spec": spec,
    }
    for manager in ("first", "second"):
        apply_as(faults, manager, manifest)
    before = len(faults.api.writes())

    for _ in range(10):
        for manager in ("first", "second"):
            apply_as(faults, manager, manifest)
        time.sleep(1)

    assert faults.api.writes()[before:] == []
    found = faults.find_pool() or {}
    assert found["spec"] == spec
    owners = {entry["manager"] for entry in found["metadata"]["managedFields"] if "f:spec" in entry["fieldsV1"]}
    assert {"first", "second"} <= owners
    assert faults.pod_names() == pods


def apply_as(stage: FaultStage, manager: str, manifest: Json) -> None:
    answer = stage.http.patch(
        POOL_PATH.format(namespace=stage.namespace, name=manifest["metadata"]["name"]),
        params={"fieldManager": manager, "force": "true"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        json=manifest,
    )
    answer.raise_for_status()


@pytest.mark.fault("R42")
def test_a_busy_pod_is_marked_as_not_to_be_moved_and_an_idle_one_as_movable(faults: FaultStage) -> None:
    (pod,) = at_work(faults, 1, minReplicas=1)
    faults.until(lambda: marks(faults, pod) == ("false", "true"), "a busy pod's marks", within=15)

    faults.player.finish()
    faults.until(lambda: marks(faults, pod) == ("true", "false"), "an idle pod's marks", within=15)
    faults.server.client.enqueue(WEB_VIDEO, count=1)
    faults.until(lambda: marks(faults, pod) == ("false", "true"), "a busy pod's marks", within=15)
    assert faults.pod_names(is_ready) == [pod]


def marks(stage: FaultStage, name: str) -> tuple[str, str]:
    (pod,) = stage.pods(lambda pod: pod["metadata"]["name"] == name)
    annotations = pod["metadata"]["annotations"]
    return annotations[SAFE_TO_EVICT], annotations[DO_NOT_DISRUPT]


@pytest.mark.fault("AbortIgnored")
def test_a_pod_that_ignores_the_order_to_hand_its_jobs_back_is_deleted_after_two_minutes_and_no_sooner(
    faults: FaultStage, case: Case
) -> None:
    faults.player.script = Script(job_seconds=FOREVER, deaf=True)
    faults.pool(scaling={"maxReplicas": 1}, lifecycle={"drainTimeoutSeconds": 1, "evictionGraceSeconds": 5})
    faults.server.client.enqueue(WEB_VIDEO)
    deaf = faults.await_pod_at_work(within=45)
    faults.observer.suspend(Invariant.WORK_IS_SAFE, because="who ignores an abort for two minutes is deleted alive")
    faults.change_pool(mode="Drain")
    faults.until(lambda: _told_to_abort(faults, deaf), "an order to hand back", within=20)

    restart_later(faults, 60)
    time.sleep(3)
    assert faults.pod_names(going) == []
    assert list(faults.player.holding()) == [deaf]

    begin = time.monotonic()
    restart_later(faults, 120)
    faults.await_events("AbortIgnored", saying=deaf)
    case.told("AbortIgnored", time.monotonic() - begin)
    faults.wait_condition("Drained", "Drained", within=45)
    case.healed(time.monotonic() - begin)
    assert (faults.pods(), faults.leftovers()) == ([], [])
    back = faults.server.client.statistics
    faults.until(lambda: back().reclaims == 1, "its job back in the queue", within=30)
    assert (back().completed, back().aborts) == (0, 0)


def _told_to_abort(stage: FaultStage, pod: str) -> bool:
    return pod in stage.pod_names(lambda pod: pod["metadata"]["annotations"].get("runnerpool.dev/drain") == "abort")
