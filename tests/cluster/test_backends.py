"""Which cluster tests run on, and that it is never one which nobody has named."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from support.cluster import choice, kind, kubeconfig, own
from support.cluster.backends import ClusterBackend
from support.cluster.choice import chosen_backend, cluster_with_node
from support.cluster.errors import ClusterError
from support.cluster.kind import KindCluster
from support.cluster.local import LocalCluster
from support.cluster.own import OwnCluster

pytestmark = pytest.mark.cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    reference: str = "localhost/runner:1"
    archive: Path = Path("/images/runner.tar")


@dataclass(slots=True)
class Commands:
    """Takes commands down instead of running them; `answers` by the program's first two words."""

    answers: dict[str, str] = field(default_factory=dict)
    failing: str = ""
    given: list[str] = field(default_factory=list)

    def __call__(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        text = " ".join(command)
        self.given.append(text)
        if self.failing and text.startswith(self.failing):
            raise ClusterError(f"`{text}` failed")
        answer = self.answers.get(" ".join(command[:2]), "")
        return subprocess.CompletedProcess(command, 0, stdout=answer, stderr="")


def test_an_unknown_backend_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ClusterError, match=r"RUNNERPOOL_CLUSTER=moon: .* one of: auto, kind, kubeconfig, local"):
        chosen_backend({"RUNNERPOOL_CLUSTER": "moon"})


@pytest.mark.parametrize(("usable", "backend"), [(True, "kind"), (False, "local")])
def test_without_a_word_kind_is_taken_where_it_works_and_else_this_machine(
    monkeypatch: pytest.MonkeyPatch, usable: bool, backend: str
) -> None:
    monkeypatch.setattr(kind, "usable", lambda: usable)
    assert chosen_backend({}) == chosen_backend({"RUNNERPOOL_CLUSTER": "auto"}) == backend


@pytest.mark.parametrize(
    ("environment", "backend"),
    [
        ({"RUNNERPOOL_CLUSTER": "local"}, LocalCluster),
        ({"RUNNERPOOL_CLUSTER": "kind"}, KindCluster),
        ({"RUNNERPOOL_CLUSTER": "kubeconfig", "RUNNERPOOL_CONTEXT": "spare"}, OwnCluster),
    ],
)
def test_the_backend_that_is_named_is_taken(environment: dict[str, str], backend: type) -> None:
    assert isinstance(cluster_with_node(environment), backend)


def test_kind_is_usable_only_if_it_is_installed_and_an_engine_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/bin/{name}" if name in {"kind", "podman"} else None)
    commands = Commands()
    assert kind.usable(commands)
    assert commands.given == ["podman info"]
    monkeypatch.setattr("shutil.which", lambda name, path=None: "/bin/docker" if name == "docker" else None)
    assert not kind.usable(commands)


def test_a_kind_cluster_is_created_loaded_and_deleted_by_kinds_own_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: "/bin/docker" if name == "docker" else None)
    commands = Commands(answers={"docker network": "fc00:f853::1 172.18.0.1 "})
    cluster = KindCluster("tests", command=commands)
    cluster.up()
    cluster.load(Image())
    address = cluster.gateway_address
    cluster.down()

    assert address == "172.18.0.1"
    assert commands.given == [
        f"kind create cluster --wait=120s --kubeconfig={cluster.kubeconfig} --name=tests",
        "kind load image-archive /images/runner.tar --name=tests",
        "docker info",
        "docker network inspect kind --format={{range .IPAM.Config}}{{.Gateway}} {{end}}",
        f"kind delete cluster --kubeconfig={cluster.kubeconfig} --name=tests",
    ]
    assert not cluster.kubeconfig.parent.exists()


def test_a_kind_cluster_that_does_not_come_up_is_deleted() -> None:
    commands = Commands(failing="kind create")
    with pytest.raises(ClusterError, match="kind create"):
        KindCluster("tests", command=commands).up()
    assert commands.given[-1].startswith("kind delete cluster")


def test_no_context_of_the_users_is_taken_that_is_not_named() -> None:
    with pytest.raises(ClusterError, match=r"name in RUNNERPOOL_CONTEXT; the current context is never taken"):
        cluster_with_node({"RUNNERPOOL_CLUSTER": "kubeconfig"})


@pytest.fixture
def users_kubeconfig(control_plane: ClusterBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two contexts: the current one leads nowhere, `spare` to the control plane of the tests."""
    document = yaml.safe_load(control_plane.kubeconfig.read_text())
    document["clusters"].append({"name": "nowhere", "cluster": {"server": "https://127.0.0.1:1"}})
    document["contexts"][0]["name"] = "spare"
    document["contexts"].append({"name": "production", "context": {"cluster": "nowhere", "user": "user"}})
    document["current-context"] = "production"
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(document))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def test_a_named_context_is_used_and_stays_the_one_when_the_users_current_one_changes(
    users_kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_CRD", "crd/nobodys.example.org")  # ours is there if another test has been here before
    cluster = OwnCluster("spare")
    cluster.up()
    try:
        users_kubeconfig.unlink()
        assert "kube-system" in cluster.kubectl("get", "namespaces", "--output=name").stdout
        copy = yaml.safe_load(cluster.kubeconfig.read_text())
        assert [context["name"] for context in copy["contexts"]] == ["spare"]
        assert cluster.kubeconfig.stat().st_mode & 0o077 == 0

        account = cluster.service_account_kubeconfig("default", "default")
        user = OwnCluster("the account")
        kubeconfig.save_text(user.kubeconfig, account.read_text())
        refused = user.kubectl("get", "nodes", check=False)
        assert "system:serviceaccount:default:default" in refused.stderr
    finally:
        cluster.down()
    assert not cluster.kubeconfig.parent.exists()


@pytest.mark.parametrize("context", ["production", "no-such-context"])
def test_a_context_that_leads_nowhere_is_refused(users_kubeconfig: Path, context: str) -> None:
    cluster = OwnCluster(context)
    with pytest.raises(ClusterError, match=r"refused|context"):
        cluster.up()
    cluster.down()


def test_a_cluster_that_has_runnerpool_already_is_refused_and_left_alone(
    users_kubeconfig: Path, control_plane: ClusterBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "_CRD", "namespace/default")  # something that is there, in the place of our CRD
    with pytest.raises(ClusterError, match="has runnerpool already, which tests would disturb"):
        OwnCluster("spare").up()
    assert control_plane.kubectl("get", "namespace", "default").returncode == 0


def test_what_only_the_user_can_know_is_asked_for(tmp_path: Path) -> None:
    silent = OwnCluster("spare")
    with pytest.raises(ClusterError, match=r"Say it in RUNNERPOOL_LOAD, for example 'minikube image load"):
        silent.load(Image())
    with pytest.raises(ClusterError, match="Say it in RUNNERPOOL_GATEWAY"):
        _ = silent.gateway_address

    archive = tmp_path / "an image.tar"
    archive.touch()
    told = OwnCluster.from_environment(
        {own.CONTEXT: "spare", own.GATEWAY: "192.0.2.1", own.LOAD: f"cp {{archive}} {tmp_path}/loaded"}
    )
    told.load(Image(archive=archive))
    assert (tmp_path / "loaded").exists()
    assert told.gateway_address == "192.0.2.1"
    assert choice.VARIABLE == "RUNNERPOOL_CLUSTER"
