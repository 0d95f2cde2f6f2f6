"""A minute of random faults over one pool, drawn from a seed, with the server's clock ten times as fast.

In the soak it is ten minutes, in real time: a job whose runner is gone comes back after two to three of them.
Whatever came, at the end the queue is served, the invariants have held, and nothing is left. `make chaos` does the same
on a real node, in real time.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from enum import StrEnum

import pytest

from peers.peertube.faults import ADMINISTRATION
from support.chaos.schedule import Blow, Pace, draw, victim
from support.faults.api_effects import Delay, Drop, Refuse
from support.faults.api_request import EVERYTHING, READS, STATUS_WRITES
from support.faults.script import Script
from support.faults.stage import FaultStage, is_ready
from support.observer.records import Invariant
from support.soak.switch import SOAKING
from support.stage.pools import WEB_VIDEO

SECONDS = 600.0 if SOAKING else 60.0
SERVED_SECONDS = 300.0 if SOAKING else 90.0
SEEDS = (1, 2)
PODS = 4
JOB_EVERY_SECONDS = 1.5
PACE = Pace(pause=(1.0, 4.0), lasts=(2.0, 8.0))
_TICK_SECONDS = 0.1

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(SECONDS + SERVED_SECONDS + 210)]


class Kind(StrEnum):
    """What may come."""

    CRASH = "a pod crashes"
    OUT_OF_MEMORY = "a pod runs out of memory"
    EVICTION = "a pod is evicted"
    UNREADY = "a pod is not ready for a while"
    DELETION = "a pod is deleted by somebody else"
    UNREGISTERED = "a runner is unregistered by the administrator"
    SERVER_AWAY = "the server answers nothing"
    SERVER_SICK = "the server answers the administrator with 503"
    API_REFUSES = "the API server answers 503"
    API_SLOW = "the API server is slow"
    API_CUTS = "the API server cuts connections"
    API_CONFLICTS = "no status can be written"
    OPERATOR_KILLED = "the operator is killed"


@pytest.mark.soak
@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_minute_of_random_faults_the_queue_is_served_and_nothing_is_left(
    faults: FaultStage, counted: dict[str, int], seed: int
) -> None:
    faults.observer.suspend(
        Invariant.BACK_TO_GOAL, Invariant.HONEST_STATUS, Invariant.NO_SPIN, because="one fault follows the other"
    )
    faults.player.script = Script(job_seconds=2)
    faults.pool(scaling={"maxReplicas": PODS}, lifecycle={"evictionGraceSeconds": 60})
    blows = draw(seed, list(Kind), SECONDS, PACE)
    print(*(f"{blow.at:5.1f} s: {blow.kind}" for blow in blows), sep="\n")

    put_in = live_through(faults, blows)

    faults.until(lambda: not faults.server.open_jobs(), "the end of all jobs", within=SERVED_SECONDS)
    statistics = faults.server.client.statistics()
    assert statistics.orphans == ()
    assert len(statistics.jobs) == put_in
    counted |= {"jobs": put_in, "faults": len(blows), "kinds of fault": len(Counter(blow.kind for blow in blows))}
    faults.delete_pool()
    faults.until(lambda: faults.find_pool() is None, "the end of the pool", within=60)
    assert faults.leftovers() == []


def live_through(stage: FaultStage, blows: list[Blow[Kind]]) -> int:
    """Let the faults come, each for its time, while jobs come, too; how many jobs came."""
    begin, put_in = time.monotonic(), 0
    waiting = list(blows)
    lasting: list[tuple[float, ExitStack]] = []
    with ExitStack() as stack:
        while (now := time.monotonic() - begin) < SECONDS:
            while waiting and waiting[0].at <= now:
                blow, own = waiting.pop(0), stack.enter_context(ExitStack())
                _MADE_BY[blow.kind](stage, blow, own)
                lasting.append((now + blow.lasts, own))
            for entry in [entry for entry in lasting if entry[0] <= now]:
                lasting.remove(entry)
                entry[1].close()
            if put_in * JOB_EVERY_SECONDS <= now:
                put_in += len(stage.server.client.enqueue(WEB_VIDEO))
            time.sleep(_TICK_SECONDS)
    return put_in


Make = Callable[[FaultStage, Blow[Kind], ExitStack], None]


def _one(stage: FaultStage, blow: Blow[Kind]) -> str | None:
    return victim(stage.pod_names(is_ready), blow.choice)


def _to_a_pod(act: Callable[[FaultStage, str], None]) -> Make:
    def make(stage: FaultStage, blow: Blow[Kind], _: ExitStack) -> None:
        name = _one(stage, blow)
        if name is not None:
            act(stage, name)

    return make


def _unready(stage: FaultStage, blow: Blow[Kind], own: ExitStack) -> None:
    name = _one(stage, blow)
    if name is not None:
        stage.player.set_ready(name, ready=False)
        own.callback(stage.player.set_ready, name, ready=None)


def _delete(stage: FaultStage, name: str) -> None:
    stage.kubectl("delete", "pod", name, "--wait=false")


def _unregister(stage: FaultStage, name: str) -> None:
    for row in stage.server.client.runners():
        if row["name"] == name:
            stage.server.client.delete_runner(row["id"])


def _server(kind: str, **options: object) -> Make:
    def make(stage: FaultStage, _: Blow[Kind], own: ExitStack) -> None:
        stage.server.client.put_in_fault(kind, **options)
        own.callback(stage.server.client.lift_faults)

    return make


def _api(effect: Refuse | Delay | Drop, on: object) -> Make:
    def make(stage: FaultStage, _: Blow[Kind], own: ExitStack) -> None:
        own.enter_context(stage.api.fault(effect, on))  # type: ignore[arg-type]

    return make


def _kill_operator(stage: FaultStage, _: Blow[Kind], own: ExitStack) -> None:
    if stage.operator.alive:
        stage.operator.kill()
        own.callback(stage.operator.start, ready_within=None)


_MADE_BY: Mapping[Kind, Make] = {
    Kind.CRASH: _to_a_pod(lambda stage, name: stage.player.crash(name)),
    Kind.OUT_OF_MEMORY: _to_a_pod(lambda stage, name: stage.player.crash(name, exit_code=137, reason="OOMKilled")),
    Kind.EVICTION: _to_a_pod(lambda stage, name: stage.player.evict(name)),
    Kind.UNREADY: _unready,
    Kind.DELETION: _to_a_pod(_delete),
    Kind.UNREGISTERED: _to_a_pod(_unregister),
    Kind.SERVER_AWAY: _server("closed", path="/api/.*"),
    Kind.SERVER_SICK: _server("status", path=ADMINISTRATION, status=503),
    Kind.API_REFUSES: _api(Refuse(code=503), EVERYTHING),
    Kind.API_SLOW: _api(Delay(seconds=1.0), READS),
    Kind.API_CUTS: _api(Drop(), EVERYTHING),
    Kind.API_CONFLICTS: _api(Refuse(code=409), STATUS_WRITES),
    Kind.OPERATOR_KILLED: _kill_operator,
}
