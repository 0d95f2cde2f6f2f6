"""A pool is an object that others write, too: garbage in it, floods of changes, orphans, another operator."""

import itertools
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.cluster.processes import start, stop
from support.faults import other_operator
from support.faults.api_effects import Delay
from support.faults.api_request import POD_CREATES, STATUS_WRITES, Match
from support.faults.departure import await_gone, delete, parting_words
from support.faults.stage import FaultStage, is_ready
from support.faults.stored import change_stored_pool
from support.faults.workers import at_work
from support.reliability.case import Case
from support.stage.kube import Json
from support.stage.pools import POOL_KIND, POOL_PATH, WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

_MERGE = {"Content-Type": "application/merge-patch+json"}
_POD_LISTS = Match(verbs=frozenset({"list"}), target="pods")
_PASS_SECONDS = 0.4
_CLOCK_SECONDS = 0.05
_FLOOD_SECONDS = 5.0
_CHANGES_A_SECOND = 50
_WRITERS = 4
_THEIR_FINALIZER = "kopf.zalando.org/KopfFinalizerMarker"
_QUIET_SECONDS = 4.0


@pytest.fixture(autouse=True)
def _watched(faults: FaultStage, case: Case) -> None:
    case.watch(faults.observer, faults.namespace)


def completed(stage: FaultStage) -> int:
    return stage.server.client.statistics().completed


@pytest.mark.fault("R35")
def test_a_pool_over_which_every_pass_fails_is_told_and_keeps_no_other_from_being_served(
    faults: FaultStage, case: Case
) -> None:
    faults.pool("sick", jobTypes=["vod-hls-transcoding"])
    faults.pool("well")
    for name in ("sick", "well"):
        faults.wait_condition("Ready", status="True", pool=name)
    pid = faults.operator.pid
    faults.expect_complaint("the pass failed by a fault of the operator's own")

    case.begins()
    change_stored_pool(faults, garbled, "sick")
    told = case.tells("ReconcileError", pool="sick", condition="Ready", within=15)
    assert "please report its log" in told["message"]
    begin = time.monotonic()
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: completed(faults) == 1, "the other pool's job served", within=20)
    assert time.monotonic() - begin < 15
    assert (faults.operator.pid, faults.operator.alive) == (pid, True)

    change_stored_pool(faults, mended, "sick")
    case.cured()
    case.heals()


def garbled(pool: Json) -> None:
    """What no API server lets in, and no pass can read."""
    pool["status"]["lastDecision"] = "garbage"


def mended(pool: Json) -> None:
    del pool["status"]["lastDecision"]


@pytest.mark.fault("R36")
def test_a_pool_that_is_changed_50_times_a_second_has_one_pass_at_a_time_and_a_write_a_pass(
    faults: FaultStage, case: Case
) -> None:
    faults.pool()
    faults.wait_condition("Ready", status="True")
    with faults.api.fault(Delay(seconds=_PASS_SECONDS), _POD_LISTS):
        begin = time.time()
        changes = flood(faults)
        passes = [record.at for record in faults.api.requests if _POD_LISTS.fits(record.asked) and record.at > begin]
        writes = [record for record in faults.api.writes(STATUS_WRITES) if record.at > begin]
    generation = (faults.find_pool() or {})["metadata"]["generation"]
    faults.until(lambda: faults.status()["observedGeneration"] == generation, "the last change noted", within=10)
    case.healed(time.time() - begin - _FLOOD_SECONDS)

    assert changes > 3 * len(passes)
    assert min(later - earlier for earlier, later in itertools.pairwise(passes)) > _PASS_SECONDS - _CLOCK_SECONDS
    assert 2 <= len(writes) <= len(passes) + 1


def flood(stage: FaultStage) -> int:
    """Change the spec as often as can be, up to fifty times a second; how often that was."""
    path = POOL_PATH.format(namespace=stage.namespace, name="vod")
    begin = time.monotonic()

    def change(number: int) -> bool:
        time.sleep(max(0.0, begin + number / _CHANGES_A_SECOND - time.monotonic()))
        if time.monotonic() - begin > _FLOOD_SECONDS:
            return False
        body = {"spec": {"scaling": {"maxReplicas": 2 + number % 2}}}
        stage.http.patch(path, json=body, headers=_MERGE).raise_for_status()
        return True

    with ThreadPoolExecutor(_WRITERS) as writers:
        return sum(writers.map(change, range(int(_FLOOD_SECONDS * _CHANGES_A_SECOND))))


