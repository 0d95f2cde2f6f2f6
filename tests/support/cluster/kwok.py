"""Nodes without a kubelet, kept alive by KWOK: they take any number of pods.

What becomes of a pod on such a node is its test's affair. KWOK plays only those that ask for it by the label
`played-by: kwok`: ready at once, gone when deleted; it runs no probe and no container.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

from support.cluster.control_plane import ControlPlane
from support.cluster.errors import ClusterError
from support.cluster.paths import binary
from support.cluster.processes import start, wait_until

_STAGES = Path(__file__).with_name("kwok-stages.yaml")
_MARK = "kwok.x-k8s.io/node"
_READY_SECONDS = 30.0


def up(control_plane: ControlPlane, count: int) -> None:
    """Make the nodes, and return when pods can be placed on them.

    Raises:
        ClusterError: they were refused, or did not become ready.
    """
    instance = control_plane.instance
    process = start(
        "kwok",
        [
            binary("kwok"),
            f"--kubeconfig={control_plane.kubeconfig}",
            f"--config={_STAGES}",
            f"--manage-nodes-with-annotation-selector={_MARK}=fake",
            # Without heartbeats a node is taken for lost, and its pods are evicted.
            "--node-lease-duration-seconds=40",
            # It would serve the kubelet's API, which has nothing to tell where nothing runs.
            "--node-port=0",
            "--server-address=",
        ],
        log=instance.log("kwok"),
        outlives_starter=instance.owner is None,
    )
    instance.started(process)
    _create(control_plane, {"apiVersion": "v1", "kind": "List", "items": [_node(number) for number in range(count)]})
    wait_until(
        lambda: all(_placeable(control_plane, name(number)) for number in range(count)),
        f"{count} KWOK nodes of cluster {instance.name} being ready",
        timeout_seconds=_READY_SECONDS,
        watched=process,
        log=instance.log("kwok"),
    )


def name(number: int) -> str:
    """Of the n-th node, from 0."""
    return f"kwok-{number}"


def _create(control_plane: ControlPlane, document: dict[str, Any]) -> None:
    command = [binary("kubectl"), f"--kubeconfig={control_plane.kubeconfig}", "create", "--filename=-"]
    done = subprocess.run(command, input=json.dumps(document), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"the KWOK nodes were refused: {done.stderr.strip()}")


def _node(number: int) -> dict[str, Any]:
    room = {"cpu": "1000", "memory": "100Ti", "ephemeral-storage": "100Ti", "pods": "10000"}
    labels = {"kubernetes.io/hostname": name(number), "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name(number), "annotations": {_MARK: "fake"}, "labels": labels},
        "status": {"allocatable": room, "capacity": room},
    }


def _placeable(control_plane: ControlPlane, node: str) -> bool:
    found: dict[str, Any] | None = control_plane.get(f"/api/v1/nodes/{node}")
    if found is None or found["spec"].get("taints"):
        return False
    conditions = {condition["type"]: condition["status"] for condition in found["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"
