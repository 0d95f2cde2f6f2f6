"""Names that somebody else has: the pool tells, works around them, and touches nothing that is not its own."""

import json
import time
from typing import Any

import pytest

from runnerpool.api.names import pod_name
from runnerpool.api.ownership import OwnershipMark
from support.faults.departure import await_gone, delete, pool_told
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage
from support.faults.workers import at_work
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_HEAL_SECONDS = 30.0
_NO_NODE = [{"name": "example.org/never"}]
_LABELS = {"app.kubernetes.io/managed-by": "runnerpool", "runnerpool.dev/pool": "vod"}


@pytest.fixture(autouse=True)
def _ready_pool(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)
    faults.pool(scaling={"maxReplicas": 2})
    faults.wait_condition("Ready", status="True")


def uid_of(stage: FaultStage) -> str:
    return str((stage.find_pool() or {})["metadata"]["uid"])


def wanted(stage: FaultStage, ordinal: int = 1) -> str:
    """The name that the pool's pod of that number is to have."""
    return pod_name("vod", uid_of(stage), ordinal)


def foreign_pod(name: str, **metadata: Any) -> Json:
    container = {"name": "other", "image": "localhost/none:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, **metadata},
        "spec": {"schedulingGates": _NO_NODE, "containers": [container]},
    }


def another_owner(stage: FaultStage) -> list[Json]:
    stage.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}})
    uid = json.loads(stage.kubectl("get", "configmap", "other", "--output=json"))["metadata"]["uid"]
    return [{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": uid, "controller": True}]


def read(stage: FaultStage, kind: str, name: str) -> Json:
    found: Json = json.loads(stage.kubectl("get", kind, name, "--output=json"))
    return found


@pytest.mark.parametrize(
    ("labels", "owned"),
    [
        pytest.param({}, False, id="nobody's", marks=pytest.mark.fault("R11")),
        pytest.param({}, True, id="another controller's", marks=pytest.mark.fault("R11")),
        pytest.param(_LABELS, False, id="nobody's, with our labels", marks=pytest.mark.fault("R38")),
    ],
)
def test_a_foreign_pod_that_has_the_name_we_want_is_told_and_left_alone_and_the_next_name_is_taken(
    faults: FaultStage, case: Case, labels: dict[str, str], *, owned: bool
) -> None:
    workers = at_work(faults)
    owners = another_owner(faults) if owned else []
    foreign = wanted(faults, 2)
    faults.apply(foreign_pod(foreign, labels=labels, ownerReferences=owners))
    before = read(faults, "pod", foreign)
    faults.player.script = Script()

    begin = time.monotonic()
    faults.server.client.enqueue(WEB_VIDEO)
    # It holds until the next name is taken, which the next pass does.
    faults.until(lambda: pool_told(faults, "NameCollision"), "the collision told", within=10)
    case.told("NameCollision", time.monotonic() - begin)
    done = faults.server.client.statistics
    faults.until(lambda: done().completed == 1, "the second job done", within=30)
    faults.wait_condition("Ready", status="True")
    healed = time.monotonic() - begin
    case.healed(healed)
    assert healed <= _HEAL_SECONDS

    (event,) = faults.await_events("NameCollision", saying=foreign)
    remedy = "the pool takes the next name, and leaves that pod alone: find out who makes it"
    assert (event["type"], event["message"].endswith(remedy)) == ("Warning", True)
    assert wanted(faults, 3) in faults.server.client.registered()
    assert foreign not in faults.server.client.registered()
    workers.assert_untouched()
    delete(faults)
    faults.player.finish()
    await_gone(faults)
    assert read(faults, "pod", foreign) == before
    faults.until(lambda: faults.pod_names() == [foreign], "only the foreign pod", within=20)


@pytest.mark.fault("R11")
def test_a_foreign_secret_that_has_our_pods_name_is_told_and_never_overwritten(faults: FaultStage, case: Case) -> None:
    name = wanted(faults)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"agent.json": "mine"}}
    faults.apply(secret)
    before = read(faults, "secret", name)

    case.begins()
    faults.server.client.enqueue(WEB_VIDEO)
    told = case.tells("NameTaken", condition="ScalingLimited")
    assert f"Secret {faults.namespace}/{name} belongs to something else; delete it" in told["message"]
    time.sleep(3)
    assert read(faults, "secret", name) == before
    assert faults.server.client.registered() == []

    faults.delete_secret(name)
    case.cured()
    case.heals()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)


@pytest.mark.fault("R51", "R74")
def test_a_foreign_runner_that_has_our_pods_name_is_told_and_never_removed(faults: FaultStage, case: Case) -> None:
    name = wanted(faults)
    faults.server.client.register(name, "somebody's own runner")

    case.begins()
    faults.server.client.enqueue(WEB_VIDEO)
    told = case.tells("NameTaken", condition="ScalingLimited")
    assert f"has a runner {name} that was not made for this pod; remove that runner" in told["message"]

    delete(faults)
    await_gone(faults)
    assert faults.server.rows() == [name]
    assert (faults.pods(), faults.leftovers()) == ([], [f"runner {name}"])


@pytest.mark.fault("R51")
def test_a_foreign_runner_that_its_owner_removes_is_in_nobodys_way_any_more(faults: FaultStage, case: Case) -> None:
    name = wanted(faults)
    faults.server.client.register(name, "somebody's own runner")
    case.begins()
    faults.server.client.enqueue(WEB_VIDEO)
    case.tells("NameTaken", condition="ScalingLimited")

    (row,) = faults.server.client.runners()
    faults.server.client.delete_runner(row["id"])
    case.cured()
    case.heals()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)
    assert faults.server.client.statistics().completed == 1


@pytest.mark.fault("R74")
def test_a_ghost_of_ours_is_unregistered_and_rows_that_look_like_ours_are_not(faults: FaultStage, case: Case) -> None:
    here = read(faults, "namespace", "kube-system")["metadata"]["uid"]
    uid, ghost = uid_of(faults), wanted(faults, 90)  # the pool goes on counting from there

    def mark(pod: str) -> str:
        return OwnershipMark(cluster_id=here, namespace=faults.namespace, pool="vod", pool_uid=uid, pod=pod).text()

    alike = {
        wanted(faults, 81): None,
        wanted(faults, 82): mark(wanted(faults, 82)).replace(here, "11111111-2222-4333-8444-555555555555"),
        wanted(faults, 83): mark(wanted(faults, 83)).replace(uid, "66666666-7777-4888-9999-000000000000"),
        wanted(faults, 84): f"{mark(wanted(faults, 84))} edited by hand",
        wanted(faults, 85): mark(wanted(faults, 85)).replace("[runnerpool.dev/v1 ", "[runnerpool.dev/v2 "),
        "by-hand": "somebody's own runner",
        "copied": mark(ghost),
    }
    for name, description in alike.items():
        faults.server.client.register(name, description)
    begin = time.monotonic()
    faults.server.client.register(ghost, mark(ghost))

    faults.player.script = Script(job_seconds=FOREVER)
    faults.server.client.enqueue(WEB_VIDEO)
    at_work = faults.await_pod_at_work(within=30)
    faults.until(lambda: ghost not in faults.server.rows(), "the ghost unregistered", within=45)
    case.told("Ghost", time.monotonic() - begin)
    assert faults.server.rows() == sorted([*alike, at_work])

    faults.player.finish()
    delete(faults)
    await_gone(faults)
    assert faults.server.rows() == sorted(alike)
