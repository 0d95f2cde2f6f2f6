"""What an author may not write into a pool that is good otherwise: unknown fields, and changes of what is fixed."""

from dataclasses import dataclass
from typing import Any

_ONE_CONTAINER = [{"name": "sidecar", "image": "registry.example.org/sidecar:1"}]

# Fields of pods that are not in the closed list of spec.podTemplate. Each would weaken what the operator promises of
# its pods, or be one more way to run something else in them.
OUTSIDE_THE_TEMPLATE: dict[str, Any] = {
    "hostNetwork": True,
    "hostPID": True,
    "hostIPC": True,
    "hostUsers": True,
    "serviceAccountName": "default",
    "automountServiceAccountToken": True,
    "securityContext": {"runAsUser": 0},
    "containers": _ONE_CONTAINER,
    "initContainers": _ONE_CONTAINER,
    "envFrom": [{"secretRef": {"name": "peertube-admin"}}],
    "volumes": [{"name": "host", "hostPath": {"path": "/"}}],
    "nodeName": "node-1",
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 0,
    "schedulerName": "mine",
    "schedulingGates": [{"name": "example.org/mine"}],
    "shareProcessNamespace": True,
    "spec": {"hostNetwork": True},
}


@dataclass(frozen=True, kw_only=True)
class BadChange:
    """A change of a stored pool's `spec.server` that must be refused, and what its author is told."""

    case: str
    server: dict[str, Any]
    told: str

    def __str__(self) -> str:
        return self.case


_FIXED = "cannot be changed, as runners are registered with that server; make a new pool for another server"

# The pool that is changed has the url https://video.example.org.
BAD_CHANGES = [
    BadChange(case="another host", server={"url": "https://other.example.org"}, told=_FIXED),
    BadChange(case="another scheme", server={"url": "http://video.example.org"}, told=_FIXED),
    BadChange(case="another port", server={"url": "https://video.example.org:8443"}, told=_FIXED),
    BadChange(case="no url any more", server={"url": None}, told="spec.server.url: Required value"),
]
