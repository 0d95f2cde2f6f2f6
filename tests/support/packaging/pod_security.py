"""The restricted Pod Security standard, as far as it speaks of what a Deployment of ours may hold.

Source: kubernetes.io/docs/concepts/security/pod-security-standards, policy "Restricted".
"""

from collections.abc import Iterator, Mapping
from typing import Any

_HOST_FIELDS = ("hostNetwork", "hostPID", "hostIPC", "hostUsers")
_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def violations(pod: Mapping[str, Any]) -> Iterator[str]:
    """What a pod's spec does that the standard forbids."""
    for field in _HOST_FIELDS:
        if pod.get(field):
            yield f"{field} is set"
    for volume in pod.get("volumes", ()):
        kinds = set(volume) - {"name"}
        if not kinds <= _VOLUMES:
            yield f"volume {volume['name']} is of kind {', '.join(kinds)}"
    shared = pod.get("securityContext", {})
    for container in [*pod.get("initContainers", ()), *pod["containers"]]:
        for violation in _of_container(shared, container.get("securityContext", {})):
            yield f"container {container['name']}: {violation}"
        if any("hostPort" in port for port in container.get("ports", ())):
            yield f"container {container['name']}: hostPort is set"


def _of_container(shared: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    effective = {**shared, **own}
    if effective.get("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if effective.get("runAsUser") == 0:
        yield "runAsUser is 0"
    if effective.get("seccompProfile", {}).get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile is neither RuntimeDefault nor Localhost"
    if own.get("privileged"):
        yield "privileged is set"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield "capabilities are not all dropped"
    if not set(capabilities.get("add", ())) <= {"NET_BIND_SERVICE"}:
        yield "capabilities are added"
