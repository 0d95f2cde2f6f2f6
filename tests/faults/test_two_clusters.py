"""Two clusters, each with a pool of the same name in a namespace of the same name, on one server."""

import secrets
from collections.abc import Iterator

import pytest

from support.cluster.local import LocalCluster
from support.faults.departure import await_gone, delete, told_to_drain
from support.faults.own_plane import own_cluster
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.faults.workers import Workers
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

# The second control plane takes as long to start as the test does to run.
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

_JOBS = 4
_EACH = 2


@pytest.fixture
def second_cluster() -> Iterator[LocalCluster]:
    with own_cluster() as cluster:
        yield cluster


@pytest.mark.fault("R80")
def test_two_pools_of_one_name_in_two_clusters_share_a_server_and_neither_touches_the_others_runners(
    second_cluster: LocalCluster, new_stage: StageMaker, case: Case
) -> None:
    namespace = f"fault-{secrets.token_hex(3)}"
    here = new_stage(namespace=namespace)
    there = new_stage(namespace=namespace, cluster=second_cluster, server=here.server)
    case.watch(here.observer, namespace)
    for stage in (here, there):
        stage.observer.suspend(Invariant.BACK_TO_GOAL, because="two operators serve one queue")
        stage.player.script = Script(job_seconds=FOREVER)
        stage.pool(scaling={"maxReplicas": _EACH})
        stage.wait_condition("Ready", status="True")
    server = here.server.client
    server.set(watchdog=False)
    server.register("by-hand", "somebody's own runner")
    server.enqueue(WEB_VIDEO, count=_JOBS)
    ours, theirs = crew(here), crew(there)
    assert ours.uids.keys().isdisjoint(theirs.uids)
    assert here.server.rows() == sorted(["by-hand", *ours.uids, *theirs.uids])

    case.begins()
    delete(here)
    told_to_drain(here, _EACH)
    case.tells("PoolDeleted")
    here.player.finish()
    await_gone(here)
    theirs.assert_untouched()
    assert here.server.rows() == sorted(["by-hand", *theirs.uids])
    assert (here.pods(), server.statistics().completed) == ([], _EACH)

    delete(there)
    told_to_drain(there, _EACH)
    there.player.finish()
    await_gone(there)
    assert here.server.rows() == ["by-hand"]
    statistics = server.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (_JOBS, 0, 0)


def crew(stage: FaultStage) -> Workers:
    """The stage's pods, when all that may be are at work."""
    stage.until(lambda: len(stage.player.holding()) == _EACH, "all pods at work", within=45)
    uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in stage.pods()}
    return Workers(stage=stage, uids=uids, jobs=stage.player.holding())
