"""How soon another replica takes over, in seconds that the operator's pages promise.

Here, and not among the fault tests, where a dozen tests share the processor: starts and passes take several times as
long there. What else a takeover has to keep is theirs: tests/faults/test_two_operators.py.
"""

import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster.local import LocalCluster
from support.faults.replicas import (
    Replica,
    another_replica,
    await_leader,
    await_pod_by,
    election_in,
    first_replica,
)
from support.faults.stage import FaultStage
from support.faults.staging import StageOrder, fault_stage
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.operatorlog import complaints_of
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.bench, pytest.mark.timeout(180)]

_ACTS_WITHIN = 20.0
_LEADS_AFTER_RELEASE = 3.0


@pytest.fixture
def stage(control_plane: LocalCluster, tmp_path: Path) -> Iterator[FaultStage]:
    """A stage whose operator takes part in an election and leads, with a pool that has nothing to do."""
    order = StageOrder(played=False, **election_in(f"bench-{secrets.token_hex(3)}"))
    with fault_stage(control_plane, tmp_path, order) as made:
        made.until(lambda: first_replica(made).leads, "a leader", within=30)
        made.pool(scaling={"maxReplicas": 1})
        made.wait_condition("Ready", status="True", within=30)
        yield made
        logs = made.operator.logs()
    assert complaints_of(logs, made.canaries) == []


@pytest.fixture
def standby(stage: FaultStage) -> Iterator[Replica]:
    """Another one, ready to lead."""
    with another_replica(stage) as second:
        assert not second.leads
        yield second


@pytest.mark.fault("R28")
def test_when_the_leader_is_killed_the_standby_acts_within_20_seconds(
    stage: FaultStage, standby: Replica, case: Case
) -> None:
    stage.observer.suspend(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because="nobody leads for a while")
    killed = time.monotonic()
    stage.operator.kill()
    stage.server.client.enqueue(WEB_VIDEO)
    acted = await_pod_by(stage, standby, since=killed, within=_ACTS_WITHIN)
    print(f"leader killed -> a pod made by the other replica: {acted:.1f} s")
    case.healed(acted)
    assert acted <= _ACTS_WITHIN


@pytest.mark.fault("R26")
def test_a_leader_that_is_stopped_gives_its_lease_back_and_the_standby_leads_within_3_seconds(
    stage: FaultStage, standby: Replica, case: Case
) -> None:
    stopped = time.monotonic()
    stage.operator.signal(signal.SIGTERM)
    led = await_leader(stage, standby, since=stopped, within=_LEADS_AFTER_RELEASE)
    print(f"leader stopped -> the other replica leads: {led:.1f} s")
    case.healed(led)
    assert led <= _LEADS_AFTER_RELEASE
    assert stage.operator.stop()
