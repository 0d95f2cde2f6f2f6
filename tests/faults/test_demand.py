"""What counts as demand, and how a pool follows it: up at once, down without haste, never over a job."""

import itertools
import time

import pytest

from support.faults.api_request import POD_CREATES
from support.faults.departure import told_to_drain
from support.faults.script import Script
from support.faults.stage import FaultStage
from support.faults.workers import at_work, going
from support.observer import objects
from support.observer.records import Change, Kind
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

HLS = "vod-hls-transcoding"
_FLAPS, _JOBS = 4, 50
_POLLS_SECONDS = 3.0


@pytest.fixture(autouse=True)
def _watched(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)


def pending(stage: FaultStage, count: int) -> None:
    """Wait until the pool has seen so many pending jobs."""
    what = f"{count} pending jobs seen"
    stage.until(lambda: (stage.status().get("queue") or {}).get("pending") == count, what, within=15)


@pytest.mark.fault("R72")
def test_a_queue_that_flaps_between_50_jobs_and_none_moves_the_pool_up_and_not_down(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 3, "idleSeconds": 30})
    workers = at_work(faults)
    faults.player.script = Script(takes_jobs=False)  # whoever comes finds the jobs gone

    begin = time.monotonic()
    for _ in range(_FLAPS):
        jobs = faults.server.client.enqueue(WEB_VIDEO, count=_JOBS)
        pending(faults, _JOBS)
        for job in jobs:
            faults.server.client.cancel(job)
        pending(faults, 0)
    case.healed(time.monotonic() - begin)

    assert turns(faults) == 0
    assert len(faults.api.writes(POD_CREATES)) == 3
    workers.assert_untouched()


def turns(stage: FaultStage) -> int:
    """How often the number of pods that may take work has changed its direction."""
    takers: set[str] = set()
    counts = [0]
    for version in stage.observer.versions(stage.namespace):
        if version.kind is Kind.POD:
            gone = version.change is Change.DELETED or not objects.may_take_work(version.body)
            takers = takers - {version.uid} if gone else takers | {version.uid}
            counts.append(len(takers))
    moves = [later > earlier for earlier, later in itertools.pairwise(counts) if later != earlier]
    return sum(earlier != later for earlier, later in itertools.pairwise(moves))


@pytest.mark.fault("R73")
def test_jobs_of_other_types_and_jobs_that_wait_for_another_make_no_pod(faults: FaultStage, case: Case) -> None:
    faults.pool(scaling={"maxReplicas": 5})
    faults.wait_condition("Ready", status="True")
    (parent,) = faults.server.client.enqueue(HLS)
    faults.server.client.enqueue(HLS, count=4)
    faults.server.client.enqueue(WEB_VIDEO, count=3, parent=parent)
    faults.until(lambda: faults.status()["queue"]["waitingForParent"] == 3, "three that wait", within=10)
    time.sleep(_POLLS_SECONDS)
    assert (faults.status()["desiredReplicas"], faults.api.writes(POD_CREATES)) == (0, [])

    begin = time.monotonic()
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: faults.server.client.statistics().completed == 1, "the takeable job served", within=30)
    case.healed(time.monotonic() - begin)
    assert len(faults.api.writes(POD_CREATES)) == 1


@pytest.mark.fault("R78")
def test_a_long_job_at_scale_down_is_waited_for_while_its_pod_takes_no_other(faults: FaultStage, case: Case) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    workers = at_work(faults, 2)

    begin = time.monotonic()
    faults.change_pool(scaling={"maxReplicas": 1})
    (pod,) = told_to_drain(faults, 1)
    faults.until(lambda: faults.status()["drainingReplicas"] == 1, "the status of one that drains", within=10)
    case.told("AtMaxReplicas", time.monotonic() - begin)
    faults.server.client.enqueue(WEB_VIDEO)
    time.sleep(_POLLS_SECONDS)
    assert faults.player.holding() == workers.jobs
    assert [one for one in faults.pods() if going(one)] == []
    assert pod["metadata"]["annotations"]["runnerpool.dev/drain"] == "drain"

    name = pod["metadata"]["name"]
    finished = time.monotonic()
    faults.player.finish(name)
    faults.until(lambda: name not in faults.pod_names(), "the end of the drained pod", within=15)
    case.healed(time.monotonic() - finished)
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (1, 0, 0)
    assert len(faults.player.holding()) == 1
