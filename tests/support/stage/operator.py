"""The operator, installed as its users install it."""

import json
import subprocess
from pathlib import Path

from support.cluster.backends import ClusterBackend
from support.cluster.writes import namespace_manifest
from support.packaging import helm
from support.packaging.paths import CHART
from support.stage import pools
from support.stage.errors import StageError
from support.stage.kube import end, kubectl_process
from support.stage.waiting import until

RELEASE = helm.RELEASE
NAMESPACE = helm.NAMESPACE
_INSTALL_SECONDS = 90
_RESTART_SECONDS = 60
_KNOWN_SECONDS = 30
_LOG_LINES = 30
_SELECTOR = "--selector=app.kubernetes.io/name=runnerpool"


class Operator:
    """A release of the chart in a restricted namespace, its log followed from the first line, through restarts too."""

    def __init__(self, cluster: ClusterBackend, logs: Path) -> None:
        self.cluster = cluster
        self.logs = logs
        self._followers: list[subprocess.Popen[str]] = []

    def install(self, operator_image: str, runner_image: str) -> None:
        """`helm install` and wait until it is ready, and kubectl knows its resource by its short name.

        Raises:
            StageError: it did not become ready; the message ends with what its pods tell.
            ClusterError: kubectl does not get to know the resource.
        """
        create_restricted_namespace(self.cluster, NAMESPACE)
        arguments = ("install", RELEASE, str(CHART), "--values=-", "--wait", f"--timeout={_INSTALL_SECONDS}s")
        try:
            self._helm(*arguments, stdin=json.dumps(values(operator_image, runner_image)))
        except helm.HelmError as error:
            raise StageError(f"{error}\n{self.describe()}") from error
        pools.await_served(self.cluster, seconds=_KNOWN_SECONDS)
        self.follow()

    def describe(self) -> str:
        """What there is of it: pods, events, the last lines of its log."""
        looks = (
            ("get", "pods", "--output=wide"),
            ("get", "events", "--sort-by=.lastTimestamp"),
            ("logs", _SELECTOR, f"--tail={_LOG_LINES}"),
        )
        return "\n".join(self._kubectl(*look, check=False) for look in looks)

    def uninstall(self) -> None:
        """`helm uninstall`.

        Raises:
            HelmError: helm or the chart's hook has refused.
        """
        self._helm("uninstall", RELEASE, "--wait", f"--timeout={_INSTALL_SECONDS}s")

    def remove(self) -> None:
        """Uninstall it, and remove its namespace."""
        self.uninstall()
        self.cluster.kubectl("delete", "namespace", NAMESPACE)

    def refusal(self) -> str:
        """What the hook has said that refused to let the release go."""
        return self._kubectl("logs", "--selector=app.kubernetes.io/component=uninstall-check", "--tail=-1")

    def pods(self) -> list[str]:
        listed = self._kubectl("get", "pods", _SELECTOR, "--output=name")
        return [name.removeprefix("pod/") for name in listed.split()]

    def kill(self) -> str:
        """Kill the operator's pod without a word of warning; its name."""
        (name,) = self.pods()
        self._kubectl("delete", "pod", name, "--grace-period=0", "--force")
        return name

    def await_successor(self, killed: str) -> None:
        """Wait for the pod that the Deployment makes in the place of a killed one."""
        until(lambda: [name for name in self.pods() if name != killed], "a new operator pod", seconds=_RESTART_SECONDS)
        self._kubectl("wait", "pod", _SELECTOR, "--for=condition=Ready", f"--timeout={_RESTART_SECONDS}s")
        self.follow()

    def log_files(self) -> list[Path]:
        return sorted(self.logs.glob("operator-*.log"))

    def worries(self, namespace: str) -> list[str]:
        """What the operator has logged above INFO about a namespace."""
        lines = [line for log in self.log_files() for line in log.read_text().splitlines() if line.startswith("{")]
        records = [record for record in map(json.loads, lines) if record["level"] != "INFO"]
        return [str(record["msg"]) for record in records if namespace in str(record["msg"])]

    def stop_following(self) -> None:
        for follower in self._followers:
            end(follower)
        self._followers.clear()

    def follow(self) -> None:
        """Write the log of each of its pods into a file, from its first line on."""
        for name in self.pods():
            path = self.logs / f"operator-{name}.log"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w") as file:
                arguments = ("logs", "--follow", f"--namespace={NAMESPACE}", name)
                self._followers.append(kubectl_process(self.cluster, *arguments, output=file.fileno()))

    def _kubectl(self, *arguments: str, check: bool = True) -> str:
        return self.cluster.kubectl(*arguments, f"--namespace={NAMESPACE}", check=check).stdout

    def _helm(self, *arguments: str, stdin: str = "") -> str:
        return helm.run(*arguments, f"--namespace={NAMESPACE}", f"--kubeconfig={self.cluster.kubeconfig}", stdin=stdin)


def values(operator_image: str, runner_image: str) -> dict[str, object]:
    """The chart's values for images that the node has already."""
    return {"image": _image(operator_image) | {"pullPolicy": "Never"}, "runnerImage": _image(runner_image)}


def create_restricted_namespace(cluster: ClusterBackend, name: str) -> None:
    """A namespace that refuses pods that break the restricted Pod Security standard."""
    cluster.kubectl("apply", "--filename=-", stdin=json.dumps(namespace_manifest(name, restricted=True)))


def _image(reference: str) -> dict[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "tag": tag}
