"""The operator's own calls, where only a real API server tells what they do."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from runnerpool.api import names
from runnerpool.cluster.api import KubeApi
from runnerpool.cluster.errors import Conflict
from runnerpool.cluster.gateway import ClusterGateway
from runnerpool.cluster.login import load_login
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import runner_pod
from runnerpool.metrics import Metrics
from support.builders import make_pool
from support.cluster.backends import ClusterBackend

pytestmark = pytest.mark.cluster

_OTHERS = "example.org/admission"


@pytest.fixture
async def gateway(control_plane: ClusterBackend) -> AsyncIterator[ClusterGateway]:
    login = await load_login(str(control_plane.kubeconfig))
    api = KubeApi(login.configuration, Metrics())
    yield ClusterGateway(api)
    await api.close()


async def test_only_our_gate_is_taken_off_a_pod_and_only_once_and_from_no_other_pod(
    gateway: ClusterGateway, control_plane: ClusterBackend, restricted_namespace: str
) -> None:
    manifest = pod_with_two_gates(restricted_namespace)
    name = manifest["metadata"]["name"]
    uid = await gateway.create_pod(manifest)

    for call in (
        gateway.ungate_pod(restricted_namespace, name, "another"),
        gateway.mark_pod(restricted_namespace, name, "another", evictable=True),
    ):
        with pytest.raises(Conflict):
            await call
    assert gates(control_plane, restricted_namespace, name) == [names.SCHEDULING_GATE, _OTHERS]

    for _ in range(2):
        await gateway.ungate_pod(restricted_namespace, name, uid)
        assert gates(control_plane, restricted_namespace, name) == [_OTHERS]


def pod_with_two_gates(namespace: str) -> dict[str, Any]:
    """As the operator makes it, and as a queueing controller's webhook leaves it."""
    manifest = runner_pod(make_pool().model_copy(update={"namespace": namespace}), 1, PodInputs(default_image="none:1"))
    del manifest["metadata"]["ownerReferences"]  # there is no such pool: the pod would be collected
    manifest["spec"]["schedulingGates"].append({"name": _OTHERS})
    return manifest


def gates(cluster: ClusterBackend, namespace: str, pod: str) -> list[str]:
    stored = json.loads(cluster.kubectl("get", "pod", pod, f"--namespace={namespace}", "--output=json").stdout)
    return [gate["name"] for gate in stored["spec"]["schedulingGates"]]
