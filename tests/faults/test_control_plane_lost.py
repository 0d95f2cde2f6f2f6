"""A control plane that is frozen, killed, and robbed of its history and of our CRD: one of the test's own."""

import time

import pytest

from support.faults.own_plane import OwnPlane
from support.faults.shared_cluster import install_resource
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.pools import POOL_KIND

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(420)]

_LASTS_SECONDS = 12.0
_HEALS_SECONDS = 30.0


@pytest.mark.xdist_group("own control plane")
@pytest.mark.fault("R1", "R2", "R7", "R20")
def test_a_control_plane_frozen_killed_robbed_of_its_history_and_of_our_resource_is_outlived(
    own_plane: OwnPlane, new_stage: StageMaker, case: Case
) -> None:
    stage = new_stage(cluster=own_plane.cluster)
    stage.pool(scaling={"minReplicas": 2, "maxReplicas": 2})
    stage.wait_pods(2, within=60)
    pid = stage.operator.pid
    stage.observer.suspend(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because="the API server is out of order")

    heals = [_freeze(stage, own_plane), _kill_and_compact(stage, own_plane), _lose_resource(stage, own_plane)]

    case.healed(max(heals))
    assert (stage.operator.alive, stage.operator.pid, stage.operator.runs) == (True, pid, 1)


def _freeze(stage: FaultStage, plane: OwnPlane) -> float:
    """Seconds from the thaw until a change of the spec is carried out."""
    with plane.frozen():
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
    stage.api.cut()
    lost, kept = stage.pod_names()
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
