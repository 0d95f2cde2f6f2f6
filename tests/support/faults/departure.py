"""How a pool goes, and what it says of what it leaves."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from peers.peertube.faults import ADMINISTRATION
from support.faults.script import Script
from support.faults.stage import FaultStage, is_told_to_drain
from support.observer.records import Kind
from support.stage.kube import Json

LEFT_BEHIND = "RunnersLeftBehind"
# A runner that cannot be asked for holds a pool without pods for 45 s.
OUT_OF_REACH_SECONDS = 45.0
_AROUND_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfReach:
    """Why a server's runners cannot be removed, and what the pool calls it.

    Attributes:
        within: seconds until the pool says so.
        named: the operator knows which runners there are.
    """

    make: Callable[[FaultStage], None]
    reason: str
    within: float = 10.0
    named: bool = True


def server_gone(stage: FaultStage) -> None:
    stage.server.client.put_in_fault("closed", path=ADMINISTRATION)


def login_refused(stage: FaultStage) -> None:
    stage.server.client.put_in_fault("status", path=ADMINISTRATION, status=401)


def secret_gone(stage: FaultStage) -> None:
    stage.delete_secret("peertube-admin")


def removals_refused(stage: FaultStage) -> None:
    """What a proxy does that lets nobody delete: everything else works as ever."""
    stage.server.client.put_in_fault("status", path="/api/v1/runners/[0-9]+", methods=["DELETE"], status=500)


def server_silent(stage: FaultStage) -> None:
    """Every call of the operator's takes its whole time limit."""
    stage.server.client.put_in_fault("silence", path=ADMINISTRATION)


OUT_OF_REACH = {
    "the server gone": OutOfReach(make=server_gone, reason="ServerUnreachable"),
    "the login refused": OutOfReach(make=login_refused, reason="CredentialsRejected"),
    "the Secret gone": OutOfReach(make=secret_gone, reason="SecretNotFound", named=False),
    "a server that removes none": OutOfReach(make=removals_refused, reason="ServerError"),
    "a server that hangs": OutOfReach(make=server_silent, reason="ServerTimeout", within=20.0),
}


def idle_pods(stage: FaultStage, count: int = 2) -> list[str]:
    """Have a pool `vod` keep so many pods that have nothing to do; their names."""
    stage.player.script = Script(takes_jobs=False)
    stage.pool(scaling={"minReplicas": count, "maxReplicas": count})
    return stage.wait_pods(count, within=45)


def delete(stage: FaultStage, name: str = "vod") -> float:
    """Order the pool's end, without waiting for it; when."""
    stage.delete_pool(name)
    return time.monotonic()


def await_gone(stage: FaultStage, *, within: float = 30.0) -> None:
    """The pool is not there any more."""
    stage.until(lambda: stage.find_pool() is None, "the end of the pool", within=within)


def await_gone_past_reach(stage: FaultStage, deleted: float) -> float:
    """The pool goes although its runners cannot be asked for, but not before it has tried for as long as it should.

    Returns:
        Seconds from the deletion.
    """
    await_gone(stage, within=OUT_OF_REACH_SECONDS + _AROUND_SECONDS)
    seconds = time.monotonic() - deleted
    assert seconds > OUT_OF_REACH_SECONDS - 2
    return seconds


def told_to_drain(stage: FaultStage, count: int) -> list[Json]:
    """The pods, as soon as so many are told to go."""
    found = stage.until(lambda: _enough(stage, count), f"{count} pods told to go", within=15)
    return list(found)


def _enough(stage: FaultStage, count: int) -> list[Json] | None:
    pods = stage.pods(is_told_to_drain)
    return pods if len(pods) >= count else None


def parting_words(stage: FaultStage) -> list[Json]:
    """Warnings of what is left behind."""
    return [event for event in stage.events(LEFT_BEHIND) if event["type"] == "Warning"]


def pool_told(stage: FaultStage, reason: str) -> bool:
    """Some version of the pool's status has shown a reason."""
    versions = [version for version in stage.observer.versions(stage.namespace) if version.kind is Kind.POOL]
    conditions = (version.body.get("status", {}).get("conditions") or () for version in versions)
    return any(condition["reason"] == reason for told in conditions for condition in told)
