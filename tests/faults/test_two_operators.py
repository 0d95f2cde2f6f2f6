"""Two replicas of the operator: one leads and the other stands by, or, election or not, both act at once.

How soon one takes over from the other, tests/bench/test_takeover.py measures, where nothing else takes its time.
"""

import json
import os
import random
import secrets
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime

import pytest

from peers.peertube.profile import PEERTUBE_8_2
from support.faults.api_effects import CallBefore
from support.faults.api_request import Match
from support.faults.replicas import (
    Replica,
    another_replica,
    await_leader,
    await_pod_by,
    election_in,
    first_replica,
    leading,
)
from support.faults.script import Script
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker
from support.faults.workers import at_work
from support.faults.wrong_clock import wrong_clock
from support.observer.records import Invariant
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.pools import POOL_KIND, WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# The rules of the election.
_LEASE, _RETRY = 15.0, 2.0
# From when a standby may take the Lease until it has, on a processor that a dozen tests share.
_CROWDED = 3.0
# Well before the Lease would have ended by itself.
_GIVEN_BACK = 10.0
# As long as it takes on such a processor; the figure is the benchmark's.
_PATIENCE = 45.0
_SOAKED_WITHIN = 20.0
_FROZEN = 30.0
_KILLS = 10
# Each new leader signs in, and so many in so few minutes are more than the server would bear of one address.
_SERVER = replace(PEERTUBE_8_2, login_limit=(100, 300.0))

_POOLS, _CAP = 20, 2
_CHURN_SECONDS = 300.0 if SOAKING else 20.0
_SEED = 20261130


@pytest.fixture
def elected(new_stage: StageMaker) -> FaultStage:
    """A stage whose operator takes part in an election, and leads."""
    stage = new_stage(**election_in(f"fault-{secrets.token_hex(3)}"), profile=_SERVER)
    stage.until(lambda: first_replica(stage).leads, "a leader", within=30)
    return stage


@pytest.fixture
def pair(elected: FaultStage) -> Iterator[tuple[Replica, Replica]]:
    """The leader, and a standby that is ready."""
    with another_replica(elected) as standby:
        assert not standby.leads
        yield first_replica(elected), standby


def took_the_lease(replica: Replica) -> float:
    """When it did: wall time."""
    return replica.carried_out("leases")[0].at


def last_renewal(replica: Replica) -> float:
    """When it renewed last, or took the Lease: wall time."""
    return replica.carried_out("leases")[-1].at


def working_pool(stage: FaultStage) -> None:
    """One pod at work; there is room for more."""
    stage.pool(scaling={"maxReplicas": 3})
    stage.wait_condition("Ready", status="True", within=45)


@pytest.mark.fault("R28")
def test_when_the_leader_is_killed_the_standby_waits_for_the_end_of_its_lease_acts_and_touches_no_pod_at_work(
    elected: FaultStage, pair: tuple[Replica, Replica], case: Case
) -> None:
    leader, standby = pair
    working_pool(elected)
    workers = at_work(elected)
    assert standby.writes() == []
    elected.observer.suspend(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because="nobody leads for a while")

    killed, killed_at = time.monotonic(), time.time()
    leader.operator.kill()
    elected.server.client.enqueue(WEB_VIDEO)
    case.healed(await_pod_by(elected, standby, since=killed, within=_PATIENCE))
    workers.assert_untouched()
    assert standby.leads
    assert last_renewal(leader) + _LEASE <= took_the_lease(standby) <= killed_at + _LEASE + _RETRY + _CROWDED


@pytest.mark.soak(only=True)
@pytest.mark.timeout(900)
@pytest.mark.fault("R28")
def test_of_three_replicas_one_acts_within_20_seconds_each_of_ten_times_that_the_leader_is_killed(
    elected: FaultStage, case: Case, counted: dict[str, int]
) -> None:
    with another_replica(elected, "second") as second, another_replica(elected, "third") as third:
        replicas = [first_replica(elected), second, third]
        elected.pool(scaling={"maxReplicas": _KILLS + 1})
        elected.wait_condition("Ready", status="True", within=45)
        workers = at_work(elected)
        longest = max(leader_killed(elected, replicas) for _ in range(_KILLS))
        workers.assert_untouched()
        assert len(elected.player.holding()) == _KILLS + 1
        case.healed(longest)
        counted["leaders killed"] = _KILLS


