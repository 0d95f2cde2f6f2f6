"""Pod statuses as a kubelet writes them for a pod with one container."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
Pod = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the container ended: the kubelet's word, the exit code, the agent's own cause, message and lost jobs."""

    exit_code: int
    reason: str
    cause: str = ""
    message: str = ""
    jobs: tuple[Json, ...] = ()

    def terminated(self) -> Json:
        word = {"cause": self.cause, "message": self.message, "jobs": self.jobs}
        told = f"{json.dumps(word)}\n" if self.cause else ""
        state = {"exitCode": self.exit_code, "reason": self.reason, "finishedAt": now(), "startedAt": now()}
        return state | ({"message": told} if told else {})


def waiting(pod: Pod, reason: str, message: str = "") -> Json:
    """The container does not run yet, and why."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", **_conditions(ready=False), **_container(pod, state, ready=False, started=False)}


def running(pod: Pod, *, since: str, ready: bool) -> Json:
    """The container runs; `since` as RFC 3339."""
    state = {"running": {"startedAt": since}}
    return {
        "phase": "Running",
        "startTime": since,
        **_conditions(ready=ready),
        **_container(pod, state, ready=ready, started=True),
    }


def ended(pod: Pod, end: End) -> Json:
    state = {"terminated": end.terminated()}
    phase = "Failed" if end.exit_code else "Succeeded"
    # For the whole pod, the kubelet says only why it ended it itself.
    whole = {"reason": end.reason, "message": end.message} if end.reason == "Evicted" else {}
    container = _container(pod, state, ready=False, started=False)
    return {"phase": phase, **whole, **_conditions(ready=False), **container}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _conditions(*, ready: bool) -> Json:
    # A strategic merge patch merges these into the list by type, so that PodScheduled stays.
    ready_text = "True" if ready else "False"
    states = {"Initialized": "True", "ContainersReady": ready_text, "Ready": ready_text}
    return {
        "conditions": [{"type": name, "status": status, "lastTransitionTime": now()} for name, status in states.items()]
    }


def _container(pod: Pod, state: Json, *, ready: bool, started: bool) -> Json:
    (container,) = pod["spec"]["containers"]
    told = {"name": container["name"], "image": container["image"], "imageID": "", "restartCount": 0}
    return {"containerStatuses": [{**told, "state": state, "ready": ready, "started": started}]}
