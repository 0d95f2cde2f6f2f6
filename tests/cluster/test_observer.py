"""The observer on a real API server, before whom an administrator does what the operator must not do."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.cluster.backends import ClusterBackend
from support.observer.observer import InvariantBroken, Observer, observe, told
from support.observer.records import Change, Invariant, Kind
from support.reliability.case import Case
from support.stage import pools
from support.stage.peertube import PeerTube, running_peertube
from support.stage.pools import POOL_KIND, PoolOrder
from support.stage.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

ADMINISTRATOR = "admin"
SLEEP = "import time; time.sleep(600)"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PeerTube]:
    with running_peertube("127.0.0.1", tmp_path) as server:
        yield server


@pytest.fixture
def pool(control_plane: ClusterBackend, operator_kubeconfig: Path, namespace: str, server: PeerTube) -> dict[str, Any]:
    """A pool of one pod at most, for which no operator cares."""
    pools.apply(control_plane, namespace, PoolOrder(server_url=server.url, password=server.password, max_replicas=1))
    made: dict[str, Any] = json.loads(
        control_plane.kubectl("get", POOL_KIND, "vod", f"--namespace={namespace}", "--output=json").stdout
    )
    return made


@contextmanager
def looking(cluster: ClusterBackend, namespace: str, server: PeerTube) -> Iterator[Observer]:
    """An observer that takes the administrator for the operator; what it finds is for the test to judge."""
    observer = Observer(cluster, operator_user=ADMINISTRATOR)
    try:
        with observer.watching(namespace, server):
            yield observer
    finally:
        observer.close()


def create_pod(cluster: ClusterBackend, pool: dict[str, Any], name: str, **annotations: str) -> None:
    metadata = pool["metadata"]
    owner = {"apiVersion": pool["apiVersion"], "kind": pool["kind"], "name": "vod", "uid": metadata["uid"]}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "annotations": annotations,
            "ownerReferences": [owner | {"controller": True}],
        },
        "spec": {"containers": [{"name": "runner", "image": "localhost/none:1"}]},
    }
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(manifest))


def run_pod(cluster: ClusterBackend, namespace: str, name: str) -> None:
    status = json.dumps({"status": {"phase": "Running"}})
    cluster.kubectl(
        "patch", "pod", name, f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={status}"
    )


def test_pods_above_the_cap_and_the_deletion_of_a_running_one_are_seen(
    control_plane: ClusterBackend, namespace: str, server: PeerTube, pool: dict[str, Any]
) -> None:
    with looking(control_plane, namespace, server) as observer:
        for name in ("vod-1", "vod-2"):
            create_pod(control_plane, pool, name)
        run_pod(control_plane, namespace, "vod-1")
        control_plane.kubectl("delete", "pod", "vod-1", f"--namespace={namespace}", "--grace-period=0", "--force")
    found = [line.partition(": ")[2] for line in told(observer)]
    assert found == [
        "with pod vod-2, 2 pods may take work, 1 are allowed",
        "the operator deleted pod vod-1, which ran, with 0 jobs in hand",
    ]


def test_every_version_and_every_write_of_a_pod_is_recorded_and_none_of_a_secrets_values(
    control_plane: ClusterBackend, namespace: str, server: PeerTube, pool: dict[str, Any]
) -> None:
    with looking(control_plane, namespace, server) as observer:
        create_pod(control_plane, pool, "vod-1")
        refused = control_plane.kubectl(
            "create", "--filename=-", stdin=pod_again(control_plane, namespace), check=False
        )
        control_plane.kubectl("delete", "pod", "vod-1", f"--namespace={namespace}")
    (history,) = observer.histories()
    pods = history.of(Kind.POD)
    assert (pods[0].change, pods[-1].change) == (Change.ADDED, Change.DELETED)
    assert [version.name for version in history.of(Kind.SECRET)] == ["peertube-admin"]
    assert "data" not in history.of(Kind.SECRET)[0].body
    assert refused.returncode == 1
    writes = [(call.user, call.verb, call.name, call.code) for call in history.calls or () if call.resource == "pods"]
    expected = [("create", 201), ("create", 409), ("delete", 200)]
    assert writes == [(ADMINISTRATOR, verb, "vod-1", code) for verb, code in expected]


def pod_again(cluster: ClusterBackend, namespace: str) -> str:
    pod = json.loads(cluster.kubectl("get", "pod", "vod-1", f"--namespace={namespace}", "--output=json").stdout)
    pod["metadata"] = {"name": "vod-1", "namespace": namespace}
    return json.dumps(pod)


def plant_in_status(cluster: ClusterBackend, namespace: str, secret: str) -> None:
    told = {"type": "Ready", "status": "False", "reason": "ServerError", "message": f"answered {secret}"}
    condition = told | {"lastTransitionTime": "2026-11-23T12:00:00Z"}
    patch = json.dumps({"status": {"conditions": [condition]}})
    options = (f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={patch}")
    cluster.kubectl("patch", POOL_KIND, "vod", *options)


def plant_in_event(cluster: ClusterBackend, pool: dict[str, Any], secret: str) -> None:
    metadata = pool["metadata"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "planted", "namespace": metadata["namespace"]},
        "involvedObject": {"kind": pool["kind"], "name": "vod", "namespace": metadata["namespace"]},
        "reason": "ServerError",
        "message": f"signed in with {secret}",
    }
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(event))


@pytest.mark.fault("Secrets")
def test_secrets_planted_on_purpose_are_found_wherever_they_are_and_nothing_else_is(
    control_plane: ClusterBackend, namespace: str, server: PeerTube, pool: dict[str, Any], case: Case
) -> None:
    runner = server.client.register("vod-1")
    registration = server.client.registration_token()
    access = next(value for name, value in server.client.secrets().items() if name.startswith("access"))
    with looking(control_plane, namespace, server) as observer:
        create_pod(control_plane, pool, "vod-1", note=f"runner {runner}")
        options = ("configmap", "notes", f"--from-literal=password={server.password}", f"--namespace={namespace}")
        control_plane.kubectl("create", *options)
        plant_in_status(control_plane, namespace, access)
        plant_in_event(control_plane, pool, registration)
        with (
            subprocess.Popen([sys.executable, "-c", SLEEP, registration]) as arguments,
            subprocess.Popen([sys.executable, "-c", SLEEP], env={"TOKEN": access}) as environment,
        ):
            observer.look_around(namespace)
            arguments.kill()
            environment.kill()
    found = {line.partition(": ")[2] for line in told(observer) if "(NO_SECRET)" in line}
    places = {one.partition(" stands in ")[2].partition(", version")[0].rpartition(" of process ")[0] or
              one.partition(" stands in ")[2].partition(", version")[0] for one in found}  # fmt: skip
    assert places == {
        "Pod vod-1",
        f"etcd key /registry/pods/{namespace}/vod-1",
        f"etcd key /registry/configmaps/{namespace}/notes",
        "TranscodingRunnerPool vod",
        f"etcd key /registry/runnerpool.dev/transcodingrunnerpools/{namespace}/vod",
        "Event planted",
        f"etcd key /registry/events/{namespace}/planted",
        "cmdline",
        "environ",
    }
    assert not [one for one in found for secret in (runner, registration, access, server.password) if secret in one]
    case.told(f"{len(places)} places", 0.0)


def overfill(cluster: ClusterBackend, observer: Observer, pool: dict[str, Any], *names: str) -> None:
    """Make pods, and wait until they have been heard of."""
    for name in names:
        create_pod(cluster, pool, name)
    namespace = pool["metadata"]["namespace"]
    until(lambda: names[-1] in {version.name for version in observer.versions(namespace)}, "the last pod", seconds=10)


def test_what_did_not_hold_fails_the_test_unless_the_test_has_said_why(
    control_plane: ClusterBackend, namespace: str, server: PeerTube, pool: dict[str, Any]
) -> None:
    observing = observe(control_plane, [namespace], peertube=server)
    with (
        pytest.raises(InvariantBroken, match=r"I1 \(CAP\) in .*: with pod vod-2, 2 pods may take work"),
        observing as one,
    ):
        overfill(control_plane, one, pool, "vod-1", "vod-2")
    with (
        observe(control_plane, [namespace], peertube=server) as other,
        other.suspended(Invariant.CAP, because="an administrator makes pods by hand"),
    ):
        overfill(control_plane, other, pool, "vod-3")


def test_a_test_that_fails_by_itself_is_told_what_the_observer_saw(
    control_plane: ClusterBackend, namespace: str, server: PeerTube, pool: dict[str, Any]
) -> None:
    observing = observe(control_plane, [namespace], peertube=server)
    with pytest.raises(ZeroDivisionError) as failure, observing as one:
        raise one_too_many(control_plane, one, pool)
    assert "2 pods may take work" in failure.value.__notes__[0]


def one_too_many(cluster: ClusterBackend, observer: Observer, pool: dict[str, Any]) -> ZeroDivisionError:
    overfill(cluster, observer, pool, "vod-1", "vod-2")
    return ZeroDivisionError()
