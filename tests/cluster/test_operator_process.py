"""The operator as a process under its own ServiceAccount, on a real API server; the tests play the kubelet."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cluster.backends import ClusterBackend
from support.observer.observer import Observer, observe
from support.reliability.case import Case
from support.stage import pools
from support.stage.operator_process import INSTALLED, LOOPBACK, OperatorOrder, OperatorProcess
from support.stage.operatorlog import complaints_of
from support.stage.peertube import PeerTube, running_peertube
from support.stage.pools import POOL_KIND, WEB_VIDEO, PoolOrder
from support.stage.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: me}}]
users: [{name: me, user: {token: none}}]
clusters: [{name: here, cluster: {server: "http://127.0.0.1:%s"}}]
"""


@dataclass
class Ground:
    """A namespace with a pool, a server, and an operator that watches this namespace alone."""

    cluster: ClusterBackend
    namespace: str
    server: PeerTube
    directory: Path
    operator: OperatorProcess
    observer: Observer | None = None

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}", check=check).stdout

    def tell_observer(self) -> None:
        """Have secrets looked for in what only this test knows of: the process's log and metrics."""
        assert self.observer is not None
        self.observer.keep(self.namespace, self.operator.texts())

    def pods(self) -> list[dict]:
        return json.loads(self.kubectl("get", "pods", "--output=json"))["items"]

    def pool(self) -> dict:
        return json.loads(self.kubectl("get", POOL_KIND, "vod", "--output=json"))

    def pods_with(self, test) -> list[str]:
        return sorted(pod["metadata"]["name"] for pod in self.pods() if test(pod))

    def play(self, pod: str, status: dict) -> None:
        patch = json.dumps({"status": status})
        self.kubectl("patch", "pod", pod, "--subresource=status", "--type=merge", f"--patch={patch}")

    def end(self, pod: str) -> None:
        self.play(pod, {"phase": "Succeeded"})

    def rows(self) -> list[str]:
        return sorted(row["name"] for row in self.server.client.runners())


def ungated(pod: dict) -> bool:
    return not pod["spec"].get("schedulingGates")


def draining(pod: dict) -> bool:
    return "runnerpool.dev/drain" in pod["metadata"].get("annotations", {})


@pytest.fixture
def ground(
    control_plane: ClusterBackend, operator_kubeconfig: Path, restricted_namespace: str, tmp_path: Path
) -> Iterator[Ground]:
    with (
        _ground(control_plane, operator_kubeconfig, restricted_namespace, tmp_path) as made,
        observe(control_plane, [restricted_namespace], peertube=made.server) as made.observer,
    ):
        yield made
        made.tell_observer()
    assert complaints_of(made.operator.logs(), [made.server.password]) == []


@contextmanager
def _ground(cluster: ClusterBackend, kubeconfig: Path, namespace: str, directory: Path) -> Iterator[Ground]:
    with running_peertube("127.0.0.1", directory) as server:
        made = Ground(
            cluster=cluster,
            namespace=namespace,
            server=server,
            directory=directory,
            operator=OperatorProcess(
                OperatorOrder(kubeconfig=kubeconfig, directory=directory, namespaces=(namespace,), program=INSTALLED)
            ),
        )
        order = PoolOrder(server_url=server.url, password=server.password, job_types=(WEB_VIDEO,), max_replicas=2)
        pools.apply(cluster, namespace, order)
        try:
            made.operator.start()
            yield made
        finally:
            made.operator.stop()
            # Nobody is left to take our finalizer off.
            patch = '{"metadata": {"finalizers": []}}'
            made.kubectl("patch", POOL_KIND, "vod", "--type=merge", f"--patch={patch}", check=False)


def test_jobs_bring_pods_up_to_the_cap_and_their_end_takes_everything_away(ground: Ground):
    ground.server.client.enqueue(WEB_VIDEO, count=4)
    names = until(
        lambda: len(found := ground.pods_with(ungated)) == 2 and found,
        "two ungated pods",
        seconds=15,
        evidence=ground.operator.last_log,
    )
    assert ground.rows() == names
    secrets = json.loads(ground.kubectl("get", "secrets", "--output=json"))["items"]
    assert sorted(secret["metadata"]["name"] for secret in secrets) == ["peertube-admin", *names]

    for name in names:
        ground.end(name)
    until(
        lambda: not set(ground.pods_with(lambda _: True)) & set(names), "the first pods gone", seconds=15,
        evidence=ground.operator.last_log,
    )  # fmt: skip
    assert not set(ground.rows()) & set(names)


