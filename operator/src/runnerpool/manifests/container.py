"""The container of a runner pod, and the volumes that it sees."""

from typing import Any

from runnerpool.api import names
from runnerpool.api.pool import Pool

CONFIG_DIRECTORY = "/etc/runnerpool"
PODINFO_DIRECTORY = "/etc/podinfo"
SCRATCH_DIRECTORY = "/scratch"

_STORAGE = "ephemeral-storage"


def runner_container(pool: Pool, image: str) -> dict[str, Any]:
    """The one container. Its image's entry point is the agent, which needs no arguments."""
    runner = pool.spec.runner
    return {
        "name": names.RUNNER_CONTAINER,
        "image": image,
        "ports": [{"name": "http", "containerPort": names.AGENT_PORT, "protocol": "TCP"}],
        "env": [{"name": variable.name, "value": variable.value} for variable in pool.spec.pod_template.env],
        "resources": {"requests": _requests(pool), "limits": dict(runner.resources.limits)},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        # When it has failed for so long, the container is killed, and the pod has failed.
        "startupProbe": _probe("/startupz", period=1, failures=pool.spec.lifecycle.startup_deadline_seconds),
        # Liveness fails when the runner is not worth keeping: nothing to wait for then, unlike at an eviction.
        "livenessProbe": {**_probe("/livez", period=10, failures=3), "terminationGracePeriodSeconds": 30},
        # The agent counts misses itself, so that one bad answer here is already the third or so.
        "readinessProbe": _probe("/readyz", period=5, failures=1),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG_DIRECTORY, "readOnly": True},
            {"name": "podinfo", "mountPath": PODINFO_DIRECTORY, "readOnly": True},
            {"name": "scratch", "mountPath": SCRATCH_DIRECTORY},
        ],
    }


def volumes(pool: Pool, secret: str) -> list[dict[str, Any]]:
    """Agent's settings, drain order, and work space."""
    order = {"path": "drain", "fieldRef": {"fieldPath": f"metadata.annotations['{names.ANNOTATION_DRAIN}']"}}
    return [
        {"name": "config", "secret": {"secretName": secret, "defaultMode": 0o400}},
        {"name": "podinfo", "downwardAPI": {"items": [order]}},
        {"name": "scratch", "emptyDir": {"sizeLimit": pool.spec.runner.scratch.size}},
    ]


def _requests(pool: Pool) -> dict[str, str | int]:
    """Scratch space counts in scheduling only if it is requested; an author's own figures for it stand."""
    resources, size = pool.spec.runner.resources, pool.spec.runner.scratch.size
    asked = dict(resources.requests)
    return asked if _STORAGE in asked or _STORAGE in resources.limits else asked | {_STORAGE: size}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
