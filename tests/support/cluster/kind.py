"""The `kind` backend: a thin adapter of the program kind, which runs a cluster in containers of Docker or Podman.

kind takes its node image from a registry. Its tests here look at the commands alone.
"""

import ipaddress
import secrets
import shutil
import subprocess
from collections.abc import Callable

from support.cluster.backends import LoadableImage
from support.cluster.commands import run
from support.cluster.errors import ClusterError
from support.cluster.outside import OutsideCluster

Run = Callable[..., "subprocess.CompletedProcess[str]"]

_ENGINES = ("docker", "podman")
_READY = "120s"
# Docker lists gateways in its configurations, Podman in its subnets.
_GATEWAYS = {
    "docker": "{{range .IPAM.Config}}{{.Gateway}} {{end}}",
    "podman": "{{range .Subnets}}{{.Gateway}} {{end}}",
}


def engine(command: Run = run) -> str | None:
    """The container engine that answers; None if there is none."""
    for name in _ENGINES:
        if shutil.which(name) and command(name, "info", check=False).returncode == 0:
            return name
    return None


def usable(command: Run = run) -> bool:
    """True if kind is installed and an engine answers."""
    return shutil.which("kind") is not None and engine(command) is not None


class KindCluster(OutsideCluster):
    """A cluster of kind's, from `up` to `down`."""

    def __init__(self, name: str | None = None, command: Run = run) -> None:
        super().__init__(name or f"runnerpool-{secrets.token_hex(3)}")
        self._command = command

    def up(self) -> None:
        """Create it, and wait until its node is ready.

        Raises:
            ClusterError: kind refused; nothing of it is left.
        """
        try:
            self._kind("create", "cluster", f"--wait={_READY}", f"--kubeconfig={self.kubeconfig}")
        except ClusterError:
            self.down()
            raise

    def down(self) -> None:
        self._kind("delete", "cluster", f"--kubeconfig={self.kubeconfig}")
        self._forget()

    def load(self, image: LoadableImage) -> None:
        self._kind("load", "image-archive", str(image.archive))

    @property
    def gateway_address(self) -> str:
        name = engine(self._command)
        if name is None:
            raise ClusterError("no container engine answers; start Docker or Podman")
        told = self._command(name, "network", "inspect", "kind", f"--format={_GATEWAYS[name]}").stdout
        found = [word for word in told.split() if ipaddress.ip_address(word).version == 4]
        if not found:
            raise ClusterError(f"{name}'s network `kind` has no IPv4 gateway; `{name} network inspect kind` tells")
        return found[0]

    def _kind(self, *arguments: str) -> None:
        self._command("kind", *arguments, f"--name={self.name}")
