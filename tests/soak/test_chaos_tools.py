"""What the chaos suite does to pods, done to a plain one: it happens, and is undone."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from support.chaos import links, node, packets, processes
from support.chaos.packets import Direction, Way
from support.chaos.talker import TALKER, Listener, listening
from support.cluster import bases
from support.cluster.local import LocalCluster
from support.stage.waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.e2e, pytest.mark.timeout(120)]

POD = "talker"
MEMORY_MEBIBYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A pod that greets a server on this machine ten times a second."""

    cluster: LocalCluster
    namespace: str
    server: Listener

    def pod(self) -> dict[str, Any]:
        got = self.cluster.kubectl("get", "pod", POD, f"--namespace={self.namespace}", "--output=json")
        found: dict[str, Any] = json.loads(got.stdout)
        return found

    @property
    def uid(self) -> str:
        return str(self.pod()["metadata"]["uid"])

    @property
    def way(self) -> Way:
        return Way(pod=self.pod()["status"]["podIP"], port=self.server.port)

    def greetings(self, seconds: float) -> int:
        """How many arrive in so long."""
        before = self.server.heard
        time.sleep(seconds)
        return self.server.heard - before

    def await_greetings(self) -> None:
        before = self.server.heard
        until(lambda: self.server.heard > before + 2, "greetings", seconds=60)  # TCP backs off


@pytest.fixture
def scene(node_cluster: Any, namespace: str) -> Iterator[Scene]:
    if not isinstance(node_cluster, LocalCluster):
        pytest.skip("the tools reach into the local cluster's node")
    image = bases.python()
    node_cluster.load(image)
    with listening(node_cluster.gateway_address) as server:
        container = {
            "name": "main",
            "image": image.reference,
            "command": ["python3", "-u", "-c", TALKER, server.url],
            "resources": {"limits": {"memory": f"{MEMORY_MEBIBYTES}Mi"}},
            "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        }
        volumes = [{"name": "scratch", "emptyDir": {"sizeLimit": "8Mi"}}]
        spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD}, "spec": spec | {"volumes": volumes}}
        node_cluster.kubectl("apply", f"--namespace={namespace}", "--filename=-", stdin=json.dumps(pod))
        made = Scene(cluster=node_cluster, namespace=namespace, server=server)
        made.await_greetings()
        yield made


@pytest.mark.parametrize("direction", Direction)
def test_a_cut_lets_nothing_through_while_it_lasts(scene: Scene, direction: Direction) -> None:
    with packets.dropped(scene.way, direction):
        time.sleep(0.3)
        assert scene.greetings(2) == 0
    scene.await_greetings()


def test_a_cut_of_one_port_leaves_the_others_alone(scene: Scene) -> None:
    other = Way(pod=scene.way.pod, port=scene.server.port + 1)
    with packets.dropped(other):
        assert scene.greetings(2) > 5


def test_a_lossy_link_lets_some_through(scene: Scene) -> None:
    with packets.dropped(scene.way, share=0.2):
        time.sleep(0.3)
        some = scene.greetings(8)
    assert 0 < some < 60


def test_a_slow_link_takes_its_time(scene: Scene) -> None:
    (talker,) = processes.processes(scene.uid)
    # A greeting of 20 kB, ten times a second: 1.6 Mbit/s.
    with links.slow(talker.pid, kilobits=400):
        time.sleep(1)
        some = scene.greetings(6)
    assert 0 < some < 30
    scene.await_greetings()
    assert scene.greetings(3) > 15


def test_a_frozen_process_goes_on_when_it_thaws(scene: Scene) -> None:
    with processes.frozen(process.identity for process in processes.processes(scene.uid)):
        time.sleep(0.3)
        assert scene.greetings(1) == 0
    scene.await_greetings()


def test_a_killed_process_ends_its_pod(scene: Scene) -> None:
    processes.kill(processes.processes(scene.uid))
    until(lambda: scene.pod()["status"]["phase"] == "Failed", "the pod's end", seconds=20)


def test_a_filled_volume_has_no_room_left_until_it_is_emptied(scene: Scene) -> None:
    volume = node.scratch(scene.cluster, scene.uid)
    with node.filled(volume, size=4 * 2**20):
        assert used(scene) >= 4 * 2**20
    assert used(scene) < 2**20


def used(scene: Scene) -> int:
    """What the pod itself sees."""
    program = "import os; print(sum(os.stat(f'/scratch/{name}').st_blocks * 512 for name in os.listdir('/scratch')))"
    command = ("exec", POD, f"--namespace={scene.namespace}", "--", "python3", "-c", program)
    return int(scene.cluster.kubectl(*command).stdout)


def test_a_pod_whose_memory_is_used_up_is_killed_for_it(scene: Scene) -> None:
    node.exhaust_memory(
        scene.cluster, scene.namespace, POD, processes.processes(scene.uid), mebibytes=2 * MEMORY_MEBIBYTES
    )
    until(lambda: scene.pod()["status"]["phase"] == "Failed", "the pod's end", seconds=20)
    ended = scene.pod()["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_a_stopped_kubelet_tells_nothing_new_until_it_goes_on(scene: Scene) -> None:
    with node.kubelet_stopped(scene.cluster):
        processes.kill(processes.processes(scene.uid))
        time.sleep(5)
        assert scene.pod()["status"]["phase"] == "Running"
    until(lambda: scene.pod()["status"]["phase"] == "Failed", "the pod's end", seconds=20)