@pytest.mark.fault("R37", "R57")
def test_pods_of_a_pool_deleted_without_its_dependents_work_on_and_are_not_its_successors(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 2})
    workers = at_work(faults, 2)
    orphans = sorted(workers.uids)

    begin = time.monotonic()
    faults.kubectl("delete", POOL_KIND, "vod", "--cascade=orphan", "--wait=false")
    await_gone(faults)
    case.told("PoolDeleted", time.monotonic() - begin)
    # The garbage collector may be quicker than we: then they are nobody's when we look, and there is nothing to tell.
    assert all("are left to themselves" in warning["message"] for warning in parting_words(faults))
    workers.assert_untouched()
    assert [pod["metadata"].get("ownerReferences") for pod in faults.pods()] == [None, None]

    faults.pool(scaling={"maxReplicas": 2})
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: len(faults.player.holding()) == 3, "a pod of the new pool at work", within=30)
    faults.until(lambda: faults.status().get("busyReplicas") == 1, "the new pool's count", within=10)
    assert faults.status()["replicas"] == 1
    faults.player.finish()
    delete(faults)
    await_gone(faults)

    # Free to take more, and registered as ever.
    faults.until(lambda: faults.pod_names() == orphans, "only the orphans left", within=20)
    assert faults.server.rows() == orphans
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(faults.player.holding, "an orphan at work again", within=10)
    assert faults.pod_names(is_ready) == orphans
    statistics = faults.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (3, 0, 0)


@pytest.mark.fault("R38")
def test_a_pod_whose_label_somebody_took_is_replaced_and_finishes_its_job(faults: FaultStage, case: Case) -> None:
    faults.pool(scaling={"minReplicas": 1, "maxReplicas": 2})
    workers = at_work(faults)
    (released,) = workers.uids

    begin = time.monotonic()
    faults.kubectl("label", "pod", released, "runnerpool.dev/pool-")
    faults.wait_pods(2, within=30)
    case.healed(time.monotonic() - begin)

    time.sleep(3)
    workers.assert_untouched()
    assert released in faults.server.rows()
    faults.player.finish(released)
    faults.until(lambda: completed(faults) == 1, "the end of its job", within=10)


@pytest.fixture
def other(faults: FaultStage) -> Iterator[None]:
    """A second operator on the same pools, with kopf's own bookkeeping."""
    program = str(Path(sys.executable).with_name("kopf"))
    command = ["env", f"KUBECONFIG={faults.cluster.kubeconfig}", program, "run", "--standalone"]
    command += [f"--namespace={faults.namespace}", str(other_operator.__file__)]
    process = start("other-operator", command, log=faults.directory / "other-operator.log", outlives_starter=False)
    try:
        yield
    finally:
        stop(process, grace_seconds=5)


@pytest.mark.fault("R58")
def test_another_kopf_operator_on_the_same_pool_and_ours_leave_each_other_alone(
    faults: FaultStage, case: Case, other: None
) -> None:
    faults.pool()
    faults.wait_condition("Ready", status="True")
    begin = time.monotonic()
    faults.until(lambda: both_hold(faults), "the finalizers of both", within=20)
    faults.server.client.enqueue(WEB_VIDEO)
    faults.until(lambda: completed(faults) == 1, "a job served", within=30)
    faults.await_nothing_left()
    faults.wait_condition("Progressing", "Steady")
    case.healed(time.monotonic() - begin)

    faults.until(lambda: version(faults) == version(faults, after=_QUIET_SECONDS), "no more writes", within=20)
    assert len(faults.api.writes(POD_CREATES)) == 1
    delete(faults)
    await_gone(faults)


def both_hold(stage: FaultStage) -> bool:
    metadata = (stage.find_pool() or {})["metadata"]
    return {"runnerpool.dev/drain", _THEIR_FINALIZER} <= set(metadata.get("finalizers") or ())


def version(stage: FaultStage, *, after: float = 0.0) -> str:
    """Of the pool, so many seconds from now."""
    time.sleep(after)
    return str((stage.find_pool() or {})["metadata"]["resourceVersion"])
