import http.server
import json
import os
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from support.cluster import bases, host_access, images, remains
from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.cluster.processes import wait_until

pytestmark = pytest.mark.e2e

Run = Callable[..., None]

_BUILD_SECONDS = 600

_ASK_API_SERVER = """
import json, os, pathlib, ssl, urllib.request
account = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
request = urllib.request.Request(
    f"https://{os.environ['KUBERNETES_SERVICE_HOST']}/apis/authentication.k8s.io/v1/selfsubjectreviews",
    data=json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode(),
    headers={"Authorization": f"Bearer {(account / 'token').read_text()}", "Content-Type": "application/json"},
)
context = ssl.create_default_context(cafile=str(account / "ca.crt"))
print(json.load(urllib.request.urlopen(request, timeout=10, context=context))["status"]["userInfo"]["username"])
"""

_HANDLE_SIGTERM = """
import signal, sys
def end(*_):
    print("told to end", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def image(node_cluster: ClusterBackend) -> str:
    base = bases.python()
    node_cluster.load(base)
    return base.reference


@pytest.fixture
def run_pod(node_cluster: ClusterBackend, namespace: str, image: str) -> Run:
    def run(name: str, command: list[str], **container: Any) -> None:
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"test": namespace}},
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 5,
                "containers": [{"name": "main", "image": image, "command": command} | container],
            },
        }
        node_cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=yaml.safe_dump(pod))

    return run


@pytest.fixture
def pod_status(node_cluster: ClusterBackend, namespace: str) -> Callable[[str], dict[str, Any]]:
    def status(name: str) -> dict[str, Any]:
        got = node_cluster.kubectl("get", "pod", name, f"--namespace={namespace}", "--output=json")
        found: dict[str, Any] = json.loads(got.stdout)["status"]
        return found

    return status


@pytest.fixture
def host_server(node_cluster: ClusterBackend) -> Iterator[str]:
    """A server on this machine, at the address that pods know it by."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello from the host")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the library's)
            pass

    with http.server.ThreadingHTTPServer((node_cluster.gateway_address, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{node_cluster.gateway_address}:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.mark.alone  # a figure, which others would make worse
def test_a_pod_from_a_present_image_runs_within_five_seconds(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run
) -> None:
    begin = time.monotonic()
    run_pod("quick", ["sleep", "60"])
    node_cluster.kubectl("wait", "pod/quick", "--for=condition=Ready", "--timeout=20s", f"--namespace={namespace}")
    assert time.monotonic() - begin < 5


def test_a_pod_reaches_the_api_server_by_its_service_address_as_its_service_account(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run
) -> None:
    run_pod("asks", ["python3", "-c", _ASK_API_SERVER])
    wait_for_phase(node_cluster, namespace, "asks", "Succeeded")
    said = node_cluster.kubectl("logs", "asks", f"--namespace={namespace}").stdout.strip()
    assert said == f"system:serviceaccount:{namespace}:default"


def test_the_host_answers_pods_and_itself_under_one_url(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run, host_server: str
) -> None:
    with urllib.request.urlopen(host_server, timeout=5) as response:
        assert response.read() == b"hello from the host"
    program = f"import urllib.request; print(urllib.request.urlopen({host_server!r}, timeout=5).read().decode())"
    run_pod("asks", ["python3", "-c", program])
    wait_for_phase(node_cluster, namespace, "asks", "Succeeded")
    assert node_cluster.kubectl("logs", "asks", f"--namespace={namespace}").stdout == "hello from the host\n"


def test_the_host_reaches_a_pod_by_its_address(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run, pod_status: Callable[[str], dict[str, Any]]
) -> None:
    probe = {"readinessProbe": {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}}
    run_pod("serves", ["python3", "-m", "http.server", "8000"], **probe)
    node_cluster.kubectl("wait", "pod/serves", "--for=condition=Ready", "--timeout=20s", f"--namespace={namespace}")
    with urllib.request.urlopen(f"http://{pod_status('serves')['podIP']}:8000/", timeout=5) as response:
        assert response.status == 200


@pytest.mark.parametrize("target", ["('10.96.0.10', 53)", "('192.0.2.77', 80)"])
def test_what_a_pod_cannot_reach_is_refused_at_once(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run, target: str
) -> None:
    program = (
        f"import socket\ntry: socket.create_connection({target}, 10)\nexcept OSError as e: print(type(e).__name__)"
    )
    run_pod("asks", ["python3", "-c", program])
    wait_for_phase(node_cluster, namespace, "asks", "Succeeded")
    assert node_cluster.kubectl("logs", "asks", f"--namespace={namespace}").stdout == "ConnectionRefusedError\n"


def test_exec_runs_in_the_pod_and_probes_decide_on_readiness(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run
) -> None:
    probe = {"readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1}}
    run_pod("probed", ["sleep", "60"], **probe)
    options = ("pod/probed", f"--namespace={namespace}", "--timeout=20s")
    node_cluster.kubectl("wait", *options, "--for=jsonpath={.status.phase}=Running")
    node_cluster.kubectl("wait", *options, "--for=condition=Ready=false")
    node_cluster.kubectl("exec", "probed", f"--namespace={namespace}", "--", "touch", "/tmp/ready")
    node_cluster.kubectl("wait", *options, "--for=condition=Ready")


def test_a_pod_over_its_memory_limit_is_killed_for_it(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run, pod_status: Callable[[str], dict[str, Any]]
) -> None:
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    run_pod("greedy", ["python3", "-c", "x = bytearray(256 * 2**20); print(len(x))"], **limits)
    wait_for_phase(node_cluster, namespace, "greedy", "Failed")
    assert pod_status("greedy")["containerStatuses"][0]["state"]["terminated"]["reason"] == "OOMKilled"


@pytest.mark.alone  # meanwhile no new pod of others could start
def test_a_drained_node_evicts_the_pod_with_sigterm(
    node_cluster: ClusterBackend, namespace: str, run_pod: Run, tmp_path: Path
) -> None:
    run_pod("evicted", ["python3", "-c", _HANDLE_SIGTERM])
    wait_until(
        lambda: "ready" in node_cluster.kubectl("logs", "evicted", f"--namespace={namespace}", check=False).stdout,
        "a pod that handles SIGTERM",
        timeout_seconds=20,
    )
    node = node_cluster.kubectl("get", "nodes", "--output=name").stdout.strip().removeprefix("node/")
    follower = threading.Thread(
        target=lambda: (tmp_path / "log").write_text(
            node_cluster.kubectl("logs", "--follow", "evicted", f"--namespace={namespace}").stdout
        )
    )
    follower.start()
    try:
        node_cluster.kubectl(
            "drain", node, f"--pod-selector=test={namespace}", "--force", "--delete-emptydir-data", "--timeout=30s"
        )
    finally:
        node_cluster.kubectl("uncordon", node)
        follower.join(timeout=20)
    assert (tmp_path / "log").read_text() == "ready\ntold to end\n"


def test_a_restricted_pod_runs_with_no_rights_and_a_seccomp_filter(
    node_cluster: ClusterBackend, restricted_namespace: str, image: str
) -> None:
    status_lines = (
        "import re; t = open('/proc/self/status').read(); print(re.findall(r'^(?:CapEff|Seccomp):\\t(.+)', t, re.M))"
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "restricted"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "main",
                    "image": image,
                    "command": ["python3", "-c", status_lines],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                        "readOnlyRootFilesystem": True,
                    },
                }
            ],
        },
    }
    namespace = f"--namespace={restricted_namespace}"
    node_cluster.kubectl("apply", namespace, "--filename=-", stdin=yaml.safe_dump(pod))
    wait_for_phase(node_cluster, restricted_namespace, "restricted", "Succeeded")
    assert node_cluster.kubectl("logs", "restricted", namespace).stdout.strip() == "['0000000000000000', '2']"


