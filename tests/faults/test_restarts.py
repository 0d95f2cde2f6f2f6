"""An operator that is killed between any two of its writes, or is absent for a while: afterwards, the same world.

The proxy counts the writes of an undisturbed run; then one run for each of them, in which the operator is killed with
SIGKILL right after the API server has it. The soak takes every write where `make test` takes one of each kind, because
there are many; and there the operator is absent for three minutes. Between two writes to the API server lies one to
PeerTube, the registration of a runner: after that one the operator is killed, too.
"""

import itertools
import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest

from support.faults.api_request import WRITES, ApiRequest, Match
from support.faults.phases import PHASES, UNDISTURBED_SECONDS, Phase, come_to, world, world_of
from support.faults.stage import FaultStage
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
_ABSENT_SECONDS = 180.0 if SOAKING else 15.0
_BACK_SECONDS = 15.0
_TOKENS = Match(verbs=frozenset({"create"}), target="secrets")
_REGISTER = "POST /api/v1/runners/register"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What came of one kill.

    Attributes:
        after: the write at which it came, such as `create pods`; empty if that write never came, so that the operator
            was killed when all was done.
        healed: seconds from the order to start again to the same world.
    """

    after: str
    healed: float


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
    kills = [killed_at(faults, phase, number) for number in numbers]
    after = [kill.after for kill in kills if kill.after]
    case.told(f"killed after {len(after)} of {len(kills)} writes: {', '.join(after)}")
    case.healed(max(kill.healed for kill in kills))
    # Bursts of changes need fewer writes at times, so that the last ones of a part may never come.
    assert 2 * len(after) >= len(kills) > 0


@pytest.mark.fault("R25")
def test_an_operator_killed_between_the_registration_of_a_runner_and_the_secret_for_its_token_comes_to_the_same_world(
    faults: FaultStage, case: Case
) -> None:
    phase = PHASES["a scale-up"]
    faults.pool(**phase.spec)
    faults.wait_condition("Ready", status="True", within=45)
    kills = [killed_at(faults, phase, number, on=_TOKENS, forwarded=False) for number in range(1, phase.new_pods + 1)]
    case.healed(max(kill.healed for kill in kills))
    assert [kill.after for kill in kills] == ["create secrets"] * phase.new_pods
    # The API server never heard of their tokens, so those runners were registered once more.
    assert len([record for record in faults.api.writes(_TOKENS) if not record.forwarded]) >= len(kills)
    registered = faults.server.client.statistics().requests[_REGISTER]["200"]
    assert registered >= phase.new_pods * len(kills) + len(kills)


def undisturbed(stage: FaultStage, phase: Phase) -> list[ApiRequest]:
    """The writes of a run without a kill."""
    phase.prepare(stage)
    before = len(stage.api.writes())
    with no_more_pods_than(stage, phase.new_pods):
        phase.begin(stage)
        stage.until(lambda: phase.step(stage), "half of the way", within=UNDISTURBED_SECONDS)
        come_to(stage, phase.world)
        time.sleep(_STAYS_SECONDS)
    return [record.asked for record in stage.api.writes()[before:]]


def killed_at(stage: FaultStage, phase: Phase, number: int, *, on: Match = WRITES, forwarded: bool = True) -> Kill:
    """The same with a kill at the n-th write of those that match, after the API server has it, or else before."""
    phase.prepare(stage)
    pid, before = stage.operator.pid, len(stage.api.writes(on))
    with no_more_pods_than(stage, phase.new_pods):
        with absent(stage):
            kill = stage.api.call_at(number, lambda: os.kill(pid, signal.SIGKILL), on, forwarded=forwarded)
            with kill:
                phase.begin(stage)
                stepped = _until_killed(stage, phase)
            back = time.monotonic()
            stage.operator.start()
        _come_back(stage, phase, stepped=stepped, by=back + _SAME_WORLD_SECONDS)
        healed = time.monotonic() - back
        time.sleep(_STAYS_SECONDS)
        assert world_of(stage) == phase.world
    met = stage.api.writes(on)[before:]
    asked = met[number - 1].asked if kill.hits >= number else None
    return Kill(after=f"{asked.verb} {asked.target}" if asked else "", healed=healed)


def _come_back(stage: FaultStage, phase: Phase, *, stepped: bool, by: float) -> None:
    """To the same world by a moment of the monotonic clock, with the test's part if that is still to be done."""
    if not stepped:
        what = "half of the way after a kill"
        stage.until(lambda: phase.step(stage), what, within=by - time.monotonic())
    what = "the world as without a kill"
    stage.until(lambda: world_of(stage) == phase.world, what, within=by - time.monotonic())


def _until_killed(stage: FaultStage, phase: Phase) -> bool:
    """Whether the test had done its part by then."""
    deadline = time.monotonic() + UNDISTURBED_SECONDS
    stepped, over = False, math.inf
    while stage.operator.alive:
        stepped = stepped or phase.step(stage)
        there = stepped and world_of(stage) == phase.world
        # Some writes tell of the world that has been come to, as in the undisturbed run.
        over = min(over, time.monotonic() + _STAYS_SECONDS) if there else math.inf
        if time.monotonic() > min(deadline, over):
            # The last write has come before its number: that is no kill between two of them.
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

        started, back = time.time(), time.monotonic()
        faults.operator.start()
    left = back + _BACK_SECONDS - time.monotonic()
    faults.until(lambda: world_of(faults) == world(3, holding=3), "three pods at work", within=left)
    case.healed(time.monotonic() - back)
    workers.assert_untouched()
    # What was there is kept until the queue is known; then one decision, and not one for each thing that has happened.
    assert _decided(faults, since=started) in ([3], [1, 3])


def _decided(stage: FaultStage, *, since: float) -> list[int]:
    """The numbers of pods that the status told one after the other, from a moment of wall time on."""
    versions = [version for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POOL]
    numbers = [version.body["status"]["desiredReplicas"] for version in versions if version.at >= since]
    return [number for number, _ in itertools.groupby(numbers)]
