"""A control plane that is frozen, killed, and robbed of its history and of our CRD: one of this file's own."""

import time
from contextlib import AbstractContextManager

import pytest

from support.faults.api_request import POD_CREATES
from support.faults.own_plane import ETCD, OwnPlane, install_resource
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.faults.workers import at_work
from support.observer.records import Invariant, Kind
from support.reliability.case import Case
from support.stage.pools import POOL_KIND, WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420), pytest.mark.xdist_group("own control plane")]

_LASTS_SECONDS = 12.0
_HEALS_SECONDS = 30.0
_ETCD_FROZEN_SECONDS = 20.0
_MANY, _KILLED_AT = 50, 20
_MANY_SECONDS = 90.0


def out_of_order(stage: FaultStage) -> AbstractContextManager[None]:
    """What nobody can tell or mend without a control plane."""
    why = "the control plane is out of order"
    return stage.observer.suspended(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because=why)


@pytest.mark.fault("R18")
def test_an_etcd_frozen_for_20_seconds_ends_no_operator_touches_no_pod_and_is_made_up_for(
    own_plane: OwnPlane, new_stage: StageMaker, case: Case
) -> None:
    stage = new_stage(cluster=own_plane.cluster)
    stage.pool(scaling={"maxReplicas": 2})
    stage.wait_condition("Ready", status="True", within=45)
    workers = at_work(stage)
    pid = stage.operator.pid
    with out_of_order(stage), own_plane.frozen(ETCD):
        stage.server.client.enqueue(WEB_VIDEO)
        time.sleep(_ETCD_FROZEN_SECONDS)
        assert stage.operator.probe("/healthz") == 200
    thawed = time.monotonic()
    stage.until(lambda: len(stage.player.holding()) == 2, "a second pod at work", within=_HEALS_SECONDS)
    case.healed(time.monotonic() - thawed)
    workers.assert_untouched()
    assert stage.server.rows() == stage.pod_names()
    assert (stage.operator.alive, stage.operator.pid, stage.operator.runs) == (True, pid, 1)


@pytest.mark.fault("R19")
def test_an_api_server_killed_amid_a_scale_up_of_50_comes_back_to_exactly_50_pods(
    own_plane: OwnPlane, new_stage: StageMaker, case: Case
) -> None:
    """Right after it has made the 20th, whose maker is not told. The observer judges the cap at every event."""
    stage = new_stage(cluster=own_plane.cluster)
    with out_of_order(stage):
        with stage.api.call_at(_KILLED_AT, own_plane.kill_api_server, POD_CREATES):
            stage.pool(scaling={"minReplicas": _MANY, "maxReplicas": _MANY})
            stage.until(lambda: not own_plane.api_server_runs, f"{_KILLED_AT} pods, and the kill", within=_MANY_SECONDS)
        with own_plane.without_api_server():
            assert stage.operator.alive
    back = time.monotonic()
    names = stage.wait_pods(_MANY, within=_MANY_SECONDS)
    case.healed(time.monotonic() - back)

    assert sorted(int(name.rpartition("-")[2]) for name in names) == list(range(1, _MANY + 1))
    # Whoever was registered when the API server could take no Secret has been registered anew: its token was lost.
    stage.until(lambda: stage.server.rows() == names, "a row for each pod and no other", within=_HEALS_SECONDS)
    pods = {version.uid for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POD}
    assert len(pods) == _MANY
    assert stage.operator.runs == 1


@pytest.mark.fault("R1", "R2", "R7", "R20")
def test_a_control_plane_frozen_killed_robbed_of_its_history_and_of_our_resource_is_outlived(
    own_plane: OwnPlane, new_stage: StageMaker, case: Case
) -> None:
    stage = new_stage(cluster=own_plane.cluster)
    stage.pool(scaling={"minReplicas": 2, "maxReplicas": 2})
    stage.wait_pods(2, within=60)
    pid = stage.operator.pid

    heals = [_freeze(stage, own_plane), _kill_and_compact(stage, own_plane), _lose_resource(stage, own_plane)]

    case.healed(max(heals))
    assert (stage.operator.alive, stage.operator.pid, stage.operator.runs) == (True, pid, 1)


def _freeze(stage: FaultStage, plane: OwnPlane) -> float:
    """Seconds from the thaw until a change of the spec is carried out."""
    with out_of_order(stage), plane.frozen():
        time.sleep(_LASTS_SECONDS)
    thawed = time.monotonic()
    stage.change_pool(scaling={"minReplicas": 1, "maxReplicas": 1})
    stage.wait_pods(1, within=_HEALS_SECONDS)
    healed = time.monotonic() - thawed
    stage.change_pool(scaling={"minReplicas": 2, "maxReplicas": 2})
    stage.wait_pods(2, within=_HEALS_SECONDS)
    return healed


def _kill_and_compact(stage: FaultStage, plane: OwnPlane) -> float:
    """Seconds until a pod is replaced that went in a piece of history that nobody can tell any more."""
    lost, kept = stage.pod_names()
    with out_of_order(stage):
        stage.api.cut()
        stage.kubectl("delete", "pod", lost, "--force", "--grace-period=0")
        with plane.without_api_server():
            plane.compact()
        stage.api.heal()
    healed = time.monotonic()

    names = stage.wait_pods(2, within=_HEALS_SECONDS)

    assert kept in names
    assert lost not in names
    stage.until(lambda: stage.server.rows() == names, "a row for each pod and no other", within=_HEALS_SECONDS)
    return time.monotonic() - healed


def _lose_resource(stage: FaultStage, plane: OwnPlane) -> float:
    """Seconds from our CRD's return until a new pool has its pods."""
    # It goes when the last pool has gone, which the operator has to let go.
    stage.kubectl("delete", "crd", POOL_KIND, "--wait=false")
    stage.until(lambda: plane.cluster.kubectl("get", "crd", POOL_KIND, check=False).returncode, "no CRD", within=60)
    stage.await_nothing_left(within=30)
    time.sleep(_LASTS_SECONDS)
    install_resource(plane.cluster)
    back = time.monotonic()
    stage.pool(scaling={"minReplicas": 1, "maxReplicas": 1})
    stage.wait_pods(1, within=_HEALS_SECONDS)
    return time.monotonic() - back