def test_the_comparison_before_and_after_sees_a_standing_node(node_cluster: ClusterBackend) -> None:
    """The cluster's fixture fails if the machine is not as before; this shows that it would notice."""
    seen = remains.snapshot()
    for part in ("interface runnerpool0", "process kubelet", "process containerd", "forwarding 1"):
        assert part in seen
    for kind in ("rule nat -A RUNNERPOOL-SERVICE", "mount " + os.fspath(node_cluster.kubeconfig.parent), "cgroup "):
        assert any(entry.startswith(kind) for entry in seen), kind


def wait_for_phase(cluster: ClusterBackend, namespace: str, pod: str, phase: str) -> None:
    cluster.kubectl(
        "wait",
        f"pod/{pod}",
        f"--namespace={namespace}",
        f"--for=jsonpath={{.status.phase}}={phase}",
        "--timeout=30s",
    )


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "greeting").write_text("hello\n")
    (tmp_path / "Containerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY greeting /greeting\n")
    return tmp_path


@pytest.mark.alone  # a figure, as above
@pytest.mark.timeout(_BUILD_SECONDS)
def test_an_image_is_built_once_loaded_once_and_run(
    node_cluster: ClusterBackend, namespace: str, context: Path
) -> None:
    def build() -> images.ImageRef:
        return images.build("greeting", context / "Containerfile", context, {"BASE_IMAGE": bases.python().reference})

    image = build()
    made = image.archive.stat().st_ino
    assert build() == image
    assert image.archive.stat().st_ino == made

    node_cluster.load(image)
    begin = time.monotonic()
    node_cluster.load(image)
    assert time.monotonic() - begin < 2, "an image that is present is not loaded again"
    options = (f"--namespace={namespace}", f"--image={image.reference}", "--restart=Never")
    node_cluster.kubectl("run", "greets", *options, "--", "cat", "/greeting")
    wait_for_phase(node_cluster, namespace, "greets", "Succeeded")
    assert node_cluster.kubectl("logs", "greets", f"--namespace={namespace}").stdout == "hello\n"


