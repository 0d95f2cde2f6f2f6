"""The search for secrets, where containers run: in their logs, their environments and their command lines."""

import fnmatch
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import bases
from support.cluster.backends import ClusterBackend
from support.observer.observer import Observer, told
from support.stage.peertube import PeerTube, running_peertube

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BABBLE = "import sys, time; print('my token is', sys.argv[1], flush=True); time.sleep(600)"


@pytest.fixture
def server(node_cluster: ClusterBackend, tmp_path: Path) -> Iterator[PeerTube]:
    with running_peertube(node_cluster.gateway_address, tmp_path / "peertube") as server:
        yield server


def test_secrets_that_a_container_shows_are_found_in_its_log_its_arguments_and_its_environment(
    node_cluster: ClusterBackend, restricted_namespace: str, server: PeerTube
) -> None:
    runner, registration = server.client.register("babbler"), server.client.registration_token()
    image = bases.python()
    node_cluster.load(image)
    container = {
        "name": "main",
        "image": image.reference,
        "command": ["python3", "-c", BABBLE, runner],
        "env": [{"name": "REGISTRATION", "value": registration}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "babbler", "namespace": restricted_namespace},
        "spec": {
            "containers": [container],
            "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        },
    }
    observer = Observer(node_cluster)
    with observer.watching(restricted_namespace, server):
        node_cluster.kubectl("apply", "--filename=-", stdin=json.dumps(pod))
        options = ("pod/babbler", f"--namespace={restricted_namespace}", "--for=condition=Ready", "--timeout=60s")
        node_cluster.kubectl("wait", *options)
    observer.close()

    found = {line.partition(": ")[2] for line in told(observer)}
    for expected in (
        "the token of runner babbler * stands in log of pod *",
        "the token of runner babbler * stands in cmdline of process python3*",
        "registration token 1 * stands in environ of process python3*",
        "the token of runner babbler * stands in Pod babbler, *",
        f"registration token 1 * stands in etcd key /registry/pods/{restricted_namespace}/babbler",
    ):
        assert fnmatch.filter(found, expected), (expected, found)
    assert not [line for line in found for secret in (runner, registration, server.password) if secret in line]
