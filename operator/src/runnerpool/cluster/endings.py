"""How a pod ended, from what the kubelet and the agent left behind: a cause of the closed list, words for people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runnerpool.api.failure_causes import FailureCause
from runnerpool.api.times import parse_time

_MAX_TEXT = 300
AGENT_CAUSES: Mapping[str, FailureCause | None] = {
    "Drained": None,
    "RunnerFailed": FailureCause.RUNNER_CRASHED,
    "RunnerHung": FailureCause.RUNNER_HUNG,
    "RunnerSilent": FailureCause.RUNNER_SILENT,
    "Unhealthy": FailureCause.RUNNER_SILENT,
    "RunnerDeaf": FailureCause.RUNNER_DEAF,
    "Unregistered": FailureCause.RUNNER_UNREGISTERED,
    "ContactLost": FailureCause.CONTACT_LOST,
    "ScratchFull": FailureCause.SCRATCH_FULL,
    "UploadRejected": FailureCause.UPLOAD_REJECTED,
    "InvalidConfiguration": FailureCause.CONFIGURATION_INVALID,
    "UnsupportedRunner": FailureCause.CONFIGURATION_INVALID,
    "AgentFailed": FailureCause.AGENT_FAILED,
    # Stopped by somebody who neither deleted the pod nor told it to drain: a node that shuts down, mostly.
    "DrainOrdered": FailureCause.EVICTED,
    "Terminated": FailureCause.EVICTED,
    "AbortOrdered": FailureCause.EVICTED,
    "DrainDeadline": FailureCause.EVICTED,
}
"""What the agent's causes mean (contract between operator and agent, docs/architecture.md)."""
_EXIT_CODES: Mapping[int, FailureCause] = {
    1: FailureCause.AGENT_FAILED,
    2: FailureCause.CONFIGURATION_INVALID,
    3: FailureCause.RUNNER_UNREGISTERED,
    4: FailureCause.RUNNER_CRASHED,
    5: FailureCause.EVICTED,
}
_OUT_OF_MEMORY = "OOMKilled"
_NODE_LOST = "NodeLost"
_NEVER_BEGAN = frozenset({"ContainerCannotRun", "StartError", "CreateContainerError"})
_TAKEN_AWAY = frozenset({"Evicted", "Preempting", "Terminated", "NodeShutdown", "Shutdown"})
"""Of a pod, by the kubelet: eviction, preemption by a critical pod, a node that is shut down in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a pod ended.

    Attributes:
        cause: Why it failed; None if nothing was wrong.
        text: For people: the kubelet's word (OOMKilled, Evicted), the exit code, the agent's own message.
        at: When, by the node's clock; None if nobody told.
    """

    cause: FailureCause | None
    text: str
    at: datetime | None


def read_ending(status: Mapping[str, Any]) -> Ending:
    """Read the status of a pod whose phase is Succeeded or Failed."""
    terminated = terminated_of(status)
    agent = agents_word(terminated.get("message")) or {}
    return Ending(
        cause=_cause(status, terminated, agent), text=_text(status, terminated, agent), at=_ended_at(status, terminated)
    )


def terminated_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the kubelet says that the container ended; {} if it does not."""
    for container in status.get("containerStatuses") or ():
        ended: Mapping[str, Any] | None = (container.get("state") or {}).get("terminated")
        if ended:
            return ended
    return {}


def agents_word(text: object) -> Mapping[str, Any] | None:
    """The agent's termination message, which is one line of JSON; None for anything else, which is not repeated."""
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _cause(status: Mapping[str, Any], terminated: Mapping[str, Any], agent: Mapping[str, Any]) -> FailureCause | None:
    """The kubelet's word counts more than the agent's, and that more than the exit code: 0 proves nothing.

    A code that is none of the agent's is not the runner's doing: something killed the agent itself (137, 143).
    """
    if (taken := _taken_away(status)) is not None:
        return taken
    if terminated.get("reason") == _OUT_OF_MEMORY:
        return FailureCause.OUT_OF_MEMORY
    word = str(agent.get("cause", ""))
    if word in AGENT_CAUSES:
        return AGENT_CAUSES[word]
    if status.get("phase") == "Succeeded":
        return None
    if not terminated or terminated.get("reason") in _NEVER_BEGAN:
        return FailureCause.STARTUP_FAILED
    return _EXIT_CODES.get(int(terminated.get("exitCode") or 0), FailureCause.AGENT_FAILED)


def _taken_away(status: Mapping[str, Any]) -> FailureCause | None:
    reason = status.get("reason")
    if reason == _NODE_LOST:
        return FailureCause.NODE_LOST
    if reason == "Evicted" and "emptydir" in str(status.get("message", "")).lower():
        # "Usage of EmptyDir volume "scratch" exceeds the limit "50Gi"." (pkg/kubelet/eviction/helpers.go)
        return FailureCause.SCRATCH_FULL
    disrupted = any(
        condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    return FailureCause.EVICTED if disrupted or reason in _TAKEN_AWAY else None


def _text(status: Mapping[str, Any], terminated: Mapping[str, Any], agent: Mapping[str, Any]) -> str:
    words = [status.get("reason"), terminated.get("reason")]
    told = [str(word) for word in words if word and word != "Error"]
    if "exitCode" in terminated:
        told.append(f"exit code {terminated['exitCode']}")
    if agent:
        told.append(f"{agent.get('cause', '')}: {agent.get('message', '')}")
    return ", ".join(told)[:_MAX_TEXT]


def _ended_at(status: Mapping[str, Any], terminated: Mapping[str, Any]) -> datetime | None:
    times = (condition.get("lastTransitionTime") for condition in status.get("conditions") or ())
    moments = (parse_time(time) for time in (terminated.get("finishedAt"), *times))
    return max((moment for moment in moments if moment is not None), default=None)
