"""Pods that work, or wait for work, while their server is out of order: nobody may touch them."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.faults.api_request import Match
from support.faults.script import FOREVER, Script
from support.faults.stage import FaultStage, is_told_to_drain
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

TELL_SECONDS = 10.0
TWO_POLLS_SECONDS = 2 * 1.0 + 3.0
"""The operators of fault tests ask their server once a second; the rest is what a crowded machine takes to tell it."""
HEAL_SECONDS = 30.0
# Long enough that the idle pod is not told to go before the fault is noticed; every fault lasts longer.
IDLE_SECONDS = 8
"""Unless the fault is one of those that only a time limit shows."""
IDLE_SECONDS_AT_TIME_LIMITS = 20
# And a few polls.
_LONGER_SECONDS = 2.0
LASTS_SECONDS = IDLE_SECONDS + _LONGER_SECONDS
_MADE_OR_REMOVED = Match(verbs=frozenset({"create", "delete", "deletecollection"}), target="pods")
_WORK_SECONDS = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystanders:
    """The pods of a stage's pool, as they were before a fault.

    Attributes:
        uids: by name.
        changes: pods that the operator had asked to be made or removed.
        idle_seconds: after so long the operator lets an idle pod go.
    """

    stage: FaultStage
    uids: Mapping[str, str]
    changes: int
    idle_seconds: int

    @classmethod
    def of(cls, stage: FaultStage, idle_seconds: int) -> "Bystanders":
        uids = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in stage.pods()}
        changes = len(stage.api.writes(_MADE_OR_REMOVED))
        return cls(stage=stage, uids=uids, changes=changes, idle_seconds=idle_seconds)

    def assert_untouched(self) -> None:
        """None was made, removed or told to go since."""
        pods = self.stage.pods()
        assert {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods} == self.uids
        assert [pod["metadata"]["name"] for pod in pods if is_told_to_drain(pod)] == []
        assert len(self.stage.api.writes(_MADE_OR_REMOVED)) == self.changes


def both_busy(stage: FaultStage, case: Case, *, idle_seconds: int = IDLE_SECONDS, **server: Any) -> Bystanders:
    """A pool `vod` with two pods at work; its `spec.server` is as given."""
    case.watch(stage.observer, stage.namespace)
    stage.pool(scaling={"maxReplicas": 3, "idleSeconds": idle_seconds}, server=server)
    stage.wait_condition("Ready", status="True", within=30)
    # A job in hand is not to go back to the queue because its runner cannot report either.
    stage.server.client.set(watchdog=False)
    stage.player.script = Script(job_seconds=FOREVER)
    stage.server.client.enqueue(WEB_VIDEO, count=2)
    stage.until(lambda: len(stage.player.holding()) == 2, "two pods at work", within=_WORK_SECONDS)
    return Bystanders.of(stage, idle_seconds)


def one_busy_one_idle(stage: FaultStage, case: Case, *, idle_seconds: int = IDLE_SECONDS, **server: Any) -> Bystanders:
    """The same, and then one of the two has finished; it would be told to go in `idle_seconds`."""
    both_busy(stage, case, idle_seconds=idle_seconds, **server)
    stage.player.finish(min(stage.player.holding()))
    stage.until(lambda: stage.server.client.statistics().completed == 1, "a finished job", within=_WORK_SECONDS)
    return Bystanders.of(stage, idle_seconds)


def is_told_and_touches_nothing(pods: Bystanders, case: Case, reason: str, *, within: float = TELL_SECONDS) -> str:
    """Assert what every fault of a server has to keep, from just after it has come; the message that it is told by.

    New jobs come meanwhile, which an operator that could see them would make a pod for.
    """
    stage, begin = pods.stage, time.monotonic()
    stage.server.client.enqueue(WEB_VIDEO, count=2)
    told = case.tells(reason, condition="QueueReachable", within=within)
    assert told["status"] == "False"
    ready = stage.condition("Ready") or {}
    assert (ready["status"], ready["reason"]) == ("False", reason)
    time.sleep(max(0.0, begin + pods.idle_seconds + _LONGER_SECONDS - time.monotonic()))
    assert (stage.condition("QueueReachable") or {})["reason"] == reason
    pods.assert_untouched()
    return str(told["message"])


def heals_and_serves(stage: FaultStage, case: Case) -> None:
    """The cause is gone from now on: assert that the pool is well in time, and that a job that comes is completed."""
    case.cured()
    case.heals(within=HEAL_SECONDS)
    assert (stage.condition("QueueReachable") or {})["status"] == "True"
    assert_jobs_are_served(stage)


def assert_jobs_are_served(stage: FaultStage) -> None:
    """A job that comes now is completed."""
    stage.player.script = Script()
    stage.player.finish()  # the jobs in hand were to last for ever, and may fill all pods that there may be
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