def test_a_pool_deleted_while_the_operator_is_dead_goes_when_it_is_back(ground: Ground):
    ground.server.client.enqueue(WEB_VIDEO, count=1)
    (name,) = until(lambda: ground.pods_with(ungated), "an ungated pod", seconds=15, evidence=ground.operator.last_log)
    ground.operator.kill()

    ground.kubectl("delete", POOL_KIND, "vod", "--wait=false")
    ground.operator.start()
    # It was never scheduled, so there is nobody in it to drain: it goes at once.
    until(
        lambda: not ground.kubectl("get", POOL_KIND, "--output=name"),
        "the pool gone",
        seconds=20,
        evidence=ground.operator.last_log,
    )

    assert ground.pods_with(lambda pod: pod["metadata"]["name"] == name) == []
    assert ground.rows() == []


def test_a_scheduled_pod_of_a_deleted_pool_is_told_to_drain_and_never_deleted_alive(ground: Ground):
    ground.server.client.enqueue(WEB_VIDEO, count=1)
    (name,) = until(lambda: ground.pods_with(ungated), "an ungated pod", seconds=15, evidence=ground.operator.last_log)
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"kind": "Node", "name": "n"},
    }
    path = f"/api/v1/namespaces/{ground.namespace}/pods/{name}/binding"
    ground.cluster.kubectl("create", "--raw", path, "--filename=-", stdin=json.dumps(binding))
    ground.play(name, {"phase": "Running"})

    ground.kubectl("delete", POOL_KIND, "vod", "--wait=false")
    until(lambda: ground.pods_with(draining) == [name], "a drain order", seconds=10, evidence=ground.operator.last_log)
    (pod,) = ground.pods()
    assert "deletionTimestamp" not in pod["metadata"]

    ground.end(name)
    until(
        lambda: not ground.kubectl("get", POOL_KIND, "--output=name"),
        "the pool gone",
        seconds=20,
        evidence=ground.operator.last_log,
    )
    assert ground.rows() == []


def test_a_pool_at_rest_is_not_written_to(ground: Ground):
    until(lambda: ground.pool().get("status", {}).get("lastDecision"), "a first decision", seconds=15)
    version = until(lambda: _steady_version(ground), "a status that stays as it is", seconds=20)

    # Each job list that the server gives meanwhile is a pass's worth of news at most.
    ground.server.client.statistics()
    assert ground.pool()["metadata"]["resourceVersion"] == version
    passes = [line for line in ground.operator.metrics().splitlines() if line.startswith("runnerpool_passes_total")]
    assert sum(float(line.rsplit(" ", 1)[1]) for line in passes) < 10


def _steady_version(ground: Ground) -> str | None:
    before = ground.pool()["metadata"]["resourceVersion"]
    time.sleep(3)  # three poll periods in which nothing happens are what is waited for
    return before if ground.pool()["metadata"]["resourceVersion"] == before else None


def test_the_operator_tells_of_its_health_and_stops_within_seconds_leaving_pods_alone(ground: Ground):
    ground.server.client.enqueue(WEB_VIDEO, count=1)
    names = until(lambda: ground.pods_with(ungated), "an ungated pod", seconds=15, evidence=ground.operator.last_log)
    assert ground.operator.probe("/healthz") == 200
    assert 'runnerpool_build_info{version="' in ground.operator.metrics()

    assert ground.operator.stop()

    assert not ground.operator.alive
    assert "stopped; runner pods go on" in ground.operator.last_log()
    assert ground.pods_with(ungated) == names


WRONG = {
    "an option that there is not": (("--no-such-option",), {}, "No such option"),
    "a number that is none": (("--poll-period-seconds=often",), {}, "--poll-period-seconds"),
    "a number out of bounds": (("--poll-period-seconds=0",), {}, "--poll-period-seconds"),
    "a word that is not in the list": (("--log-level=loud",), {}, "--log-level"),
    "a variable that names no file": ((), {"KUBECONFIG": "/nowhere/at/all"}, "/nowhere/at/all"),
}


@pytest.mark.fault("R40")
@pytest.mark.parametrize("wrong", WRONG)
def test_an_operator_that_is_told_nonsense_says_so_and_ends_with_2_before_it_asks_the_api_server(
    tmp_path: Path, case: Case, wrong: str
) -> None:
    options, environment, told = WRONG[wrong]
    with socket.create_server((LOOPBACK, 0)) as nobody:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG % nobody.getsockname()[1])
        begin = time.monotonic()
        done = run_operator(*options, environment={"KUBECONFIG": str(kubeconfig), **environment})
        case.told("exit code 2", time.monotonic() - begin)
        asked, _, _ = select.select([nobody], [], [], 0)

    assert (done.returncode, asked) == (2, [])
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_way_to_the_api_server_the_operator_says_so_and_exits_2() -> None:
    done = run_operator(environment={})

    assert done.returncode == 2
    assert "give --kubeconfig" in done.stderr


def run_operator(*options: str, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """How it ends, that it does so at once, and what it says."""
    others = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    command = [str(Path(sys.executable).with_name("runnerpool")), "run", "--runner-image=localhost/none:1", *options]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env={**others, **environment}
    )
