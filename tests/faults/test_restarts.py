"""An operator that is killed between any two of its writes, or is absent for a while: afterwards, the same world.

The proxy counts the writes of an undisturbed run; then one run for each of them, in which the operator is killed with
SIGKILL right after the API server has it. The soak takes every write where `make test` takes one of each kind, because
there are many; and there the operator is absent for three minutes.
"""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from support.faults.api_request import ApiRequest
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_ready, is_told_to_drain
from support.faults.workers import at_work
from support.observer.records import Invariant, Kind
from support.reliability.case import Case
from support.soak.switch import SOAKING
from support.stage.pools import WEB_VIDEO

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Each third of a phase's writes is a test of its own, so that they run side by side.
_PARTS = 3
_FEW = 12
_SAME_WORLD_SECONDS = 30.0
# More than the two looks at the queue and the pass that a second pod, or a second drain order, would take.
_STAYS_SECONDS = 2.0
_UNDISTURBED_SECONDS = 60.0
_ABSENT_SECONDS = 180.0 if SOAKING else 15.0
_BACK_SECONDS = 15.0
_IMAGES = ("localhost/none:a", "localhost/none:b")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What has to be the same, with or without a kill."""

    pods: int
    ready: int
    holding: int
    rows_are_pods: bool
    secrets_are_pods: bool
    open_jobs: int
    aborts_and_reclaims: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One thing that an operator does in several writes, again and again on one pool.

    Attributes:
        spec: the pool's.
        prepare: brings the pool to where the phase begins.
        begin: gives the operator something to do.
        step: whether the operator has come half way; does then what is the test's part.
        world: where it ends.
        new_pods: how many pods the phase makes.
    """

    spec: dict[str, Any]
    prepare: Callable[[FaultStage], None]
    begin: Callable[[FaultStage], None]
    step: Callable[[FaultStage], bool]
    world: World
    new_pods: int


def world_of(stage: FaultStage) -> World:
    names = stage.pod_names()
    statistics = stage.server.client.statistics()
    secrets = [entry.removeprefix("Secret ") for entry in stage.leftovers() if entry.startswith("Secret ")]
    return World(
        pods=len(names),
        ready=len(stage.pod_names(is_ready)),
        holding=len(stage.player.holding()),
        rows_are_pods=stage.server.rows() == names,
        secrets_are_pods=sorted(secrets) == names,
        open_jobs=len(stage.server.open_jobs()),
        aborts_and_reclaims=statistics.aborts + statistics.reclaims,
    )


def _world(pods: int, *, holding: int = 0) -> World:
    return World(
        pods=pods,
        ready=pods,
        holding=holding,
        rows_are_pods=True,
        secrets_are_pods=True,
        open_jobs=holding,
        aborts_and_reclaims=0,
    )


def _come_to(stage: FaultStage, world: World) -> None:
    stage.until(lambda: world_of(stage) == world, f"{world}", within=_UNDISTURBED_SECONDS)


def _two_jobs(stage: FaultStage) -> None:
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO, count=2)


def _finish(stage: FaultStage) -> None:
    stage.player.finish()


def _to_nothing(stage: FaultStage) -> None:
    _finish(stage)
    _come_to(stage, _world(0))


def _to_two_at_work(stage: FaultStage) -> None:
    if not stage.player.holding():
        _two_jobs(stage)
    _come_to(stage, _world(2, holding=2))


def _to_one_of_two_at_work(stage: FaultStage) -> None:
    _come_to(stage, _world(2))
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO)
    _come_to(stage, _world(2, holding=1))


def _next_image(stage: FaultStage) -> None:
    now = (stage.find_pool() or {})["spec"]["runner"].get("image")
    stage.change_pool(runner={"image": _IMAGES[now == _IMAGES[0]]})


def _nothing_to_do(_: FaultStage) -> bool:
    return True


def _finish_what_is_told_to_drain(stage: FaultStage) -> bool:
    """The busy pod is the last one that a rollout asks to go; its job ends then."""
    draining = set(stage.pod_names(is_told_to_drain)) & set(stage.player.holding())
    if draining:
        stage.player.finish()
    return bool(draining)


_STEADY = {"minReplicas": 2, "maxReplicas": 2}
PHASES = {
    "a scale-up": Phase(
        spec={"scaling": {"maxReplicas": 2}},
        prepare=_to_nothing,
        begin=_two_jobs,
        step=_nothing_to_do,
        world=_world(2, holding=2),
        new_pods=2,
    ),
    "a rollout": Phase(
        spec={"scaling": _STEADY, "runner": {"image": _IMAGES[1]}},
        prepare=_to_one_of_two_at_work,
        begin=_next_image,
        step=_finish_what_is_told_to_drain,
        world=_world(2),
        new_pods=2,
    ),
    "a scale-down": Phase(
        spec={"scaling": {"maxReplicas": 2}},
        prepare=_to_two_at_work,
        begin=_finish,
        step=_nothing_to_do,
        world=_world(0),
        new_pods=0,
    ),
}
_CASES = [
    pytest.param(phase, part, id=f"{name}, part {part + 1} of {_PARTS}", marks=pytest.mark.fault("R24", "R25"))
    for name, phase in PHASES.items()
    for part in range(_PARTS)
]


