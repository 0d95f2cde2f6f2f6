"""The search for secrets, where containers run: in their logs, environments, command lines and metrics."""

import fnmatch
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import bases
from support.cluster.backends import ClusterBackend
from support.observer.observer import Observer, told
from support.reliability.case import Case
from support.stage.peertube import PeerTube, running_peertube

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BABBLE = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f'token{{value="{sys.argv[1]}"}} 1\\n'.encode())

print("my token is", sys.argv[1], flush=True)
HTTPServer(("", 8080), Metrics).serve_forever()
"""


@pytest.fixture
def server(node_cluster: ClusterBackend, tmp_path: Path) -> Iterator[PeerTube]:
    with running_peertube(node_cluster.gateway_address, tmp_path / "peertube") as server:
        yield server


@pytest.mark.fault("Secrets")
def test_secrets_that_a_container_shows_are_found_in_its_log_its_arguments_its_environment_and_its_metrics(
    node_cluster: ClusterBackend, restricted_namespace: str, server: PeerTube, case: Case
) -> None:
    runner, registration = server.client.register("babbler"), server.client.registration_token()
    image = bases.python()
    node_cluster.load(image)
    container = {
        "name": "main",
        "image": image.reference,
        "command": ["python3", "-c", BABBLE, runner],
        "env": [{"name": "REGISTRATION", "value": registration}],
        "readinessProbe": {"httpGet": {"path": "/metrics", "port": 8080}, "periodSeconds": 1},
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
    expected_places = (
        "the token of runner babbler * stands in log of pod *",
        f"the token of runner babbler * stands in metrics of pod {restricted_namespace}/babbler",
        "the token of runner babbler * stands in cmdline of process python3*",
        "registration token 1 * stands in environ of process python3*",
        "the token of runner babbler * stands in Pod babbler, *",
        f"registration token 1 * stands in etcd key /registry/pods/{restricted_namespace}/babbler",
    )
    for expected in expected_places:
        assert fnmatch.filter(found, expected), (expected, found)
    assert not [line for line in found for secret in (runner, registration, server.password) if secret in line]
    case.told(f"{len(expected_places)} places", 0.0)
