"""The node's container engine: containerd of its own, with an image store that outlives the cluster."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from support.cluster.commands import run
from support.cluster.instances import Instance
from support.cluster.packages import CNI_PLUGINS
from support.cluster.paths import cache_directory
from support.cluster.processes import ProcessIdentity, start, wait_until

_NAMESPACE = "k8s.io"
_READY_SECONDS = 30.0
_REMOVAL_SECONDS = 30.0


class Containerd:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.socket = instance.directory / "containerd.sock"
        self.store = cache_directory() / "containerd"
        self.state = instance.directory / "containerd"

    def up(self, pause_image: str) -> ProcessIdentity:
        """Start it, without any container: those that an earlier cluster left in the store are removed."""
        configuration = self.instance.directory / "containerd.toml"
        configuration.write_text(self._configuration(pause_image))
        self.store.mkdir(parents=True, exist_ok=True)
        process = start(
            "containerd",
            ["containerd", "--config", str(configuration)],
            log=self.instance.log("containerd"),
            outlives_starter=self.instance.owner is None,
        )
        self.instance.started(process)
        wait_until(
            lambda: self._ctr("version", check=False).returncode == 0,
            "containerd being ready",
            timeout_seconds=_READY_SECONDS,
            watched=process,
            log=self.instance.log("containerd"),
        )
        self.remove_containers()
        return process

    def import_archive(self, archive: Path) -> None:
        self._ctr("images", "import", str(archive))

    def image_references(self) -> list[str]:
        return self._ctr("images", "list", "--quiet").stdout.split()

    def remove_images(self, references: Sequence[str]) -> None:
        if references:
            self._ctr("images", "remove", *references)

    def shim_sockets(self) -> list[Path]:
        """Where the shims that now run listen: in a directory of the machine's, which they leave behind when killed."""
        files = (self.state / "io.containerd.runtime.v2.task" / _NAMESPACE).glob("*/address")
        return [Path(file.read_text().strip().removeprefix("unix://")) for file in files]

    def remove_containers(self) -> None:
        """End all tasks and forget all containers; shims go with their last task."""
        wait_until(self._no_container_left, "the end of all containers", timeout_seconds=_REMOVAL_SECONDS)

    def _no_container_left(self) -> bool:
        # containerd itself removes tasks whose process has ended, so one that is listed may be gone a moment later.
        tasks = self._ctr("tasks", "list", "--quiet").stdout.split()
        if tasks:
            self._ctr("tasks", "delete", "--force", *tasks, check=False)
        containers = self._ctr("containers", "list", "--quiet").stdout.split()
        if containers:
            self._ctr("containers", "delete", *containers, check=False)
        return not tasks and not containers

    def _ctr(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run("ctr", "--address", str(self.socket), "--namespace", _NAMESPACE, *arguments, check=check)

    def _configuration(self, pause_image: str) -> str:
        # restrict_oom_score_adj: where the machine lacks CAP_SYS_RESOURCE, runc may not lower a sandbox's OOM score and
        # fails with "can't get final child's PID from pipe: EOF".
        return f"""\
version = 2
root = "{self.store}"
state = "{self.state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "{self.socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{self.instance.directory / "opt"}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause_image}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{self.instance.directory / "cni"}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
"""
