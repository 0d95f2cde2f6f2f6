"""The node of a cluster: network, containerd and kubelet, started and removed without remains."""

import errno
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from support.cluster import network
from support.cluster.commands import run
from support.cluster.containerd import Containerd
from support.cluster.control_plane import ControlPlane
from support.cluster.images import ImageRef
from support.cluster.instances import Instance
from support.cluster.paths import binary
from support.cluster.pki import GATEWAY_ADDRESS, NODE_NAME
from support.cluster.processes import start, stop, wait_until

_READY_SECONDS = 60.0
_STOP_GRACE_SECONDS = 10.0
_CGROUPS = Path("/sys/fs/cgroup")
_KUBELET_CGROUP = "kubepods"
_CONTAINER_LOGS = Path("/var/log/containers")
# Directories that kubelet and CNI library make whatever they are told; those that were not there before go again.
_SYSTEM_DIRECTORIES = (Path("/var/lib/kubelet"), Path("/var/lib/cni"), _CONTAINER_LOGS)
_MADE_BY_US = "system-directories"


class Node:
    def __init__(self, control_plane: ControlPlane) -> None:
        self.control_plane = control_plane
        self.instance: Instance = control_plane.instance
        self.containerd = Containerd(self.instance)
        self.pod_logs = self.instance.directory / "pod-logs"

    def up(self, pause: ImageRef) -> None:
        """Start containerd and kubelet on the network that stands already, and wait until pods can be placed."""
        directory = self.instance.directory
        made = [str(path) for path in _SYSTEM_DIRECTORIES if not path.exists()]
        (directory / _MADE_BY_US).write_text("\n".join(made))
        network.write_cni_configuration(directory / "cni", directory / "addresses")
        self.containerd.up(pause.reference)
        if pause.reference not in self.containerd.image_references():
            self.containerd.import_archive(pause.archive)
        configuration = directory / "kubelet.yaml"
        configuration.write_text(yaml.safe_dump(self._kubelet_configuration(), sort_keys=False))
        kubelet = start(
            "kubelet",
            [
                binary("kubelet"),
                f"--config={configuration}",
                f"--kubeconfig={directory / 'node.kubeconfig'}",
                f"--hostname-override={NODE_NAME}",
                f"--root-dir={directory / 'kubelet'}",
                # The loopback address would be refused.
                f"--node-ip={GATEWAY_ADDRESS}",
            ],
            log=self.instance.log("kubelet"),
            outlives_starter=self.instance.owner is None,
        )
        self.instance.started(kubelet)
        wait_until(
            self._ready,
            f"node of cluster {self.instance.name} being ready",
            timeout_seconds=_READY_SECONDS,
            watched=kubelet,
            log=self.instance.log("kubelet"),
        )

    def _ready(self) -> bool:
        node: dict[str, Any] | None = self.control_plane.get(f"/api/v1/nodes/{NODE_NAME}")
        if node is None or node["spec"].get("taints"):
            return False
        conditions = {condition["type"]: condition["status"] for condition in node["status"].get("conditions", [])}
        return conditions.get("Ready") == "True"

    def _kubelet_configuration(self) -> dict[str, Any]:
        directory, files = self.instance.directory, self.control_plane.pki.leaf("node")
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "port": self.instance.ports["kubelet"],
            "healthzPort": self.instance.ports["kubelet-health"],
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.control_plane.pki.ca_certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(files.certificate),
            "tlsPrivateKeyFile": str(files.key),
            "containerRuntimeEndpoint": f"unix://{self.containerd.socket}",
            "podLogsDir": str(self.pod_logs),
            "volumePluginDir": str(directory / "volume-plugins"),
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            # These chains would outlive the kubelet, and nothing here needs them.
            "makeIPTablesUtilChains": False,
            "resolvConf": "",
            # Nobody answers there, and the packet filter says so at once; no server at all would make an event a pod.
            "clusterDNS": ["10.96.0.10"],
            "clusterDomain": "cluster.local",
            # The node says every 2 s that it is there (a quarter of this), so that a lost one is soon known as such.
            "nodeLeaseDurationSeconds": 8,
            # A volume over its limit is evicted for it after 20 s at most, not after 70 s.
            "volumeStatsAggPeriod": "10s",
            "maxPods": 250,
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
            # Images cannot be pulled again, so they are never collected.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
        }


