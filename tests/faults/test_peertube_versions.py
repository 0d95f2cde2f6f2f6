"""Servers that are old, grown, leave work undone or lose their runners: each through the whole operator."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from peers.peertube.profile import AUDIO_MERGE, HLS, PEERTUBE_6_3, STUDIO
from support.faults.api_request import POD_CREATES
from support.faults.process_usage import MIB, resident_bytes
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_unfinished
from support.faults.staging import StageMaker
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]

_WORK_SECONDS = 60.0
_A_FEW_POLLS_SECONDS = 4.0
_YEARS = 300_000
_PENDING = 500
# Of each list at least one page is read.
_PAGE = 100
_CALLS_A_READ = 6
_MORE_BYTES = 30 * MIB
_GROWN_SECONDS = 20.0


@pytest.fixture
def old(new_stage: StageMaker) -> FaultStage:
    """A stage with PeerTube 6.3, which hands any job to any runner."""
    stage = new_stage(profile=PEERTUBE_6_3)
    # What no pool may take together with other types.
    stage.server.client.set(remoteRunners={"live": False})
    return stage


def all_done(stage: FaultStage) -> bool:
    return not stage.server.open_jobs()


@pytest.mark.fault("3.3")
def test_a_pool_for_some_types_of_an_old_server_makes_no_pod_is_told_its_choices_and_works_if_it_takes_all(
    old: FaultStage, case: Case
) -> None:
    case.watch(old.observer, old.namespace)
    old.server.client.enqueue(WEB_VIDEO, count=2)
    old.pool()
    case.begins()

    told = case.tells("JobTypesNotFiltered", condition="JobTypesServed")

    ready = old.condition("Ready") or {}
    assert (ready["status"], ready["reason"]) == ("False", "JobTypesNotFiltered")
    assert ready["message"] == told["message"]
    for choice in ("upgrade it to 7.0", "switch those off", HLS, STUDIO, "jobTypes", "jobTypeFilter: BestEffort"):
        assert choice in told["message"]
    time.sleep(_A_FEW_POLLS_SECONDS)
    assert old.pod_names() == []
    assert old.api.writes(POD_CREATES) == []

    old.change_pool(jobTypeFilter="BestEffort")
    cured = time.time()
    old.wait_condition("Ready", status="True", within=30)
    case.healed(time.time() - cured)
    old.until(lambda: all_done(old), "the end of all jobs", within=_WORK_SECONDS)
    still = old.condition("JobTypesServed") or {}
    assert (still["status"], still["reason"]) == ("False", "JobTypesNotFiltered")
    assert STUDIO in still["message"]


@pytest.mark.fault("3.3")
def test_a_pool_that_lists_all_types_of_an_old_server_completes_them(old: FaultStage, case: Case) -> None:
    case.watch(old.observer, old.namespace)
    types = [WEB_VIDEO, HLS, AUDIO_MERGE, STUDIO]
    old.pool(jobTypes=types)
    old.wait_condition("JobTypesServed", "JobTypesServed", status="True", within=20)
    for job_type in types:
        old.server.client.enqueue(job_type)

    old.until(lambda: all_done(old), "the end of all jobs", within=_WORK_SECONDS)

    statistics = old.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (len(types), 0, 0)


@pytest.mark.fault("R81")
def test_an_old_server_that_ignores_the_filter_of_its_list_is_counted_right(old: FaultStage, case: Case) -> None:
    case.watch(old.observer, old.namespace)
    old.pool(mode="Hold", jobTypeFilter="BestEffort")
    old.server.client.enqueue(HLS, count=150)
    old.server.client.enqueue(WEB_VIDEO, count=3)

    old.until(lambda: old.status().get("queue", {}).get("pending") == 3, "three pending jobs", within=30)

    assert old.status()["queue"]["complete"] is True
    assert old.status()["desiredReplicas"] == 0


@pytest.mark.fault("R81")
def test_a_pool_of_an_old_server_completes_jobs_of_the_types_that_come(old: FaultStage, case: Case) -> None:
    case.watch(old.observer, old.namespace)
    old.pool(jobTypeFilter="BestEffort", scaling={"maxReplicas": 2})
    old.wait_condition("Ready", status="True", within=20)
    old.server.client.enqueue(HLS, count=2)
    old.server.client.enqueue(WEB_VIDEO, count=4)

    old.until(lambda: all_done(old), "the end of all jobs", within=_WORK_SECONDS)
    old.await_nothing_left(within=_WORK_SECONDS)

    statistics = old.server.client.statistics()
    assert (statistics.completed, statistics.aborts, statistics.reclaims) == (6, 0, 0)


@pytest.mark.fault("3.3")
def test_a_type_that_the_server_keeps_to_itself_is_told_and_the_pool_is_ready_all_the_same(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    faults.server.client.set(remoteRunners={"transcoding": False})
    faults.pool()
    case.begins()

    told = case.tells("RemoteRunnersDisabled", condition="JobTypesServed")

    assert WEB_VIDEO in told["message"]
    assert faults.wait_condition("Ready", status="True")["reason"] != "RemoteRunnersDisabled"
    faults.server.client.set(remoteRunners={"transcoding": True})
    case.cured()
    case.heals()


@pytest.mark.fault("R76", "R79")
def test_runners_that_go_with_their_registration_token_are_told_replaced_and_the_queue_is_served_again(
    old: FaultStage, case: Case
) -> None:
    case.watch(old.observer, old.namespace)
    old.player.script = Script(job_seconds=FOREVER)
    old.pool(jobTypeFilter="BestEffort", scaling={"maxReplicas": 2})
    old.server.client.enqueue(WEB_VIDEO, count=4)
    old.until(lambda: len(old.player.holding()) == 2, "two pods at work", within=_WORK_SECONDS)
    before = set(old.pod_names())
    old.player.script = Script()
    old.server.client.delete_registration_tokens()
    case.begins()

    told = case.tells("RunnerUnregistered", condition="RunnersHealthy", within=30)

    assert "unregistered" in told["message"].lower()
    # One failure, however many pods go by it: what takes their place is made at once.
    assert [(one["cause"], one["count"]) for one in old.status()["failures"]] == [("RunnerUnregistered", 1)]
    case.cured()
    # They stay for their logs, but their runners do not come back.
    old.until(lambda: not before & set(old.pod_names(is_unfinished)), "the end of all old pods", within=_WORK_SECONDS)
    # The jobs in hand are the server's: its watchdog takes them back.
    old.until(lambda: all_done(old), "the end of all jobs", within=_WORK_SECONDS)
    case.heals(within=_WORK_SECONDS)
    assert old.server.client.statistics().completed == 4
    assert not before & set(old.server.rows())


@pytest.mark.fault("grown")
def test_a_server_of_600000_rows_is_told_right_or_as_at_least_in_six_calls_a_read_and_flat_memory(
    faults: FaultStage, case: Case
) -> None:
    case.watch(faults.observer, faults.namespace)
    faults.player.script = Script(job_seconds=FOREVER)
    faults.pool(jobTypes=[WEB_VIDEO, HLS], scaling={"maxReplicas": 2})
    faults.server.client.enqueue(WEB_VIDEO, count=2)
    faults.until(lambda: len(faults.player.holding()) == 2, "two pods at work", within=_WORK_SECONDS)
    before = resident_bytes(faults.operator.pid)

    with peak_of(faults.operator.pid) as peak:
        faults.server.client.grow(finished=_YEARS, waiting=_YEARS, pending=_PENDING)
        told = faults.until(lambda: grown_figures(faults), "the figures of a grown server", within=_WORK_SECONDS)
        time.sleep(_GROWN_SECONDS)

    assert told["complete"] is False or (told["pending"], told["waitingForParent"]) == (_PENDING, _YEARS)
    assert _PAGE <= told["pending"] <= _PENDING
    assert told["processing"] == 2
    assert peak[0] - before <= _MORE_BYTES
    # One look, and one read at most, in any second.
    assert 1 < faults.server.client.statistics().most_in_a_second("GET /api/v1/runners/jobs") <= 1 + _CALLS_A_READ
    case.told(f"{(peak[0] - before) / MIB:.0f} MiB more", _GROWN_SECONDS)


def grown_figures(stage: FaultStage) -> dict[str, int] | None:
    """The pool's queue, as soon as it shows that the server has grown."""
    queue: dict[str, int] = stage.status().get("queue", {})
    return queue if queue.get("waitingForParent") else None


@contextmanager
def peak_of(pid: int) -> Iterator[list[int]]:
    """The most memory that a process has at a time while the block runs, in a list of one."""
    peak, ended = [resident_bytes(pid)], Event()

    def look() -> None:
        while not ended.wait(0.1):
            peak[0] = max(peak[0], resident_bytes(pid))

    looking = Thread(target=look, daemon=True)
    looking.start()
    try:
        yield peak
    finally:
        ended.set()
        looking.join()
