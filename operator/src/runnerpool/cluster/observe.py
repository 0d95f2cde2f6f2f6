"""From the API server's JSON to what the planner knows of a pod. Tolerant: what is missing reads as "not yet"."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from runnerpool.api import names
from runnerpool.api.times import parse_time
from runnerpool.cluster.endings import Ending, read_ending
from runnerpool.cluster.last_words import last_word_of
from runnerpool.planning.snapshot import PodStage, RunnerPod

_MAX_LENGTH = 300
_NOT_ENDED = Ending(cause=None, text="", at=None)
# What the kubelet says of a container that starts as it should (kubelet_pods.go).
_ON_THE_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})


def owned_pods(items: Iterable[Mapping[str, Any]], pool: str, uid: str) -> tuple[RunnerPod, ...]:
    """The pods that this pool controls. Look-alikes with our labels and another owner are no business of ours."""
    pods = (_runner_pod(item, pool, uid) for item in items if _controller(item).get("uid") == uid)
    return tuple(pod for pod in pods if pod is not None)


def holder_uid(item: Mapping[str, Any]) -> str:
    """UID of the pool that controls a pod and would find it by its labels; "" if there is none.

    A pod whose labels somebody has taken away is in no LIST of its pool's, and so is let go of.
    """
    labels, owner = item["metadata"].get("labels") or {}, _controller(item)
    found = labels.get(names.LABEL_MANAGED_BY) == names.MANAGED_BY and owner.get("name") == labels.get(names.LABEL_POOL)
    return str(owner["uid"]) if found and owner else ""


def _controller(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reference to the owner that controls an object; {} if there is none."""
    owners: Iterable[Mapping[str, Any]] = item["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def _runner_pod(item: Mapping[str, Any], pool: str, uid: str) -> RunnerPod | None:
    metadata, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    ordinal = names.pod_ordinal(metadata["name"], pool, uid)
    if ordinal is None:
        return None
    annotations = metadata.get("annotations") or {}
    stage, order = _stage(spec, status), annotations.get(names.ANNOTATION_DRAIN, "")
    ending = read_ending(status) if stage is PodStage.ENDED else _NOT_ENDED
    return RunnerPod(
        name=metadata["name"],
        uid=metadata["uid"],
        ordinal=ordinal,
        version=metadata.get("resourceVersion", ""),
        created=parse_time(metadata.get("creationTimestamp")) or datetime.now(UTC),
        stage=stage,
        ready_since=_ready_since(status) if stage is PodStage.READY else None,
        drain_order=order or None,
        drain_since=parse_time(annotations.get(names.since_annotation(order))),
        deleting="deletionTimestamp" in metadata,
        succeeded=status.get("phase") == "Succeeded",
        end=ending.text,
        ended_at=ending.at,
        failure=ending.cause,
        drain_reason=annotations.get(names.ANNOTATION_DRAIN_REASON, ""),
        last_word=last_word_of(status) if stage is PodStage.ENDED else None,
        has_run=_has_run(spec, status),
        stuck=_stuck(status),
        scheduled_since=_since(status, "PodScheduled", "True"),
        unschedulable=_unschedulable(status),
        started=_started(status),
        unready_since=_unready_since(status) if stage is PodStage.STARTING else None,
        lost_since=None if stage is PodStage.ENDED else _lost_since(metadata, status),
        node=spec.get("nodeName") or "",
        image=_image(spec),
        template_hash=annotations.get(names.ANNOTATION_TEMPLATE_HASH, ""),
        build_hash=annotations.get(names.ANNOTATION_BUILD_HASH, ""),
        evictable=_evictable(annotations),
    )


def _image(spec: Mapping[str, Any]) -> str:
    images = (container.get("image") for container in spec.get("containers") or ())
    return next((image for image in images if image), "")


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


def _has_run(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """False only if no container can have started: no node yet, or the kubelet still waits with all of them."""
    if not spec.get("nodeName"):
        return False
    containers = status.get("containerStatuses") or ()
    return not containers or any("waiting" not in (container.get("state") or {}) for container in containers)


def _stuck(status: Mapping[str, Any]) -> str:
    states = [container.get("state") or {} for container in status.get("containerStatuses") or ()]
    reasons = [str((state.get("waiting") or {}).get("reason") or "") for state in states]
    return next((reason for reason in reasons if reason not in _ON_THE_WAY), "")[:_MAX_LENGTH]


def _ready_since(status: Mapping[str, Any]) -> datetime | None:
    return _since(status, "Ready", "True")


def _since(status: Mapping[str, Any], kind: str, value: str) -> datetime | None:
    """Since when a condition has had this status; None if it has another."""
    condition = _condition(status, kind)
    return parse_time(condition.get("lastTransitionTime")) if condition.get("status") == value else None


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Iterable[Mapping[str, Any]] = status.get("conditions") or ()
    return next((condition for condition in found if condition.get("type") == kind), {})


def _unschedulable(status: Mapping[str, Any]) -> str:
    """The scheduler's own words, of our own pod."""
    condition = _condition(status, "PodScheduled")
    told = condition.get("status") == "False" and condition.get("reason") == "Unschedulable"
    return str(condition.get("message") or "it fits on no node")[:_MAX_LENGTH] if told else ""


def _started(status: Mapping[str, Any]) -> bool:
    containers = status.get("containerStatuses") or ()
    return bool(containers) and all(container.get("started") for container in containers)


def _unready_since(status: Mapping[str, Any]) -> datetime | None:
    """Since when an agent that is up has not been ready: since its readiness went, or its container began."""
    if not _started(status):
        return None
    began = (
        parse_time(((container.get("state") or {}).get("running") or {}).get("startedAt"))
        for container in status.get("containerStatuses") or ()
    )
    moments = [_since(status, "Ready", "False"), *began]
    return max((moment for moment in moments if moment is not None), default=None)


def _lost_since(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> datetime | None:
    """Since when the pod's node is taken for lost.

    The node controller takes a pod's readiness and leaves the word of its containers, which is the kubelet's
    (pkg/controller/util/node/controller_utils.go, MarkPodsNotReady). A pod past its deletion time has none, either.
    """
    due = parse_time(metadata.get("deletionTimestamp"))
    if due is not None:
        return due
    if _condition(status, "ContainersReady").get("status") != "True":
        return None
    return _since(status, "Ready", "False")
