"""The ground of the fault tests itself: an operator, a player and a server that work together."""

import pytest

from support.faults.stage import FaultStage

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]


def test_a_pool_grows_for_its_jobs_completes_them_and_leaves_nothing(faults: FaultStage) -> None:
    faults.pool(scaling={"maxReplicas": 3})
    faults.wait_condition("Ready", status="True")
    jobs = faults.server.client.enqueue("vod-web-video-transcoding", count=6)
    faults.wait_pods(3, within=20)

    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=30)
    faults.await_nothing_left(within=30)

    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (len(jobs), 0, 0)
