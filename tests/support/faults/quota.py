"""A pool in a namespace that may have no pods at all, for as long as it is told."""

import time
from dataclasses import dataclass

from support.faults.api_request import POD_CREATES
from support.faults.refusals import quota
from support.faults.script import Script
from support.faults.stage import FaultStage
from support.observer.records import Invariant
from support.reliability.case import Case
from support.stage.pools import WEB_VIDEO

_TELL_SECONDS, _HEAL_SECONDS = 10.0, 30.0
_JOBS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Meanwhile:
    """What the operator did while no pod might be: pods that it asked for, runners that it registered."""

    tries: int
    registered: int


def play_quota_of_none(stage: FaultStage, case: Case, *, seconds: float) -> Meanwhile:
    """Make a pool with jobs where no pod may be, and assert that nothing is registered until the quota is raised.

    The observer judges how often the operator tries (I8).
    """
    quota(stage, pods="0")
    stage.pool(scaling={"maxReplicas": _JOBS})
    stage.wait_condition("Ready", status="True")
    stage.player.script = Script()
    with stage.observer.suspended(Invariant.BACK_TO_GOAL, because="the quota allows no pod"):
        case.begins()
        stage.server.client.enqueue(WEB_VIDEO, count=_JOBS)
        case.tells("QuotaExceeded", condition="ScalingLimited", within=_TELL_SECONDS)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert (stage.server.client.registered(), stage.pods()) == ([], [])
            assert (stage.condition("ScalingLimited") or {})["reason"] == "QuotaExceeded"
            time.sleep(1)
        found = Meanwhile(tries=len(stage.api.writes(POD_CREATES)), registered=len(stage.server.client.registered()))
        quota(stage, pods="10")
    case.cured()
    case.heals(within=_HEAL_SECONDS)
    stage.until(lambda: not stage.server.open_jobs(), "the end of all jobs", within=30)
    return found
