"""From the API server's JSON to what the planner knows of a pod. Tolerant: what is missing reads as "not yet"."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from runnerpool.api import names
from runnerpool.api.times import parse_time
from runnerpool.planning.snapshot import PodStage, RunnerPod

_MAX_END_LENGTH = 300
# What the kubelet says of a container that starts as it should (kubelet_pods.go).
_ON_THE_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})


def owned_pods(items: Iterable[Mapping[str, Any]], pool: str, uid: str) -> tuple[RunnerPod, ...]:
    """The pods that this pool controls. Look-alikes with our labels and another owner are no business of ours."""
    pods = (_runner_pod(item, pool, uid) for item in items if controller_uid(item) == uid)
    return tuple(pod for pod in pods if pod is not None)


def controller_uid(item: Mapping[str, Any]) -> str | None:
    """UID of the owner that controls an object; None if there is none."""
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def _runner_pod(item: Mapping[str, Any], pool: str, uid: str) -> RunnerPod | None:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    ordinal = names.pod_ordinal(metadata["name"], pool, uid)
    if ordinal is None:
        return None
    annotations = metadata.get("annotations") or {}
    stage = _stage(spec, status)
    return RunnerPod(
        name=metadata["name"],
        uid=metadata["uid"],
        ordinal=ordinal,
        created=parse_time(metadata.get("creationTimestamp")) or datetime.now(UTC),
        stage=stage,
        ready_since=_ready_since(status) if stage is PodStage.READY else None,
        drain_order=annotations.get(names.ANNOTATION_DRAIN) or None,
        drain_since=parse_time(annotations.get(names.ANNOTATION_DRAIN_SINCE)),
        deleting="deletionTimestamp" in metadata,
        succeeded=status.get("phase") == "Succeeded",
        end=_end(status) if stage is PodStage.ENDED else "",
        has_run=_has_run(spec, status),
        stuck=_stuck(status),
        node=spec.get("nodeName") or "",
        template_hash=annotations.get(names.ANNOTATION_TEMPLATE_HASH, ""),
        build_hash=annotations.get(names.ANNOTATION_BUILD_HASH, ""),
        evictable=_evictable(annotations),
    )


def _evictable(annotations: Mapping[str, str]) -> bool | None:
    """What the marks tell node autoscalers; None if they are not as we write them."""
    marks = {name: annotations.get(name) for name in names.BUSY_MARKS}
    if marks == names.BUSY_MARKS:
        return False
    return True if marks == names.IDLE_MARKS else None


def _stage(spec: Mapping[str, Any], status: Mapping[str, Any]) -> PodStage:
    if status.get("phase") in {"Succeeded", "Failed"}:
        return PodStage.ENDED
    if any(gate.get("name") == names.SCHEDULING_GATE for gate in spec.get("schedulingGates") or ()):
        return PodStage.GATED
    return PodStage.READY if _ready_since(status) else PodStage.STARTING


def _end(status: Mapping[str, Any]) -> str:
    """How the container ended: the kubelet's word (OOMKilled, Evicted), the exit code, the agent's own message."""
    terminated: Mapping[str, Any] = next(
        (
            container["state"]["terminated"]
            for container in status.get("containerStatuses") or ()
            if "terminated" in (container.get("state") or {})
        ),
        {},
    )
    words = [status.get("reason"), terminated.get("reason")]
    told = [str(word) for word in words if word and word != "Error"]
    if "exitCode" in terminated:
        told.append(f"exit code {terminated['exitCode']}")
    told.append(_agents_word(terminated.get("message")))
    return ", ".join(word for word in told if word)[:_MAX_END_LENGTH]


def _agents_word(text: object) -> str:
    """The agent's termination message, which is one line of JSON; anything else is not repeated."""
    try:
        document = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    return f"{document.get('cause', '')}: {document.get('message', '')}"


def _has_run(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """False only if no container can have started: no node yet, or the kubelet still waits with all of them."""
    if not spec.get("nodeName"):
        return False
    containers = status.get("containerStatuses") or ()
    return not containers or any("waiting" not in (container.get("state") or {}) for container in containers)


def _stuck(status: Mapping[str, Any]) -> str:
    states = [container.get("state") or {} for container in status.get("containerStatuses") or ()]
    reasons = [str((state.get("waiting") or {}).get("reason") or "") for state in states]
    return next((reason for reason in reasons if reason not in _ON_THE_WAY), "")[:_MAX_END_LENGTH]


def _ready_since(status: Mapping[str, Any]) -> datetime | None:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            return parse_time(condition.get("lastTransitionTime"))
    return None
