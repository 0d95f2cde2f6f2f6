import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import instances, local
from support.cluster.backends import ClusterBackend, chosen_backend
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.processes import wait_until

pytestmark = pytest.mark.cluster

_TESTS = Path(__file__).parents[1]


@pytest.fixture
def second_cluster() -> Iterator[LocalCluster]:
    cluster = LocalCluster()
    yield cluster
    cluster.down()


def test_a_control_plane_stands_within_ten_seconds_and_stops_without_remains(second_cluster: LocalCluster) -> None:
    begin = time.monotonic()
    second_cluster.up()
    assert time.monotonic() - begin < 10
    processes = list(second_cluster.instance.processes)
    assert [process.name for process in processes] == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ]

    directory = second_cluster.instance.directory
    second_cluster.down()
    assert not any(process.alive for process in processes)
    assert [entry.name for entry in directory.iterdir()] == ["log"]
    assert instances.find(second_cluster.name) is None


def test_two_control_planes_stand_at_once_and_know_nothing_of_each_other(
    control_plane: ClusterBackend, second_cluster: LocalCluster, namespace: str
) -> None:
    second_cluster.up()
    assert control_plane.kubectl("get", "namespace", namespace).returncode == 0
    assert second_cluster.kubectl("get", "namespace", namespace, check=False).returncode == 1


def test_the_scheduler_and_the_controllers_work(control_plane: ClusterBackend, namespace: str) -> None:
    control_plane.kubectl("create", "deployment", "idle", "--image=localhost/none:1", f"--namespace={namespace}")

    def pod_refused_by_scheduler() -> bool:
        listed = control_plane.kubectl("get", "pods", f"--namespace={namespace}", "--output=json")
        pods = json.loads(listed.stdout)["items"]
        conditions = [condition for pod in pods for condition in pod["status"].get("conditions", [])]
        return any(condition.get("reason") == "Unschedulable" for condition in conditions)

    wait_until(pod_refused_by_scheduler, "a pod that finds no node", timeout_seconds=15)


def test_a_service_account_has_its_own_rights_and_no_others(control_plane: ClusterBackend, namespace: str) -> None:
    control_plane.kubectl("create", "serviceaccount", "reader", f"--namespace={namespace}")
    control_plane.kubectl("create", "role", "read", "--verb=get", "--resource=configmaps", f"--namespace={namespace}")
    control_plane.kubectl(
        "create",
        "rolebinding",
        "read",
        "--role=read",
        f"--serviceaccount={namespace}:reader",
        f"--namespace={namespace}",
    )
    config = control_plane.service_account_kubeconfig(namespace, "reader")

    def allowed(verb: str, resource: str) -> str:
        run = control_plane.kubectl(f"--kubeconfig={config}", "auth", "can-i", verb, resource, check=False)
        return run.stdout.strip()

    assert allowed("get", "configmaps") == "yes"
    assert allowed("get", "secrets") == "no"
    assert config.stat().st_mode & 0o077 == 0


def test_a_restricted_namespace_refuses_a_pod_that_runs_as_root(
    control_plane: ClusterBackend, restricted_namespace: str
) -> None:
    run = control_plane.kubectl(
        "run", "root", "--image=localhost/none:1", f"--namespace={restricted_namespace}", check=False
    )
    assert run.returncode == 1
    assert "violates PodSecurity" in run.stderr


def test_a_cluster_whose_starter_was_killed_stops_and_is_removed_by_the_next_start(tmp_path: Path) -> None:
    report = tmp_path / "name"
    program = (
        "import pathlib, signal, sys\n"
        "from support.cluster.local import LocalCluster\n"
        "cluster = LocalCluster()\n"
        "cluster.up()\n"
        "pathlib.Path(sys.argv[1]).write_text(cluster.name)\n"
        "signal.pause()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(_TESTS)}
    with subprocess.Popen([sys.executable, "-c", program, str(report)], env=environment) as starter:
        wait_until(report.exists, "the cluster of another process", timeout_seconds=30)
        starter.send_signal(signal.SIGKILL)
    instance = instances.find(report.read_text())
    assert instance is not None

    wait_until(
        lambda: not any(process.alive for process in instance.processes), "the end of its processes", timeout_seconds=15
    )
    with instances.machine_lock():
        local.sweep()
    assert instances.find(instance.name) is None


def test_a_program_that_ends_at_once_is_reported_with_the_end_of_its_log(
    second_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.cluster.control_plane.SERVICE_RANGE", "nonsense")
    with pytest.raises(ClusterError, match=r"(?s)kube-apiserver .* its process ended; .*not a valid cidr"):
        second_cluster.up()
    assert instances.find(second_cluster.name) is None


def test_an_unknown_backend_is_refused_with_the_ones_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNERPOOL_CLUSTER", "moon")
    with pytest.raises(ClusterError, match=r"RUNNERPOOL_CLUSTER=moon: .* choose one of: auto, local"):
        chosen_backend()