def leader_killed(stage: FaultStage, replicas: Sequence[Replica]) -> float:
    """Seconds until one of the others has made a pod; the killed one is back as a standby then."""
    (leader,) = leading(replicas)
    others = [replica for replica in replicas if replica is not leader]
    made = sum(len(replica.carried_out("pods")) for replica in others)
    told = (Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, Invariant.QUIET)
    with stage.observer.suspended(*told, because="nobody leads for a while, and what is written then has an old cause"):
        killed = time.monotonic()
        leader.operator.kill()
        stage.server.client.enqueue(WEB_VIDEO)
        what = "a pod that another replica has made"
        stage.until(lambda: sum(len(one.carried_out("pods")) for one in others) > made, what, within=_SOAKED_WITHIN)
        acted = time.monotonic() - killed
    leader.operator.start()
    assert len(leading(replicas)) == 1
    return acted


@pytest.mark.fault("R26")
def test_a_leader_that_is_stopped_gives_its_lease_back_and_the_standby_leads_and_touches_no_pod_at_work(
    elected: FaultStage, pair: tuple[Replica, Replica], case: Case
) -> None:
    leader, standby = pair
    working_pool(elected)
    workers = at_work(elected)

    stopped = time.monotonic()
    leader.operator.signal(signal.SIGTERM)
    case.healed(await_leader(elected, standby, since=stopped, within=_GIVEN_BACK))
    assert leader.operator.stop()
    elected.server.client.enqueue(WEB_VIDEO)
    elected.until(lambda: standby.carried_out("pods"), "a pod that the other replica has made", within=15)
    workers.assert_untouched()


@pytest.mark.fault("R27")
def test_a_leader_that_was_frozen_in_the_middle_of_its_work_writes_nothing_when_it_thaws(
    elected: FaultStage, pair: tuple[Replica, Replica], case: Case
) -> None:
    leader, standby = pair
    working_pool(elected)
    elected.observer.suspend(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because="nobody leads for a while")
    pid = leader.operator.pid
    # What it does next is a write: the answer that waits for it lets it take the gate off its pod.
    creation = Match(verbs=frozenset({"create"}), target="secrets")
    frozen = leader.api.fault(CallBefore(callback=lambda: os.kill(pid, signal.SIGSTOP)), creation, times=1)
    elected.server.client.set(watchdog=False)
    elected.player.script = Script(job_seconds=1.0)
    elected.server.client.enqueue(WEB_VIDEO)
    elected.until(lambda: frozen.hits, "a frozen leader", within=15)
    begin = time.monotonic()
    case.healed(await_leader(elected, standby, since=begin, within=_PATIENCE))
    done = elected.server.client.statistics
    elected.until(lambda: done().completed == 1, "the job done by the other's pod", within=30)
    time.sleep(max(0.0, _FROZEN - (time.monotonic() - begin)))
    rows = elected.server.rows()

    thawed = time.time()
    leader.operator.signal(signal.SIGCONT)
    elected.until(lambda: not leader.operator.alive, "the end of the one that thawed", within=5)
    assert leader.writes(since=thawed) == []
    assert elected.server.rows() in (rows, [])
    assert standby.leads


