"""The ground of the fault tests itself: operator, proxy, player and server work together, and break apart on demand."""

import os
import signal

import httpx
import pytest

from support.cluster.errors import ClusterError
from support.faults.api_request import POD_CREATES
from support.faults.own_plane import OwnPlane
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_told_to_drain
from support.faults.staging import StageMaker
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


def test_a_pool_grows_for_its_jobs_completes_them_and_leaves_nothing(faults: FaultStage) -> None:
    faults.pool(scaling={"maxReplicas": 3})
    faults.wait_condition("Ready", status="True")
    faults.player.script = Script(job_seconds=FOREVER)
    faults.server.client.enqueue(WEB_VIDEO, count=6)
    faults.until(lambda: len(faults.player.holding()) == 3, "three pods at work", within=30)
    assert faults.server.rows() == faults.pod_names()

    faults.player.script = Script()
    faults.player.finish()
    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)
    faults.await_nothing_left(within=30)

    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (6, 0, 0)
    assert len(faults.api.writes(POD_CREATES)) == 3


def test_an_operator_killed_right_after_a_pod_was_created_makes_no_second_one(faults: FaultStage) -> None:
    faults.pool(scaling={"maxReplicas": 1})
    faults.wait_condition("Ready", status="True")
    faults.player.script = Script(job_seconds=FOREVER)
    pid = faults.operator.pid
    with faults.api.call_at(1, lambda: os.kill(pid, signal.SIGKILL), POD_CREATES):
        faults.server.client.enqueue(WEB_VIDEO)
        faults.until(lambda: not faults.operator.alive, "the operator's death", within=15)
    (name,) = faults.pod_names()

    faults.operator.start()

    assert faults.wait_pods(1, within=20) == [name]
    assert faults.server.rows() == [name]
    assert faults.operator.runs == 2


def test_rights_can_be_taken_away_and_given_back(faults: FaultStage) -> None:
    faults.pool()
    faults.wait_condition("Ready", status="True")
    faults.rights.take_away()
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: any(record.status == 403 for record in faults.api.requests), "a refusal", within=15)
    assert faults.pod_names() == []

    faults.rights.give()
    faults.await_pod_at_work(within=60)


def test_a_restricted_namespace_takes_the_operators_pods_and_no_others(new_stage: StageMaker) -> None:
    stage = new_stage(restricted=True, proxied=False)
    stage.pool()
    stage.server.client.enqueue(WEB_VIDEO)
    stage.await_pod_at_work(within=30)
    with pytest.raises(ClusterError, match="violates PodSecurity"):
        stage.kubectl("run", "root", "--image=localhost/none:1")


def test_a_deleted_pool_drains_its_pods_and_goes(faults: FaultStage) -> None:
    faults.pool()
    faults.player.script = Script(job_seconds=FOREVER)
    faults.server.client.enqueue(WEB_VIDEO)
    faults.await_pod_at_work(within=30)

    faults.delete_pool()
    faults.until(lambda: faults.pod_names(is_told_to_drain), "a drain order", within=15)
    faults.player.finish()

    faults.until(lambda: faults.find_pool() is None, "the pool gone", within=30)
    assert faults.leftovers() == []
    assert faults.server.client.statistics().completed == 1


def test_a_control_plane_of_ones_own_can_be_frozen_killed_and_robbed_of_its_history(
    own_plane: OwnPlane, new_stage: StageMaker
) -> None:
    stage = new_stage(cluster=own_plane.cluster)
    stage.pool()
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO)
    name = stage.await_pod_at_work(within=30)
    version = stage.http.get("/api/v1/pods").json()["metadata"]["resourceVersion"]
    stage.kubectl("create", "configmap", "later")  # what is compacted is what came before the newest revision

    with own_plane.frozen(), pytest.raises(httpx.TimeoutException):
        stage.http.get("/readyz", timeout=2)
    assert stage.http.get("/readyz").status_code == 200
    with own_plane.without_api_server():
        with pytest.raises(httpx.TransportError):
            stage.http.get("/readyz")
        assert own_plane.compact() > int(version)

    answer = stage.http.get("/api/v1/pods", params={"resourceVersion": version, "resourceVersionMatch": "Exact"})
    assert answer.status_code == 410
    stage.player.finish()
    stage.until(lambda: not stage.server.open_jobs(), "the job's end", within=30)
    stage.until(lambda: name not in stage.pod_names(), "the pod's end", within=60)
    assert stage.operator.runs == 1
    assert stage.operator.alive
