"""The `local` backend: a real Kubernetes of this machine's own processes, with or without a node."""

import os
import secrets
import subprocess
from pathlib import Path

from support.cluster import instances, kubeconfig, toolchain
from support.cluster.backends import LoadableImage
from support.cluster.control_plane import ControlPlane
from support.cluster.errors import ClusterError
from support.cluster.instances import Instance
from support.cluster.paths import binary, binary_directory
from support.cluster.pki import GATEWAY_ADDRESS
from support.cluster.processes import stop
from support.cluster.progress import say, step

_TOKEN_LIFETIME = "24h"
_STOP_GRACE_SECONDS = 5.0


class LocalCluster:
    """One cluster of this machine.

    It is taken down by `down`. If the process that started it dies before, the kernel stops the cluster's processes and
    the next start on this machine removes what is left; with `outlives_starter`, it stands until someone takes it down.
    """

    def __init__(self, *, node: bool = False, name: str | None = None, outlives_starter: bool = False) -> None:
        self.name = name or f"test-{secrets.token_hex(3)}"
        self.with_node = node
        self.outlives_starter = outlives_starter
        self._instance: Instance | None = None

    @property
    def instance(self) -> Instance:
        found = self._instance or instances.find(self.name)
        if found is None:
            raise ClusterError(f"there is no cluster {self.name}; `python -m support.cluster up --name {self.name}`")
        return found

    @property
    def control_plane(self) -> ControlPlane:
        return ControlPlane(self.instance)

    @property
    def kubeconfig(self) -> Path:
        return self.control_plane.kubeconfig

    @property
    def gateway_address(self) -> str:
        return GATEWAY_ADDRESS

    def up(self) -> None:
        toolchain.ensure(toolchain.CONTROL_PLANE_PROGRAMS)
        with instances.machine_lock():
            sweep()
            self._instance = instances.create(self.name, node=self.with_node, outlives_starter=self.outlives_starter)
        try:
            with step(f"starting cluster {self.name}"):
                self.control_plane.up()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        instance = self._instance or instances.find(self.name)
        if instance is None:
            return
        with step(f"stopping cluster {self.name}"):
            take_down(instance)
        self._instance = None

    def load(self, image: LoadableImage) -> None:
        raise NotImplementedError

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = [binary("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        run = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if check and run.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed (exit {run.returncode}): {run.stderr.strip()}")
        return run

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        made = self.kubectl("create", "token", name, f"--namespace={namespace}", f"--duration={_TOKEN_LIFETIME}")
        return kubeconfig.write_for_token(
            self.instance.directory / f"{namespace}-{name}.kubeconfig",
            server=self.control_plane.url,
            authority=self.control_plane.pki.ca_certificate,
            token=made.stdout.strip(),
            namespace=namespace,
        )

    def environment(self) -> dict[str, str]:
        path = f"{binary_directory()}:{os.environ.get('PATH', '')}"
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}


def take_down(instance: Instance) -> None:
    """Stop all of a cluster's processes, the last started first, and remove what it left but for its logs."""
    for process in reversed(instance.processes):
        if not stop(process, grace_seconds=_STOP_GRACE_SECONDS):
            say(f"{process.name} of cluster {instance.name} did not stop on SIGTERM and was killed")
    instance.discard()


def sweep() -> None:
    """Remove the remains of clusters whose owner died. The caller holds the machine's lock."""
    for instance in instances.every():
        if instance.abandoned:
            say(f"cluster {instance.name} was left behind; removing it")
            take_down(instance)
    instances.forget_old_logs()