def stop_containers(instance: Instance) -> None:
    """Stop the kubelet, so that it restarts nothing, then every container."""
    programs = {process.name: process for process in instance.processes}
    if "kubelet" in programs:
        stop(programs["kubelet"], grace_seconds=_STOP_GRACE_SECONDS)
    _kill_container_processes()
    if "containerd" in programs and programs["containerd"].alive:
        Containerd(instance).remove_containers()


def remove_remains(instance: Instance) -> None:
    """Remove what the node's programs leave when they are gone: processes, mounts, network, cgroups, links."""
    containerd = Containerd(instance)
    sockets = containerd.shim_sockets()
    _kill_shims(str(containerd.socket))
    _kill_container_processes()
    for socket in sockets:
        socket.unlink(missing_ok=True)
    for directory in (instance.directory, containerd.store):
        _unmount_below(directory)
    network.down(instance.directory)
    _remove_cgroups()
    for link in _CONTAINER_LOGS.glob("*.log"):
        if link.is_symlink() and link.readlink().is_relative_to(instance.directory):
            link.unlink()
    for made in _lines(instance.directory / _MADE_BY_US):
        shutil.rmtree(made, ignore_errors=True)


def _kill_container_processes() -> None:
    """Kill every process in the kubelet's cgroups: only the pods of the one kubelet of this machine are there."""

    def none_left() -> bool:
        pids = {int(pid) for group in _cgroups() for pid in _lines(group / "cgroup.procs")}
        for pid in pids:
            _kill(pid)
        return not pids

    wait_until(none_left, "the end of all processes of pods", timeout_seconds=30)


def _kill_shims(socket: str) -> None:
    def none_left() -> bool:
        shims = [file for file in Path("/proc").glob("[0-9]*/cmdline") if _is_shim(_lines(file), socket)]
        for file in shims:
            _kill(int(file.parent.name))
        return not shims

    wait_until(none_left, "the end of all shims of containers", timeout_seconds=30)


def _is_shim(command_line: list[str], socket: str) -> bool:
    arguments = "".join(command_line).split("\0")
    return socket in arguments and "containerd-shim" in arguments[0]


def _unmount_below(directory: Path) -> None:
    mounts = [line.split()[1] for line in _lines(Path("/proc/self/mounts"))]
    for mount in reversed([mount for mount in mounts if Path(mount).is_relative_to(directory)]):
        run("umount", "--lazy", mount)


def _remove_cgroups() -> None:
    for group in sorted(_cgroups(), key=lambda path: len(path.parts), reverse=True):
        with suppress(FileNotFoundError):
            group.rmdir()


def _cgroups() -> list[Path]:
    """The kubelet's cgroups and all below them. They go while one looks, which os.walk, unlike rglob, takes calmly."""
    return [Path(name) for root in _cgroup_roots() for name, _, _ in os.walk(root)]


def _cgroup_roots() -> list[Path]:
    """The kubelet's cgroup in each hierarchy (version 1) or in the one there is (version 2)."""
    return [path for pattern in (_KUBELET_CGROUP, f"*/{_KUBELET_CGROUP}") for path in _CGROUPS.glob(pattern)]


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _lines(file: Path) -> list[str]:
    """The lines of a file of the kernel's; none if what it told about is gone."""
    try:
        return file.read_text(errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    except OSError as error:
        if error.errno != errno.ENODEV:  # what a cgroup's file says that was opened just before the cgroup went
            raise
        return []
