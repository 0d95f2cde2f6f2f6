import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.cluster import fixtures, host_access, instances, kwok, local, requirements, toolchain
from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.cluster.fingerprint import copied, fingerprint
from support.cluster.local import LocalCluster
from support.cluster.processes import identify, wait_until

pytestmark = pytest.mark.cluster

_TESTS = Path(__file__).parents[1]


@pytest.fixture
def second_cluster() -> Iterator[LocalCluster]:
    cluster = LocalCluster()
    yield cluster
    cluster.down()


def test_a_second_control_plane_knows_nothing_of_the_first_and_stops_without_remains(
    control_plane: ClusterBackend, second_cluster: LocalCluster, namespace: str
) -> None:
    second_cluster.up()
    processes = list(second_cluster.instance.processes)
    assert [process.name for process in processes] == [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
    ]
    assert control_plane.kubectl("get", "namespace", namespace).returncode == 0
    assert second_cluster.kubectl("get", "namespace", namespace, check=False).returncode == 1

    directory = second_cluster.instance.directory
    second_cluster.down()
    assert not any(process.alive for process in processes)
    assert [entry.name for entry in directory.iterdir()] == ["log"]
    assert instances.find(second_cluster.name) is None


def test_kwok_nodes_stay_ready_and_play_no_pods_but_those_that_ask_for_it() -> None:
    cluster = LocalCluster(kwok_nodes=2)
    cluster.up()
    try:
        for name, labels in (("played", "played-by=kwok"), ("left-alone", "played-by=nobody")):
            cluster.kubectl("run", name, "--image=localhost/none:1", f"--labels={labels}")
        cluster.kubectl("wait", "pod/played", "--for=condition=Ready", "--timeout=20s")
        cluster.kubectl("wait", "pod/left-alone", "--for=condition=PodScheduled", "--timeout=20s")
        phase = cluster.kubectl("get", "pod", "left-alone", "--output=jsonpath={.status.phase} {.spec.nodeName}").stdout
        assert phase.split()[0] == "Pending"
        assert phase.split()[1].startswith("kwok-")
        cluster.kubectl("delete", "pod", "played", "--timeout=20s")
        leases = cluster.kubectl("get", "leases", "--namespace=kube-node-lease", "--output=name").stdout.split()
        assert sorted(leases) == [f"lease.coordination.k8s.io/{kwok.name(number)}" for number in range(2)]
    finally:
        cluster.down()


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


def test_only_one_node_stands_on_a_machine_and_a_second_is_told_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    holder = instances.Instance(
        name="holder", directory=Path("/nowhere"), node=True, owner=identify("owner", os.getpid()), ports={}
    )
    monkeypatch.setattr(instances, "every", lambda: [holder])
    with pytest.raises(ClusterError, match="cluster holder has this machine's one node"):
        LocalCluster(with_node=True).claim()


def test_a_recycled_process_number_is_not_taken_for_the_process_that_had_it() -> None:
    this = identify("this", os.getpid())
    assert this.alive
    assert not replace(this, start_time=this.start_time - 1).alive


def test_a_fingerprint_follows_what_is_copied_and_nothing_else(tmp_path: Path) -> None:
    containerfile = tmp_path / "Containerfile"
    containerfile.write_text(
        "ARG BASE\nARG PART=source\nFROM ${BASE} AS build\n# COPY nothing /\n"
        "COPY --chown=1:1 ${PART}/ \\\n    *.txt /app/\n"
        'FROM ${BASE}\nCOPY --from=build /app /app\nADD ["a file", "/"]\n'
    )
    (tmp_path / "source" / "__pycache__").mkdir(parents=True)
    for name in ("source/main.py", "list.txt", "a file", "other.md", "source/__pycache__/main.pyc"):
        (tmp_path / name).write_text("1")

    def taken(**build_args: str) -> str:
        return fingerprint(containerfile, tmp_path, build_args)

    first = taken(BASE="x")
    assert list(copied(containerfile.read_text(), {})) == ["source/", "*.txt", "a file"]
    for untouched in ("other.md", "source/__pycache__/main.pyc"):
        (tmp_path / untouched).write_text("2")
    assert taken(BASE="x") == first
    assert taken(BASE="y") != first
    for copied_file in ("source/main.py", "list.txt", "a file"):
        before = taken(BASE="x")
        (tmp_path / copied_file).write_text("2")
        assert taken(BASE="x") != before, copied_file


def test_a_containerfile_that_copies_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM scratch\nCOPY missing /\n")
    with pytest.raises(ClusterError, match="copies missing, which is not in its context"):
        fingerprint(tmp_path / "Containerfile", tmp_path, {})


def test_client_configurations_name_the_mounted_authorities_and_keep_the_hosts_settings() -> None:
    assert host_access.pip_configuration({"index-url": "https://mirror.example/simple"}) == (
        "[global]\ncert = /run/host/ca-certificates.crt\nindex-url = https://mirror.example/simple\n"
    )
    assert host_access.npm_configuration({"registry": "https://mirror.example/npm"}) == (
        "cafile=/run/host/ca-certificates.crt\nregistry=https://mirror.example/npm\n"
    )


def test_a_machine_without_go_or_root_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(toolchain, "built", lambda: False)
    lacks = "; ".join(requirements.unmet(node=True))
    for remedy in ("install Go 1.26", "run as root", "install the package containerd", "install the package buildah"):
        assert remedy in lacks


def test_a_stamp_of_other_modules_asks_for_a_new_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNERPOOL_CACHE", str(tmp_path))
    kubernetes = toolchain.MODULES[0]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").write_text("a program that no Go built")
    assert not toolchain.built(["kubectl"])
    (tmp_path / "bin" / "kubectl.stamp").write_text(kubernetes.stamp())
    assert toolchain.built(["kubectl"])
    (tmp_path / "bin" / "kubectl.stamp").write_text("v1.0.0 of long ago\n")
    assert not toolchain.built(["kubectl"])


def test_too_little_disk_is_said_before_a_build_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNERPOOL_CACHE", str(tmp_path))
    monkeypatch.setattr(toolchain, "_modules_present", lambda _: False)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**30))
    with pytest.raises(ClusterError, match=r"too little disk .* 7 GiB needed, 1.0 GiB free"):
        toolchain.ensure(["kubectl"])


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_a_machine_cannot_run_fails_in_ci_and_is_skipped_with_its_reason_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(requirements, "unmet", lambda *, node: ["Go: install it"])
    with pytest.raises(outcome, match="cannot run the test bed; it lacks Go: install it"):
        fixtures.refuse_unfit_machine(node=True)
