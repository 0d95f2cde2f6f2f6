"""A namespace that is deleted with a pool in it ends: within the pods' grace and a minute, whatever went first.

The operator has the rights of a release that watches all namespaces; or those of one that watches this one alone, which
lie in it, and go with it.
"""

import time
from collections.abc import Callable

import pytest

from support.faults.departure import LEFT_BEHIND, removals_refused, secret_gone, server_gone, server_silent
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.faults.workers import at_work
from support.reliability.case import Case

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300), pytest.mark.fault("R53")]

GRACE_SECONDS = 5
_MOST_SECONDS = GRACE_SECONDS + 60.0


@pytest.fixture
def stage(new_stage: StageMaker, case: Case) -> FaultStage:
    """Two pods at work, which the cluster gives 5 s to end."""
    return at_work_in(new_stage(everywhere=True), case)


def at_work_in(made: FaultStage, case: Case) -> FaultStage:
    case.watch(made.observer, made.namespace)
    made.pool(scaling={"maxReplicas": 2}, lifecycle={"evictionGraceSeconds": GRACE_SECONDS})
    at_work(made, 2)
    return made


def delete_namespace(stage: FaultStage) -> float:
    """Delete it and wait for its end; how long it took."""
    begin = time.monotonic()
    stage.kubectl("delete", "namespace", stage.namespace, "--wait=false")
    path = f"/api/v1/namespaces/{stage.namespace}"
    stage.until(lambda: stage.reader.find(path) is None, "the end of the namespace", within=_MOST_SECONDS)
    return time.monotonic() - begin


def told_in_log(stage: FaultStage, reason: str) -> bool:
    """A namespace that goes takes no events: the log is all there is."""
    return f"({reason})" in stage.operator.log(stage.operator.runs).read_text()


def test_a_namespace_ends_and_its_pods_hand_their_jobs_back(stage: FaultStage, case: Case) -> None:
    case.told("NamespaceTerminating", delete_namespace(stage))

    statistics = stage.server.client.statistics()
    assert (statistics.aborts, statistics.reclaims) == (2, 0)
    assert not stage.server.rows() or told_in_log(stage, LEFT_BEHIND)


@pytest.mark.parametrize(
    "gone_first",
    [
        pytest.param(secret_gone, id="the Secret"),
        pytest.param(server_gone, id="the server"),
        pytest.param(server_silent, id="the server's answers"),
    ],
)
def test_a_namespace_ends_although_something_went_first_and_the_log_tells_what_is_left(
    stage: FaultStage, case: Case, gone_first: Callable[[FaultStage], None]
) -> None:
    gone_first(stage)
    # A call that is left without an answer takes 10 s, and the next look may be 5 s off.
    stage.wait_condition("QueueReachable", status="False", within=20)

    case.told(LEFT_BEHIND, delete_namespace(stage))

    assert told_in_log(stage, LEFT_BEHIND)
    assert stage.server.client.statistics().aborts == 2
    stage.server.client.lift_faults()
    assert len(stage.server.rows()) == 2


@pytest.mark.parametrize(
    "way", [pytest.param(server_silent, id="answers no call"), pytest.param(removals_refused, id="removes no runner")]
)
def test_a_namespace_ends_although_its_server_changes_its_mind_just_then(
    stage: FaultStage, case: Case, way: Callable[[FaultStage], None]
) -> None:
    way(stage)

    case.told(LEFT_BEHIND, delete_namespace(stage))

    assert told_in_log(stage, LEFT_BEHIND)
    stage.server.client.lift_faults()
    assert len(stage.server.rows()) == 2


def test_a_namespace_ends_although_it_takes_the_operators_rights_along(new_stage: StageMaker, case: Case) -> None:
    stage = at_work_in(new_stage(apart=True), case)

    # Kubernetes takes a namespace's objects in any order: here, the rights before pods could end.
    stage.rights.take_away()
    case.told(LEFT_BEHIND, delete_namespace(stage))

    assert told_in_log(stage, LEFT_BEHIND)
    assert "the operator's rights in it along" in stage.operator.last_log()
    statistics = stage.server.client.statistics()
    assert (statistics.aborts, statistics.reclaims) == (2, 0)
    assert (stage.operator.alive, stage.operator.runs) == (True, 1)
