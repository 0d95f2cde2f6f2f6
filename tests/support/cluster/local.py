"""The `local` backend: a real Kubernetes of this machine's own processes, with or without a node."""

import os
import secrets
import subprocess
import time
from pathlib import Path

from support.cluster import bases, images, instances, kubeconfig, kwok, network, node, packages, toolchain
from support.cluster.backends import LoadableImage
from support.cluster.control_plane import ControlPlane
from support.cluster.errors import ClusterError
from support.cluster.instances import Instance
from support.cluster.node import Node
from support.cluster.paths import binary, binary_directory
from support.cluster.pki import GATEWAY_ADDRESS
from support.cluster.processes import stop
from support.cluster.progress import say, step
from support.cluster.writes import KubeWriter

_TOKEN_SECONDS = 24 * 60 * 60
_STOP_GRACE_SECONDS = 5.0
_NODE_WAIT_SECONDS = 900.0
_NODE_POLL_SECONDS = 2.0


class LocalCluster:
    """One cluster of this machine.

    It is taken down by `down`. If the process that started it dies before, the kernel stops the cluster's processes and
    the next start on this machine removes what is left; with `outlives_starter`, it stands until someone takes it down.

    Args:
        with_node: a real node, on which pods run.
        kwok_nodes: how many nodes without a kubelet (module `kwok`).
        name: None makes one up.
        outlives_starter: it stands until someone takes it down.
    """

    disposable = True

    def __init__(
        self,
        *,
        with_node: bool = False,
        kwok_nodes: int = 0,
        name: str | None = None,
        outlives_starter: bool = False,
    ) -> None:
        self.name = name or f"test-{secrets.token_hex(3)}"
        self.with_node = with_node
        self.kwok_nodes = kwok_nodes
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
    def audit_log(self) -> Path:
        return self.control_plane.audit_log

    @property
    def etcd_port(self) -> int:
        """Where etcd answers, on loopback and without a login."""
        return self.instance.ports["etcd"]

    @property
    def _node(self) -> Node:
        if not self.instance.node:
            raise ClusterError(f"cluster {self.name} has no node; start it with `up --node`")
        return Node(self.control_plane)

    @property
    def gateway_address(self) -> str:
        return GATEWAY_ADDRESS

    def up(self) -> None:
        """Start it, and return when it works.

        Raises:
            ClusterError: it did not start; all of it is taken down again, and its logs stay.
        """
        toolchain.ensure(toolchain.CONTROL_PLANE_PROGRAMS)
        if self.with_node:
            toolchain.ensure(toolchain.NODE_PROGRAMS)
            packages.ensure(packages.NODE)
        if self.kwok_nodes:
            toolchain.ensure(toolchain.FAKE_NODE_PROGRAMS)
        pause = bases.pause() if self.with_node else None
        instance = self.claim()
        try:
            with step(f"starting cluster {self.name}"):
                if pause is None:
                    self.control_plane.up()
                else:
                    network.up(instance.ports["api"], instance.directory)
                    self.control_plane.up()
                    self._node.up(pause)
                if self.kwok_nodes:
                    kwok.up(self.control_plane, self.kwok_nodes)
        except BaseException:
            self.down()
            raise

    def claim(self) -> Instance:
        """Register this cluster before anything of it starts; `up` does it, unless it was done.

        The machine has room for one node: if another test run has it, wait until it is free. The remains of clusters
        whose owner died are removed first.
        """
        if self._instance is None:
            self._instance = self._registered()
        return self._instance

    def _registered(self) -> Instance:
        deadline = time.monotonic() + _NODE_WAIT_SECONDS
        told = ""
        while True:
            with instances.machine_lock():
                sweep()
                holder = next((other for other in instances.every() if other.node), None)
                if not self.with_node or holder is None:
                    return instances.create(self.name, node=self.with_node, outlives_starter=self.outlives_starter)
            if holder.owner is None or holder.owner.pid == os.getpid() or time.monotonic() > deadline:
                raise ClusterError(
                    f"cluster {holder.name} has this machine's one node; `python -m support.cluster down "
                    f"--name {holder.name}` takes it down"
                )
            if holder.name != told:
                told = holder.name
                say(f"cluster {holder.name} of process {holder.owner.pid} has this machine's one node; waiting for it")
            time.sleep(_NODE_POLL_SECONDS)

    def down(self) -> None:
        instance = self._instance or instances.find(self.name)
        if instance is None:
            return
        with step(f"stopping cluster {self.name}"):
            take_down(instance)
        self._instance = None

    def load(self, image: LoadableImage) -> None:
        containerd = self._node.containerd
        present = containerd.image_references()
        if image.reference in present:
            return
        with step(f"loading {image.reference}"):
            containerd.import_archive(image.archive)
        containerd.remove_images([reference for reference in present if images.superseded(reference)])

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = [binary("kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        # By default kubectl keeps what it discovered by address, and another control plane may have had this one.
        environment = os.environ | {"KUBECACHEDIR": str(self.kubeconfig.parent / "kubectl-cache")}
        run = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, env=environment)
        if check and run.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)} failed (exit {run.returncode}): {run.stderr.strip()}")
        return run

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        with self.control_plane.http() as http:
            token = KubeWriter(http, namespace).token(name, seconds=_TOKEN_SECONDS)
        return kubeconfig.write_for_token(
            self.instance.directory / f"{namespace}-{name}.kubeconfig",
            server=self.control_plane.url,
            authority=self.control_plane.pki.ca_certificate,
            token=token,
            namespace=namespace,
        )

    def environment(self) -> dict[str, str]:
        path = f"{binary_directory()}:{os.environ.get('PATH', '')}"
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": path}


def take_down(instance: Instance) -> None:
    """Stop all of a cluster's processes, the last started first, and remove what it left but for its logs."""
    try:
        if instance.node:
            node.stop_containers(instance)
    finally:
        for process in reversed(instance.processes):
            if not stop(process, grace_seconds=_STOP_GRACE_SECONDS):
                say(f"{process.name} of cluster {instance.name} did not stop on SIGTERM and was killed")
        if instance.node:
            node.remove_remains(instance)
        instance.discard()


def sweep() -> None:
    """Remove the remains of clusters whose owner died. The caller holds the machine's lock."""
    for instance in instances.every():
        if instance.abandoned:
            say(f"cluster {instance.name} was left behind; removing it")
            take_down(instance)
    instances.forget_old_logs()
