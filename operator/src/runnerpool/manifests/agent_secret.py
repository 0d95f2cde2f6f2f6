"""The Secret of one runner pod: everything that its agent is told, by the contract between operator and agent."""

import base64
import json
from typing import Any

from pydantic import SecretStr

from runnerpool.api import names
from runnerpool.api.pool import Pool
from runnerpool.api.quantity import parse_quantity
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.metadata import labels, owner_reference


def agent_secret(
    pool: Pool, inputs: PodInputs, *, pod: str, pod_uid: str, token: SecretStr, description: str
) -> dict[str, Any]:
    """The Secret, named as its pod and owned by it, so that it goes when the pod goes.

    Args:
        pool: The pool as it is asked for.
        inputs: What the pods of a pool get besides.
        pod: Name of the pod, which is the runner's name.
        pod_uid: The pod's UID.
        token: The runner's own token. The pod gets no other.
        description: The runner's description, which is its ownership mark.
    """
    runner = {"name": pod, "token": token.get_secret_value(), "description": description}
    content = json.dumps(agent_settings(pool, inputs) | {"runner": runner}, indent=1)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": pod,
            "namespace": pool.namespace,
            "labels": labels(pool),
            "ownerReferences": [owner_reference(api_version="v1", kind="Pod", name=pod, uid=pod_uid)],
        },
        "type": "Opaque",
        "immutable": True,
        "data": {names.AGENT_CONFIG_KEY: base64.b64encode(content.encode()).decode()},
    }


def agent_settings(pool: Pool, inputs: PodInputs) -> dict[str, Any]:
    """What all agents of a pool are told alike; nothing in it is secret."""
    spec = pool.spec
    return {
        "apiVersion": names.AGENT_API_VERSION,
        "server": {"url": spec.server.url, "ca": inputs.ca_bundle},
        "jobTypes": list(spec.job_types),
        "concurrency": spec.runner.concurrency,
        "ffmpeg": {"threads": ffmpeg_threads(pool), "nice": spec.runner.ffmpeg.nice},
        "evictionGraceSeconds": spec.lifecycle.eviction_grace_seconds,
        "health": {
            "deafToleranceSeconds": spec.lifecycle.deaf_tolerance_seconds,
            "stallToleranceSeconds": spec.lifecycle.stall_tolerance_seconds,
            # To the kubelet, a size limit of 0 is none (pkg/kubelet/eviction/eviction_manager.go).
            "scratchBytes": int(parse_quantity(spec.runner.scratch.size)) or None,
        },
    }


def ffmpeg_threads(pool: Pool) -> int | None:
    """Threads for each FFmpeg process; None leaves it to the agent, which sees the node's CPUs.

    Auto is the CPU limit (else the request) divided by the jobs that run at once, rounded down, at least 1.
    """
    runner = pool.spec.runner
    if runner.ffmpeg.threads != "Auto":
        return runner.ffmpeg.threads
    cpu = runner.resources.limits.get("cpu", runner.resources.requests.get("cpu"))
    if cpu is None:
        return None
    return max(1, int(parse_quantity(cpu) / runner.concurrency))
