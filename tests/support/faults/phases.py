"""Worlds that a pool comes to by several writes of its operator, in phases that can be played again and again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_ready, is_told_to_drain
from support.stage.pools import WEB_VIDEO

UNDISTURBED_SECONDS = 60.0
"""Within which a phase is over that nothing disturbs."""
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
    """As it is now."""
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


def world(pods: int, *, holding: int = 0) -> World:
    """So many pods, all of them ready and registered, so many of them with a job in hand, and no job besides."""
    return World(
        pods=pods,
        ready=pods,
        holding=holding,
        rows_are_pods=True,
        secrets_are_pods=True,
        open_jobs=holding,
        aborts_and_reclaims=0,
    )


def come_to(stage: FaultStage, wanted: World) -> None:
    """Wait until it is so."""
    stage.until(lambda: world_of(stage) == wanted, f"{wanted}", within=UNDISTURBED_SECONDS)


def _two_jobs(stage: FaultStage) -> None:
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO, count=2)


def _finish(stage: FaultStage) -> None:
    stage.player.finish()


def _to_nothing(stage: FaultStage) -> None:
    _finish(stage)
    come_to(stage, world(0))


def _to_two_at_work(stage: FaultStage) -> None:
    if not stage.player.holding():
        _two_jobs(stage)
    come_to(stage, world(2, holding=2))


def _to_one_of_two_at_work(stage: FaultStage) -> None:
    come_to(stage, world(2))
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO)
    come_to(stage, world(2, holding=1))


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
        world=world(2, holding=2),
        new_pods=2,
    ),
    "a rollout": Phase(
        spec={"scaling": _STEADY, "runner": {"image": _IMAGES[1]}},
        prepare=_to_one_of_two_at_work,
        begin=_next_image,
        step=_finish_what_is_told_to_drain,
        world=world(2),
        new_pods=2,
    ),
    "a scale-down": Phase(
        spec={"scaling": {"maxReplicas": 2}},
        prepare=_to_two_at_work,
        begin=_finish,
        step=_nothing_to_do,
        world=world(0),
        new_pods=0,
    ),
}
