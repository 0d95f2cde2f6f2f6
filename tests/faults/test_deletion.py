"""A pool that is deleted ends, whatever stands in its way, and what it may leave behind is told.

Its namespace with it: test_namespace_deletion.py.
"""

import time

import pytest

from support.faults.api_request import POD_CREATES
from support.faults.departure import (
    LEFT_BEHIND,
    OUT_OF_REACH,
    OutOfReach,
    await_gone,
    await_gone_past_reach,
    delete,
    idle_pods,
    parting_words,
    server_gone,
    told_to_drain,
)
from support.faults.stage import FaultStage, is_told_to_drain, is_ungated
from support.faults.stored import change_stored_pool
from support.faults.workers import at_work
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

_PENDING = 1
_OUT_OF_REACH = [
    pytest.param(way, id=name, marks=pytest.mark.fault("R56" if "server" in name else "R53"))
    for name, way in OUT_OF_REACH.items()
]


@pytest.fixture(autouse=True)
def _watched(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)


def states(stage: FaultStage) -> list[int]:
    return sorted(job["state"]["id"] for job in stage.server.open_jobs())


@pytest.mark.fault
def test_a_deleted_pool_lets_its_pods_finish_their_jobs_takes_no_other_and_leaves_nothing(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    at_work(faults, 2, waiting=1)

    case.begins()
    delete(faults)
    pods = told_to_drain(faults, 2)
    case.tells("PoolDeleted")
    assert {pod["metadata"]["annotations"]["runnerpool.dev/drain"] for pod in pods} == {"drain"}
    time.sleep(3)
    assert len(faults.player.holding()) == 2
    assert faults.find_pool() is not None

    finished = time.monotonic()
    faults.player.finish()
    await_gone(faults)
    case.healed(time.monotonic() - finished)
    assert (faults.leftovers(), parting_words(faults)) == ([], [])
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (2, 0, 0)
    assert states(faults) == [_PENDING]


@pytest.mark.fault
def test_a_pool_deleted_by_abort_hands_its_jobs_back_at_once_and_leaves_nothing(faults: FaultStage, case: Case) -> None:
    faults.pool(scaling={"maxReplicas": 2}, lifecycle={"deletionPolicy": "Abort"})
    at_work(faults, 2)

    case.begins()
    deleted = delete(faults)
    await_gone(faults, within=20)

    case.told("PoolDeleted", time.monotonic() - deleted)
    assert (faults.leftovers(), parting_words(faults)) == ([], [])
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (0, 2, 0)
    assert states(faults) == [_PENDING] * 2


@pytest.mark.fault
def test_a_pool_that_drains_too_slowly_for_its_author_aborts_when_told_to(faults: FaultStage, case: Case) -> None:
    faults.pool()
    at_work(faults)
    delete(faults)
    told_to_drain(faults, 1)

    case.begins()
    changed = time.monotonic()
    faults.change_pool(lifecycle={"deletionPolicy": "Abort"})
    await_gone(faults, within=20)

    case.told("PoolDeleted", time.monotonic() - changed)
    assert faults.leftovers() == []
    assert faults.server.client.statistics().aborts == 1
    assert states(faults) == [_PENDING]


@pytest.mark.fault
def test_a_deleted_pool_whose_pod_hears_nothing_aborts_after_its_time_to_drain(faults: FaultStage, case: Case) -> None:
    faults.pool(lifecycle={"drainTimeoutSeconds": 5})
    workers = at_work(faults)
    (name,) = workers.uids
    delete(faults)
    told_to_drain(faults, 1)
    told = time.monotonic()

    # The order itself stands for a moment only: the pod obeys, and is gone.
    faults.await_events("DrainTimeout", saying=name, within=20)

    case.told("DrainTimeout", time.monotonic() - told)
    await_gone(faults)
    assert faults.server.client.statistics().aborts == 1


@pytest.mark.parametrize("way", _OUT_OF_REACH)
def test_a_deleted_pool_whose_runners_cannot_be_asked_for_ends_and_tells_what_it_leaves(
    faults: FaultStage, case: Case, way: OutOfReach
) -> None:
    names = idle_pods(faults)
    way.make(faults)
    case.begins()
    deleted = delete(faults)

    case.tells(way.reason, within=way.within)
    told_after = await_gone_past_reach(faults, deleted)

    case.told(LEFT_BEHIND, told_after)
    (warning,) = parting_words(faults)
    prefix = names[0].rpartition("-")[0]
    assert all(text in warning["message"] for text in (faults.server.url, way.reason, f"begin with {prefix}-"))
    assert not way.named or all(name in warning["message"] for name in names)
    # What is Kubernetes' goes with the pool; what is the server's stays, as was told.
    faults.until(lambda: faults.pods() == [], "the end of the pods", within=20)
    faults.server.client.lift_faults()
    faults.until(
        lambda: sorted(faults.leftovers()) == [f"runner {name}" for name in names], "only runners left", within=20
    )


@pytest.mark.fault("R56")
def test_a_server_that_is_back_in_time_gets_its_runners_removed(faults: FaultStage, case: Case) -> None:
    idle_pods(faults)
    server_gone(faults)
    case.begins()
    delete(faults)
    case.tells("ServerUnreachable")
    time.sleep(15)
    assert faults.find_pool() is not None

    faults.server.client.lift_faults()
    back = time.monotonic()
    await_gone(faults)

    case.healed(time.monotonic() - back)
    assert (faults.leftovers(), parting_words(faults)) == ([], [])


@pytest.mark.fault("R56")
def test_a_pool_deleted_before_its_pods_were_registered_ends_without_the_server(faults: FaultStage, case: Case) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    faults.wait_condition("Ready", status="True")
    faults.server.client.put_in_fault("status", path="/api/v1/runners/register")
    faults.server.client.enqueue(WEB_VIDEO, count=2)
    faults.until(lambda: len(faults.api.writes(POD_CREATES)) == 2, "two gated pods", within=20)
    case.begins()
    server_gone(faults)
    deleted = delete(faults)

    told_after = await_gone_past_reach(faults, deleted)

    case.told(LEFT_BEHIND, told_after)
    assert len(parting_words(faults)) == 1
    faults.server.client.lift_faults()
    faults.await_nothing_left()


@pytest.mark.fault("R21")
def test_a_pool_that_an_older_resource_let_in_is_told_keeps_its_pods_and_ends_when_it_is_deleted(
    faults: FaultStage, case: Case
) -> None:
    (name,) = idle_pods(faults, 1)

    def spoil(pool: Json) -> None:
        pool["spec"]["jobTypes"] = ["vod-transcoding"]

    case.begins()
    change_stored_pool(faults, spoil)
    told = case.tells("SpecInvalid")
    assert "spec.jobTypes[0]: is not a job type that a runner can take" in told["message"]
    time.sleep(3)
    assert faults.pod_names(lambda pod: is_ungated(pod) and not is_told_to_drain(pod)) == [name]

    deleted = delete(faults)
    await_gone_past_reach(faults, deleted)
    (warning,) = parting_words(faults)
    assert faults.server.url in warning["message"]
    faults.until(lambda: faults.leftovers() == [f"runner {name}"], "only the runner left", within=20)


@pytest.mark.fault("R54")
def test_a_pool_deleted_while_the_operator_is_away_waits_with_its_pods_at_work_and_ends_when_it_is_back(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    workers = at_work(faults, 2)
    faults.operator.stop()
    delete(faults)
    time.sleep(10)
    workers.assert_untouched()

    case.begins()
    back = time.monotonic()
    faults.operator.start()
    told_to_drain(faults, 2)
    case.told("PoolDeleted", time.monotonic() - back)
    faults.player.finish()

    finished = time.monotonic()
    await_gone(faults)
    case.healed(time.monotonic() - finished)
    assert (faults.leftovers(), parting_words(faults)) == ([], [])
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts) == (2, 0)
