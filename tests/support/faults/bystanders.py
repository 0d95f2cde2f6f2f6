"""Pods that work, or wait for work, while their server is out of order: nobody may touch them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from support.faults.api_request import Match
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_told_to_drain
from support.stage.pools import WEB_VIDEO

# Long enough that the idle pod is not told to go before the fault comes; every fault lasts longer.
IDLE_SECONDS = 5
SCALING = {"maxReplicas": 3, "idleSeconds": IDLE_SECONDS}
_MADE_OR_REMOVED = Match(verbs=frozenset({"create", "delete", "deletecollection"}), target="pods")
_WORK_SECONDS = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystanders:
    """The pods of a stage's pool, as they were before a fault.

    Attributes:
        uids: by name.
        idle: the name of the one that has no job.
        changes: pods that the operator had asked to be made or removed.
    """

    stage: FaultStage
    uids: Mapping[str, str]
    idle: str
    changes: int

    def assert_untouched(self) -> None:
        """None was made, removed or told to go since."""
        pods = self.stage.pods()
        assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods} == self.uids
        assert [pod["metadata"]["name"] for pod in pods if is_told_to_drain(pod)] == []
        assert len(self.stage.api.writes(_MADE_OR_REMOVED)) == self.changes


def one_busy_one_idle(stage: FaultStage) -> Bystanders:
    """Have a pool that was made with SCALING bring two pods to work, then let one of them finish."""
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO, count=2)
    holding = stage.until(lambda: _two(stage), "two pods at work", within=_WORK_SECONDS)
    idle = min(holding)
    stage.player.finish(idle)
    stage.until(lambda: stage.server.client.statistics().completed == 1, "a finished job", within=_WORK_SECONDS)
    return Bystanders(
        stage=stage,
        uids={pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in stage.pods()},
        idle=idle,
        changes=len(stage.api.writes(_MADE_OR_REMOVED)),
    )


def assert_jobs_are_served(stage: FaultStage) -> None:
    """A job that comes now is completed."""
    stage.player.script = Script()
    before = stage.server.client.statistics().completed
    stage.server.client.enqueue(WEB_VIDEO)
    stage.until(lambda: stage.server.client.statistics().completed > before, "a job served", within=_WORK_SECONDS)


def places_of(stage: FaultStage, text: str) -> list[str]:
    """Where a text stands in what the operator tells: objects at any time, its logs, its metrics as they are."""
    told = [
        f"{version.kind} {version.name}"
        for version in stage.observer.versions(stage.namespace)
        if text in json.dumps(version.body, ensure_ascii=False)
    ]
    return told + [found.place for found in stage.operator.texts() if text.encode() in found.content]


def _two(stage: FaultStage) -> Mapping[str, list[str]] | None:
    holding = stage.player.holding()
    return holding if len(holding) == 2 else None
