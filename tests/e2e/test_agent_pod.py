"""A runner pod without the operator: applied by hand, as an administrator could, in a restricted namespace."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.agent.pod import agent_config
from support.cluster.backends import ClusterBackend
from support.observer.observer import Observer
from support.stage.images import Images
from support.stage.outputs import all_problems
from support.stage.peertube import PeerTube, running_peertube
from support.stage.videos import VideoSpec
from support.stage.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

NAME = "by-hand"
JOB_TYPES = ["vod-web-video-transcoding", "vod-hls-transcoding", "generate-video-storyboard"]
HARDENED = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_HARDENED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.fixture
def server(node_cluster: ClusterBackend, tmp_path: Path) -> Iterator[PeerTube]:
    with running_peertube(node_cluster.gateway_address, tmp_path / "peertube") as server:
        yield server


def manifests(image: str, config: dict[str, Any]) -> str:
    """Pod and Secret, as the operator makes them."""
    probe = {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 5}
    order = {"path": "drain", "fieldRef": {"fieldPath": "metadata.annotations['runnerpool.dev/drain']"}}
    container = {
        "name": "runner",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "securityContext": CONTAINER_HARDENED,
        "startupProbe": probe | {"httpGet": {"path": "/startupz", "port": "http"}, "failureThreshold": 120},
        "livenessProbe": probe | {"httpGet": {"path": "/livez", "port": "http"}, "periodSeconds": 10},
        "readinessProbe": probe,
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/runnerpool", "readOnly": True},
            {"name": "podinfo", "mountPath": "/etc/podinfo", "readOnly": True},
            {"name": "scratch", "mountPath": "/scratch"},
        ],
    }
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 60,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": HARDENED,
        "containers": [container],
        "volumes": [
            {"name": "config", "secret": {"secretName": NAME, "defaultMode": 0o400}},
            {"name": "podinfo", "downwardAPI": {"items": [order]}},
            {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME},
        "stringData": {"agent.json": json.dumps(config)},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME}, "spec": spec}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [secret, pod]})


class HandMadePod:
    """The pod in its namespace."""

    def __init__(self, cluster: ClusterBackend, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._cluster.kubectl(f"--namespace={self._namespace}", *arguments, stdin=stdin).stdout

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads(self.kubectl("get", "pod", NAME, "--output=json"))["status"]
        return status

    def end(self) -> tuple[str, int, dict[str, str]]:
        """Phase, exit code and termination message, once it has ended."""
        until(lambda: self.status()["phase"] in {"Succeeded", "Failed"}, "the pod's end", seconds=60, evidence=self.log)
        status = self.status()
        terminated = status["containerStatuses"][0]["state"]["terminated"]
        return status["phase"], terminated["exitCode"], json.loads(terminated["message"])

    def log(self) -> str:
        return self.kubectl("logs", NAME)


@pytest.fixture
def apply(
    node_cluster: ClusterBackend,
    operator_images: Images,
    restricted_namespace: str,
    server: PeerTube,
    observer: Observer,
) -> Iterator[Callable[[dict[str, Any]], HandMadePod]]:
    def apply(config: dict[str, Any]) -> HandMadePod:
        pod = HandMadePod(node_cluster, restricted_namespace)
        pod.kubectl("apply", "--filename=-", stdin=manifests(operator_images.runner.reference, config))
        return pod

    with observer.watching(restricted_namespace, server):
        yield apply


def test_a_pod_applied_by_hand_transcodes_and_drains(
    server: PeerTube, apply: Callable[[dict[str, Any]], HandMadePod]
) -> None:
    token = server.client.register(NAME, "applied by hand")
    runner = {"name": NAME, "token": token, "description": "applied by hand"}
    uploads = server.upload([VideoSpec(name="short", width=426, height=240, seconds=3)])
    pod = apply(agent_config(server.url, runner=runner, jobTypes=JOB_TYPES, evictionGraceSeconds=60))

    until(lambda: not server.open_jobs(), "the end of all jobs", seconds=120, evidence=pod.log)
    assert all_problems(server.results(uploads)) == []
    pod.kubectl("wait", f"pod/{NAME}", "--for=condition=Ready", "--timeout=30s")
    processes = pod.kubectl("exec", NAME, "--", "ps", "-e", "-o", "pid,stat,args").splitlines()
    assert processes[1].split()[0] == "1"
    assert "runnerpool-agent" in processes[1]
    assert not [line for line in processes if line.split()[1].startswith("Z")]
    assert token not in pod.log()

    pod.kubectl("annotate", "pod", NAME, "runnerpool.dev/drain=by hand")
    phase, code, message = pod.end()
    assert (phase, code) == ("Succeeded", 0)
    assert message == {"cause": "Drained", "message": "DrainOrdered: nothing left in hand", "jobs": []}
    told = server.client.statistics()
    assert (told.aborts, told.reclaims, told.errors, told.orphans) == (0, 0, 0, ())


def test_a_pod_with_a_bad_configuration_says_all_that_is_wrong(
    server: PeerTube, apply: Callable[[dict[str, Any]], HandMadePod]
) -> None:
    pod = apply(agent_config("not an address", concurrency=0))
    phase, code, message = pod.end()
    assert (phase, code) == ("Failed", 2)
    assert message["cause"] == "InvalidConfiguration"
    assert "server.url" in message["message"]
    assert "concurrency" in message["message"]