@pytest.mark.fault("R29")
@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_a_leader_that_is_cut_off_from_the_api_server_ends_before_its_lease_does(
    elected: FaultStage, pair: tuple[Replica, Replica], case: Case, how: str
) -> None:
    leader, standby = pair
    working_pool(elected)
    workers = at_work(elected)
    elected.observer.suspend(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because="nobody leads for a while")

    with leader.api.frozen() if how == "hangs" else nullcontext():
        if how == "refuses":
            leader.api.cut()
        cut, cut_at = time.monotonic(), time.time()
        elected.until(lambda: not leader.operator.alive, "the end of the leader", within=_LEASE)
        ended = time.time()
        assert not standby.leads
        elected.server.client.enqueue(WEB_VIDEO)
        case.healed(await_pod_by(elected, standby, since=cut, within=_PATIENCE))
    assert ended < last_renewal(leader) + _LEASE <= took_the_lease(standby)
    assert [record for record in leader.writes(since=cut_at) if record.forwarded] == []
    assert "this process ends at once" in leader.operator.last_log()
    workers.assert_untouched()


@pytest.mark.fault("R30")
@pytest.mark.parametrize("offset", ["+3600s", "-3600s"])
def test_a_standby_whose_clock_is_an_hour_wrong_takes_over_neither_sooner_nor_later(
    elected: FaultStage, case: Case, offset: str
) -> None:
    leader = first_replica(elected)
    working_pool(elected)
    workers = at_work(elected)
    with another_replica(elected, prefix=wrong_clock(offset)) as standby:
        time.sleep(_LEASE + 2)
        assert (leader.leads, standby.leads, standby.writes()) == (True, False, [])
        why = "nobody leads for a while, and then one whose clock is wrong"
        elected.observer.suspend(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because=why)
        killed, killed_at = time.monotonic(), time.time()
        leader.operator.kill()
        elected.server.client.enqueue(WEB_VIDEO)
        case.healed(await_pod_by(elected, standby, since=killed, within=_PATIENCE))
        assert last_renewal(leader) + _LEASE <= took_the_lease(standby) <= killed_at + _LEASE + _RETRY + _CROWDED
        workers.assert_untouched()
        # Its clock is as wrong as was meant.
        renewed = json.loads(standby.writes(target="leases")[-1].body)["spec"]["renewTime"]
        off = datetime.fromisoformat(renewed).timestamp() - time.time()
        assert abs(off - float(offset.removesuffix("s"))) < 60


@pytest.mark.soak
@pytest.mark.fault("R27")
def test_two_that_act_at_once_on_20_pools_never_make_more_pods_than_the_cap(
    faults: FaultStage, case: Case, counted: dict[str, int]
) -> None:
    """The observer judges the cap at every event when the test ends."""
    why = "two operators write each other's status, and register each other's runners anew"
    told = (Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, Invariant.NO_SPIN, Invariant.QUIET)
    faults.observer.suspend(*told, because=why)
    names = [faults.pool(f"pool-{number}", scaling={"maxReplicas": _CAP}) for number in range(_POOLS)]
    with another_replica(faults) as second:
        both = (first_replica(faults), second)
        assert len(leading(both)) == len(both)
        churn(faults, names, seconds=_CHURN_SECONDS)
        made = [len(replica.carried_out("pods")) for replica in both]
        # Both did, so there was something to collide about.
        assert min(made) > 0
        refused = sum(record.status == 409 for replica in both for record in replica.writes())
    counted |= {"pods made by either": sum(made), "writes refused for the other's sake": refused}
    begin = time.monotonic()
    faults.kubectl("delete", POOL_KIND, "--all", "--wait=false")
    faults.until(lambda: not faults.leftovers(), "the end of all pods when one is left to act", within=90)
    case.healed(time.monotonic() - begin)


def churn(stage: FaultStage, names: list[str], *, seconds: float) -> None:
    """Jobs and floors that come and go."""
    chance = random.Random(_SEED)
    deadline = time.monotonic() + seconds
    stage.player.script = Script(job_seconds=0.5)
    while time.monotonic() < deadline:
        stage.server.client.enqueue(WEB_VIDEO, count=chance.randrange(_POOLS))
        stage.change_pool(chance.choice(names), scaling={"minReplicas": chance.randrange(_CAP + 1)})
        time.sleep(chance.uniform(0.1, 1.0))
