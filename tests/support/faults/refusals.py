"""What makes a cluster refuse a pool's pods, and its cure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.faults.stage import FaultStage
from support.stage.kube import Json

Change = Callable[[FaultStage], None]

PAST_ALL_SCHEMAS = "not a label!"
_UNCONFINED = {"container.apparmor.security.beta.kubernetes.io/runner": "unconfined"}
_NOWHERE = "https://127.0.0.1:9/validate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A reason of the cluster's own to refuse pods.

    Attributes:
        make, cure: bring it about, and end it.
        reason, remedy: what a pool says of it.
        stage: of `StageOrder`, if it takes another stage than the usual.
    """

    make: Change
    cure: Change
    reason: str
    remedy: str
    stage: dict[str, Any] = field(default_factory=dict)


def quota(stage: FaultStage, **hard: str) -> None:
    """A ResourceQuota `quota`, made or changed; returns when the API server goes by it."""
    limits = {name.replace("__", "."): value for name, value in hard.items()}
    stage.apply(_object("v1", "ResourceQuota", "quota", spec={"hard": limits}))

    def in_force() -> bool:
        answer = stage.reader.find(f"/api/v1/namespaces/{stage.namespace}/resourcequotas/quota") or {}
        return bool(answer.get("status", {}).get("hard") == limits)

    stage.until(in_force, "the quota in force", within=20)


def remove(kind: str, name: str) -> Change:
    def change(stage: FaultStage) -> None:
        stage.kubectl("delete", kind, name)

    return change


def template(**fields: Any) -> Change:
    """Change the pool's pod template; None takes a field out again."""

    def change(stage: FaultStage) -> None:
        stage.change_pool(podTemplate=fields)

    return change


def limit_range(stage: FaultStage) -> None:
    limits = [{"type": "Container", "max": {"memory": "64Mi"}}]
    stage.apply(_object("v1", "LimitRange", "limits", spec={"limits": limits}))


def dead_webhook(stage: FaultStage) -> None:
    """A webhook for this namespace's pods that nobody answers."""
    hook = {
        "name": "pods.example.org",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
        "clientConfig": {"url": _NOWHERE},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": stage.namespace}},
    }
    kind = "ValidatingWebhookConfiguration"
    stage.apply(_object("admissionregistration.k8s.io/v1", kind, stage.namespace, webhooks=[hook]))


def no_webhook(stage: FaultStage) -> None:
    stage.kubectl("delete", "validatingwebhookconfiguration", stage.namespace, "--ignore-not-found")


def _object(version: str, kind: str, name: str, **fields: Any) -> Json:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}


def _invalid(field_of_pods: str, good: Any, bad: Any) -> Refusal:
    return Refusal(
        make=template(**{field_of_pods: bad}),
        cure=template(**{field_of_pods: good}),
        reason="InvalidPodTemplate",
        remedy="correct the pool's spec",
    )


REFUSALS: dict[str, tuple[str, Refusal]] = {
    "a quota of no more pods": (
        "R13",
        Refusal(
            make=lambda stage: quota(stage, pods="1"),
            cure=lambda stage: quota(stage, pods="10"),
            reason="QuotaExceeded",
            remedy="raise the quota",
        ),
    ),
    "a quota of CPUs that no pod names a limit for": (
        "R13",
        Refusal(
            make=lambda stage: quota(stage, limits__cpu="8"),
            cure=remove("resourcequota", "quota"),
            reason="InvalidPodTemplate",
            remedy="must specify limits.cpu for: runner; give it in spec.runner.resources of the pool",
        ),
    ),
    "a limit range that pods exceed": (
        "R12",
        Refusal(
            make=limit_range,
            cure=remove("limitrange", "limits"),
            reason="AdmissionFailed",
            remedy="correct the pool's spec, or what refuses it",
        ),
    ),
    "a priority class that is not there": (
        "R12",
        Refusal(
            make=template(priorityClassName="no-such-class"),
            cure=template(priorityClassName=None),
            reason="AdmissionFailed",
            remedy="no PriorityClass with name no-such-class was found; correct the pool's spec",
        ),
    ),
    "a label that is none": ("R12", _invalid("labels", {"team": None}, {"team": PAST_ALL_SCHEMAS})),
    "a toleration that contradicts itself": (
        "R12",
        _invalid("tolerations", None, [{"operator": "Exists", "value": "gpu"}]),
    ),
    "a host alias without an address": (
        "R12",
        _invalid("hostAliases", None, [{"ip": "nowhere", "hostnames": ["video.example.org"]}]),
    ),
    "Pod Security": (
        "R14",
        Refusal(
            make=template(annotations=_UNCONFINED),
            cure=template(annotations=dict.fromkeys(_UNCONFINED)),
            reason="PodSecurityViolation",
            remedy="correct spec.podTemplate",
            stage={"restricted": True},
        ),
    ),
    "a webhook that nobody answers": (
        "R22",
        Refusal(make=dead_webhook, cure=no_webhook, reason="AdmissionFailed", remedy="mend or remove it"),
    ),
}
