"""A node that answers no more, as a pod shows it: the node controller takes its readiness, and nobody else speaks."""

from support.faults import pod_status
from support.faults.stage import FaultStage

_STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}


def lose_node_of(stage: FaultStage, pod: str) -> None:
    """From now on nothing is heard of the pod, and its status is what MarkPodsNotReady of Kubernetes leaves."""
    stage.player.silence(pod)
    unready = {"type": "Ready", "status": "False", "lastTransitionTime": pod_status.now()}
    path = f"/api/v1/namespaces/{stage.namespace}/pods/{pod}/status"
    answer = stage.http.patch(path, json={"status": {"conditions": [unready]}}, headers=_STRATEGIC)
    answer.raise_for_status()