@pytest.mark.timeout(_BUILD_SECONDS)
def test_a_build_has_the_hosts_client_configuration_and_leaves_none_of_it_in_the_image(context: Path) -> None:
    mounted = {mount.target.lstrip("/") for mount in host_access.mounts(context)}
    assert "etc/pip.conf" in mounted
    checks = " && ".join(f"test -s /{path}" for path in sorted(mounted))
    (context / "Containerfile").write_text(f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nRUN {checks} && echo {context}\n")
    image = images.build("mounts", context / "Containerfile", context, {"BASE_IMAGE": bases.python().reference})

    sizes = {(name, size) for name, size in layered_files(image.archive) if name in mounted}
    image.archive.unlink()
    assert ("etc/pip.conf", 0) in sizes, "an empty file is where it was mounted"
    assert not [name for name, size in sizes if size > 0]


@pytest.mark.timeout(_BUILD_SECONDS)
def test_a_build_that_fails_says_what_the_command_said(context: Path) -> None:
    (context / "Containerfile").write_text(
        f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\nRUN echo no {context.name} today >&2 && false\n"
    )
    with pytest.raises(ClusterError, match=rf"(?s)building image broken failed .*no {context.name} today"):
        images.build("broken", context / "Containerfile", context, {"BASE_IMAGE": bases.python().reference})


def layered_files(archive: Path) -> Iterator[tuple[str, int]]:
    """Name and size of every file in every layer of an image."""
    with tarfile.open(archive) as image:
        for layer in json.loads(contents(image, "manifest.json").read())[0]["Layers"]:
            with tarfile.open(fileobj=contents(image, layer)) as files:
                yield from ((member.name, member.size) for member in files)


def contents(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    file = archive.extractfile(name)
    assert file is not None
    return file