@pytest.mark.soak
@pytest.mark.parametrize(("phase", "part"), _CASES)
def test_an_operator_killed_right_after_any_of_its_writes_comes_to_the_same_world(
    faults: FaultStage, case: Case, phase: Phase, part: int
) -> None:
    faults.pool(**phase.spec)
    faults.wait_condition("Ready", status="True", within=45)
    numbers = chosen(undisturbed(faults, phase))[part::_PARTS]
    longest = max((killed_at(faults, phase, number) for number in numbers), default=0.0)
    case.healed(longest)


def undisturbed(stage: FaultStage, phase: Phase) -> list[ApiRequest]:
    """The writes of a run without a kill."""
    phase.prepare(stage)
    before = len(stage.api.writes())
    with no_more_pods_than(stage, phase.new_pods):
        phase.begin(stage)
        stage.until(lambda: phase.step(stage), "half of the way", within=_UNDISTURBED_SECONDS)
        _come_to(stage, phase.world)
        time.sleep(_STAYS_SECONDS)
    return [record.asked for record in stage.api.writes()[before:]]


def killed_at(stage: FaultStage, phase: Phase, number: int) -> float:
    """The same with a kill after the n-th write; seconds from the restart to the same world."""
    phase.prepare(stage)
    pid = stage.operator.pid
    with no_more_pods_than(stage, phase.new_pods):
        with absent(stage):
            with stage.api.call_at(number, lambda: os.kill(pid, signal.SIGKILL)):
                phase.begin(stage)
                stepped = _until_killed(stage, phase, number)
            stage.operator.start()
        back = time.monotonic()
        if not stepped:
            stage.until(lambda: phase.step(stage), f"half of the way after write {number}", within=_SAME_WORLD_SECONDS)
        what = f"the world as without a kill, which came after write {number}"
        stage.until(lambda: world_of(stage) == phase.world, what, within=_SAME_WORLD_SECONDS)
        healed = time.monotonic() - back
        time.sleep(_STAYS_SECONDS)
        assert world_of(stage) == phase.world
    return healed


def _until_killed(stage: FaultStage, phase: Phase, number: int) -> bool:
    """Whether the test had done its part by then."""
    deadline = time.monotonic() + _UNDISTURBED_SECONDS
    stepped = False
    while stage.operator.alive:
        stepped = stepped or phase.step(stage)
        if time.monotonic() > deadline or (stepped and world_of(stage) == phase.world):
            # Bursts of changes need fewer writes at times: the last one has come before its number.
            stage.operator.kill()
        time.sleep(0.1)
    return stepped


def absent(stage: FaultStage) -> AbstractContextManager[None]:
    """A killed operator tells nothing; how long it stays away depends on the machine alone."""
    why = "the operator is absent"
    return stage.observer.suspended(Invariant.HONEST_STATUS, Invariant.BACK_TO_GOAL, because=why)


@contextmanager
def no_more_pods_than(stage: FaultStage, count: int) -> Iterator[None]:
    """Just so many pods are made while the block runs, as the observer sees them."""
    before = _uids(stage)
    yield
    assert len(_uids(stage) - before) == count


def _uids(stage: FaultStage) -> set[str]:
    return {version.uid for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POD}


def chosen(writes: list[ApiRequest]) -> list[int]:
    """After which writes to kill, from 1: all, or the first of each kind if there are too many."""
    if SOAKING or len(writes) <= _FEW:
        return list(range(1, len(writes) + 1))
    first: dict[str, int] = {}
    for number, asked in enumerate(writes, 1):
        first.setdefault(f"{asked.verb} {asked.target}", number)
    return list(first.values())


@pytest.mark.soak
@pytest.mark.fault("R32", "R33")
def test_pods_are_left_alone_while_the_operator_is_absent_and_it_catches_up_when_it_is_back(
    faults: FaultStage, case: Case
) -> None:
    faults.pool(scaling={"maxReplicas": 1})
    faults.wait_condition("Ready", status="True", within=45)
    workers = at_work(faults)
    with absent(faults):
        faults.operator.kill()
        faults.server.client.enqueue(WEB_VIDEO, count=2)
        faults.change_pool(scaling={"maxReplicas": 3})

        time.sleep(_ABSENT_SECONDS)
        workers.assert_untouched()
        assert len(faults.pods()) == 1

        started = time.time()
        faults.operator.start()
    back = time.monotonic()
    faults.until(lambda: world_of(faults) == _world(3, holding=3), "three pods at work", within=_BACK_SECONDS)
    case.healed(time.monotonic() - back)
    workers.assert_untouched()
    # What was there is kept until the queue is known; then one decision, and not one for each thing that has happened.
    assert _decided(faults, since=started) in ([3], [1, 3])


def _decided(stage: FaultStage, *, since: float) -> list[int]:
    """The numbers of pods that the status told one after the other, from a moment of wall time on."""
    versions = [version for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POOL]
    numbers = [version.body["status"]["desiredReplicas"] for version in versions if version.at >= since]
    return [number for number, _ in itertools.groupby(numbers)]
