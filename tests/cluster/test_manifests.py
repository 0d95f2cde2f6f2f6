"""What the operator makes, before an API server that enforces the restricted Pod Security standard."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

from runnerpool.api.pool import Pool
from runnerpool.manifests.agent_secret import agent_secret
from runnerpool.manifests.inputs import PodInputs
from runnerpool.manifests.runner_pod import runner_pod
from support.builders import make_pool
from support.cluster.backends import ClusterBackend
from support.pool_cases.good import GOOD_SPECS

pytestmark = pytest.mark.cluster

INPUTS = PodInputs(default_image="localhost/runner:1")
# Classes that a pool may name have to be there; whether they are is the cluster's business.
_NAMES_OF_CLASSES = ("priorityClassName", "runtimeClassName")


def created(cluster: ClusterBackend, manifest: dict[str, Any], *options: str) -> dict[str, Any]:
    answer = cluster.kubectl("create", "--filename=-", "--output=json", *options, stdin=json.dumps(manifest))
    assert "Warning" not in answer.stderr
    stored: dict[str, Any] = json.loads(answer.stdout)
    return stored


def pool_in(namespace: str, spec: dict[str, Any]) -> Pool:
    template = {name: value for name, value in spec.get("podTemplate", {}).items() if name not in _NAMES_OF_CLASSES}
    return make_pool(**{**spec, "podTemplate": template}).model_copy(update={"namespace": namespace})


@pytest.mark.parametrize("spec", GOOD_SPECS.values(), ids=GOOD_SPECS.keys())
def test_a_runner_pod_is_allowed_in_a_restricted_namespace(
    control_plane: ClusterBackend, restricted_namespace: str, spec: dict[str, Any]
) -> None:
    manifest = runner_pod(pool_in(restricted_namespace, spec), 1, INPUTS)

    stored = created(control_plane, manifest, "--dry-run=server")

    assert stored["spec"]["schedulingGates"] == [{"name": "runnerpool.dev/registration"}]


def test_pod_and_secret_are_stored_with_their_owners(control_plane: ClusterBackend, restricted_namespace: str) -> None:
    pool = pool_in(restricted_namespace, {})
    pod = created(control_plane, runner_pod(pool, 1, INPUTS))
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]

    secret = agent_secret(pool, INPUTS, pod=name, pod_uid=uid, token=SecretStr("ptrt-1"), description="whose it is")
    stored = created(control_plane, secret)

    assert pod["metadata"]["ownerReferences"][0]["controller"] is True
    assert stored["metadata"]["ownerReferences"][0]["uid"] == uid
    assert stored["immutable"] is True
