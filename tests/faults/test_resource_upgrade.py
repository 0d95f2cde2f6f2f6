"""Our CRD of an older release becomes the present one under pools that live: all are served or told, none is stuck."""

import pytest

from support.cluster.errors import ClusterError
from support.faults.older_resource import LOOSER, older_resource
from support.faults.own_plane import OwnPlane, install_resource
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.reliability.case import Case

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

_LONGEST_IDLE = 86_400
_PODS_SECONDS = 60.0


@pytest.fixture
def stage(own_plane: OwnPlane, new_stage: StageMaker, case: Case) -> FaultStage:
    """On a control plane with the older CRD."""
    install_resource(own_plane.cluster, older_resource())
    made = new_stage(cluster=own_plane.cluster)
    case.watch(made.observer, made.namespace)
    return made


@pytest.mark.fault("R21")
def test_pools_of_an_older_resource_are_served_before_and_after_its_upgrade_and_can_be_edited(
    stage: FaultStage, case: Case
) -> None:
    for name in ("plain", "odd"):
        stage.pool(name, scaling={"minReplicas": 1, "maxReplicas": 2})
        stage.wait_condition("Ready", status="True", pool=name, within=45)
    pods = stage.wait_pods(2, within=_PODS_SECONDS)
    case.begins()
    stage.change_pool("odd", scaling={"idleSeconds": _LONGEST_IDLE * LOOSER})
    told = case.tells("SpecInvalid", pool="odd", within=15)
    assert "spec.scaling.idleSeconds" in told["message"]

    install_resource(stage.cluster)
    stage.until(lambda: takes_new_field(stage), "the newer resource served", within=15)

    # Of a pool that the newer CRD would refuse, everything else can be changed.
    stage.patch_pool({"metadata": {"labels": {"team": "video"}}}, "odd")
    stage.change_pool("odd", scaling={"minReplicas": 2})
    with pytest.raises(ClusterError, match="idleSeconds"):
        stage.change_pool("odd", scaling={"idleSeconds": _LONGEST_IDLE + 1})
    stage.change_pool("plain", scaling={"minReplicas": 2})
    stage.wait_pods(3, within=_PODS_SECONDS)
    assert stage.condition("Ready", "odd")["reason"] == "SpecInvalid"

    stage.change_pool("odd", scaling={"idleSeconds": _LONGEST_IDLE})
    case.cured()
    case.heals()
    names = stage.wait_pods(4, within=_PODS_SECONDS)
    assert set(pods) < set(names), "the upgrade has cost pods"
    assert (stage.find_pool("odd") or {})["metadata"]["labels"]["team"] == "video"
    assert stage.operator.runs == 1


def takes_new_field(stage: FaultStage) -> bool:
    """The older one drops it without a word."""
    stage.change_pool("plain", repair={"stuckJobs": "DryRun"})
    return "repair" in (stage.find_pool("plain") or {})["spec"]
