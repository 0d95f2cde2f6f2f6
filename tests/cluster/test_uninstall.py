"""What Helm runs before it uninstalls the release, on a real API server under the check's own rights.

There is no node here, so the test plays the kubelet: it runs what the Job's pod would run, as the account that the pod
would have, and ends the pod as the program ended.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.builders import pool_body
from support.cluster.backends import ClusterBackend
from support.packaging import helm
from support.packaging.paths import CHART
from support.reliability.case import Case
from support.stage.pools import POOL_KIND
from support.stage.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

RELEASE = "guarded"
JOB = "guarded-runnerpool-uninstall-needs-no-pools"
WAIT_SECONDS = 120


def run_check(kubeconfig: Path, *arguments: str) -> tuple[int, str]:
    """The exit code of the program in the operator's image, and what it says."""
    command = [str(Path(sys.executable).with_name("runnerpool")), *arguments, f"--kubeconfig={kubeconfig}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


class Guarded:
    """A namespace that a release in it serves."""

    def __init__(self, cluster: ClusterBackend, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.values: dict[str, Any] = {
            "watchNamespaces": [namespace], "clusterId": "test", "crds": {"install": False}
        }  # fmt: skip

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={self.namespace}", stdin=stdin).stdout

    def helm(self, *arguments: str) -> str:
        where = (f"--namespace={self.namespace}", f"--kubeconfig={self.cluster.kubeconfig}")
        return helm.run(*arguments, *where, stdin=json.dumps(self.values))

    def install(self) -> None:
        self.helm("install", RELEASE, str(CHART), "--values=-")

    def make_pool(self) -> None:
        body = pool_body(namespace=self.namespace)
        metadata = {name: body["metadata"][name] for name in ("namespace", "name", "finalizers")}
        self.kubectl("create", "--filename=-", stdin=json.dumps({**body, "metadata": metadata}))

    def release_pools(self) -> None:
        """What the operator does in the end, or who abandons a pool."""
        names = self.kubectl("get", POOL_KIND, "--output=name").split()
        for name in names:
            self.kubectl("patch", name, "--type=merge", '--patch={"metadata":{"finalizers":null}}')
        if names:
            self.kubectl("delete", POOL_KIND, "--all")

    def left_of_the_check(self) -> list[str]:
        kinds = "serviceaccount,role,rolebinding,job,pod"
        selector = "--selector=app.kubernetes.io/component=uninstall-check"
        return self.kubectl("get", kinds, selector, "--output=name").split()

    def play_the_kubelet(self) -> str:
        """Run the Job's pod to its end; what its program said."""
        selector = f"--selector=job-name={JOB}"
        pending = "--field-selector=status.phase=Pending"  # the pod of an earlier attempt may still be there
        [pod] = until(
            lambda: json.loads(self.kubectl("get", "pods", selector, pending, "--output=json"))["items"],
            "the Job's pod",
            seconds=WAIT_SECONDS,
        )
        account = pod["spec"]["serviceAccountName"]
        arguments = pod["spec"]["containers"][0]["args"]
        code, said = run_check(self.cluster.service_account_kubeconfig(self.namespace, account), *arguments)
        status = {"status": {"phase": "Failed" if code else "Succeeded"}}
        patch = f"--patch={json.dumps(status)}"
        self.kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", patch)
        return said

    def uninstall(self, patience: ThreadPoolExecutor, *options: str) -> "Future[str]":
        return patience.submit(self.helm, "uninstall", RELEASE, f"--timeout={WAIT_SECONDS}s", *options)


@pytest.fixture
def guarded(control_plane: ClusterBackend, restricted_namespace: str) -> Iterator[Guarded]:
    made = Guarded(control_plane, restricted_namespace)
    yield made
    made.release_pools()


@pytest.fixture
def patience() -> Iterator[ThreadPoolExecutor]:
    """For helm, which waits while the test plays."""
    with ThreadPoolExecutor(max_workers=1) as made:
        yield made


@pytest.mark.fault("R55", "Uninstall")
def test_helm_refuses_to_uninstall_while_a_pool_is_left_and_goes_on_once_it_is_gone(
    guarded: Guarded, patience: ThreadPoolExecutor, case: Case
) -> None:
    guarded.install()
    guarded.make_pool()

    begin = time.monotonic()
    refused = guarded.uninstall(patience)
    said = guarded.play_the_kubelet()
    with pytest.raises(helm.HelmError, match=JOB):
        refused.result()
    case.told(JOB, time.monotonic() - begin)
    assert f"1 TranscodingRunnerPool is left: {guarded.namespace}/vod." in said
    assert "deployment.apps/guarded-runnerpool" in guarded.kubectl("get", "deployments", "--output=name")
    # The rights have gone; the Job stays until Kubernetes removes it, for people whose helm shows no logs.
    kinds = {name.partition("/")[0] for name in guarded.left_of_the_check()}
    assert kinds == {"job.batch", "pod"}

    case.told("Refused", time.monotonic() - begin)

    guarded.release_pools()
    released = time.monotonic()
    allowed = guarded.uninstall(patience)
    guarded.play_the_kubelet()
    assert "uninstalled" in allowed.result()
    case.healed(time.monotonic() - released)
    assert guarded.left_of_the_check() == []


@pytest.mark.fault("Uninstall")
def test_after_a_refusal_a_rollback_keeps_the_release_and_no_hooks_abandons_the_pools(
    guarded: Guarded, patience: ThreadPoolExecutor, case: Case
) -> None:
    guarded.install()
    guarded.make_pool()
    begin = time.monotonic()
    refused = guarded.uninstall(patience)
    guarded.play_the_kubelet()
    with pytest.raises(helm.HelmError):
        refused.result()
    case.told(JOB, time.monotonic() - begin)

    with pytest.raises(helm.HelmError, match="has no deployed releases"):
        guarded.helm("upgrade", RELEASE, str(CHART), "--reuse-values")
    begin = time.monotonic()
    guarded.helm("rollback", RELEASE, "1")
    case.healed(time.monotonic() - begin)
    assert json.loads(guarded.helm("status", RELEASE, "--output=json"))["info"]["status"] == "deployed"
    guarded.helm("upgrade", RELEASE, str(CHART), "--reuse-values", "--set=logLevel=debug")

    guarded.helm("uninstall", RELEASE, "--no-hooks")
    assert "/vod" in guarded.kubectl("get", POOL_KIND, "--output=name")


@pytest.mark.fault("Uninstall")
def test_an_upgrade_beforehand_lets_pools_be_abandoned(guarded: Guarded, case: Case) -> None:
    guarded.install()
    guarded.make_pool()

    begin = time.monotonic()
    guarded.helm("upgrade", RELEASE, str(CHART), "--reuse-values", "--set=uninstall.abandonPools=true")
    guarded.helm("uninstall", RELEASE)
    case.healed(time.monotonic() - begin)

    assert "/vod" in guarded.kubectl("get", POOL_KIND, "--output=name")


@pytest.fixture
def way_in(control_plane: ClusterBackend, guarded: Guarded) -> Iterator[Path]:
    """The check's account with the rights of a release that serves all namespaces."""
    documents = [d for d in helm.hooks({}, namespace=guarded.namespace) if d["kind"] != "Job"]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    control_plane.kubectl("apply", "--filename=-", stdin=listed)
    [account] = [d["metadata"]["name"] for d in documents if d["kind"] == "ServiceAccount"]
    yield control_plane.service_account_kubeconfig(guarded.namespace, account)
    control_plane.kubectl("delete", "--filename=-", "--ignore-not-found", stdin=listed)


def test_a_release_that_serves_all_namespaces_finds_pools_anywhere(guarded: Guarded, way_in: Path) -> None:
    guarded.make_pool()

    code, said = run_check(way_in, "check-uninstall")

    assert code == 1
    assert "Refused: " in said
    assert "is left: " in said or "are left: " in said


def test_a_pool_that_is_being_deleted_is_still_left(guarded: Guarded, way_in: Path) -> None:
    guarded.make_pool()
    guarded.kubectl("delete", POOL_KIND, "vod", "--wait=false")

    code, said = run_check(way_in, "check-uninstall", f"--namespace={guarded.namespace}")

    assert code == 1
    assert f"{guarded.namespace}/vod" in said


def test_the_check_may_do_nothing_but_list_pools(control_plane: ClusterBackend, guarded: Guarded, way_in: Path) -> None:
    def may(verb: str, resource: str) -> bool:
        options = (f"--namespace={guarded.namespace}", f"--kubeconfig={way_in}")
        return control_plane.kubectl("auth", "can-i", verb, resource, *options, check=False).stdout.strip() == "yes"

    assert may("list", POOL_KIND)
    refused = [("get", POOL_KIND), ("delete", POOL_KIND), ("list", "pods"), ("list", "secrets"), ("get", "secrets")]
    assert not [right for right in refused if may(*right)]


@pytest.mark.fault("Uninstall")
def test_without_the_right_the_check_refuses_and_says_so(
    control_plane: ClusterBackend, guarded: Guarded, case: Case
) -> None:
    stranger = control_plane.service_account_kubeconfig(guarded.namespace, "default")

    begin = time.monotonic()
    code, said = run_check(stranger, "check-uninstall", f"--namespace={guarded.namespace}")

    assert code == 1
    assert "it cannot be told whether a TranscodingRunnerPool is left" in said
    assert "(Forbidden)" in said
    case.told("Forbidden", time.monotonic() - begin)
    assert "Traceback" not in said
