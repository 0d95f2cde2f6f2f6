"""The node's own programs, and what pods take of it: the kubelet frozen, volumes filled, memory used up."""

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from support.chaos import processes
from support.chaos.processes import PodProcess
from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.processes import ProcessIdentity

_FILL = "filled-by-a-test"
_USE = "import time; x = bytearray({mebibytes} * 2**20); time.sleep(60)"


def kubelet(cluster: LocalCluster) -> ProcessIdentity:
    """The kubelet of a cluster with a node.

    Raises:
        ClusterError: it has none.
    """
    found = [process for process in cluster.instance.processes if process.name == "kubelet"]
    if not found:
        raise ClusterError(f"cluster {cluster.name} has no kubelet; start it with a node")
    return found[-1]


def kubelet_stopped(cluster: LocalCluster) -> AbstractContextManager[None]:
    """Nothing is heard of the node while the block runs; its pods go on."""
    return processes.frozen([kubelet(cluster)])


def scratch(cluster: LocalCluster, pod_uid: str, volume: str = "scratch") -> Path:
    """Where a pod's volume is on this machine."""
    pods = cluster.instance.directory / "kubelet" / "pods"
    return pods / pod_uid / "volumes" / "kubernetes.io~empty-dir" / volume


@contextmanager
def filled(directory: Path, *, size: int) -> Iterator[None]:
    """A file of so many bytes in a directory while the block runs, taken from the disk for real."""
    path = directory / _FILL
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        os.posix_fallocate(descriptor, 0, size)
        yield
    finally:
        os.close(descriptor)
        path.unlink(missing_ok=True)


def exhaust_memory(
    cluster: ClusterBackend, namespace: str, pod: str, main: Iterable[PodProcess], *, mebibytes: int
) -> None:
    """Use more memory in a pod than it may, until the kernel kills and its container ends.

    Args:
        cluster: the pod's.
        namespace: the pod's.
        pod: its name; it must have Python.
        main: the container's first process. Where cgroups are of version 1, the kernel kills the greediest process
            alone; version 2, as the kubelet sets it up, kills all, and so the first one is killed here in its place.
        mebibytes: more than the pod's limit.
    """
    ending = list(main)
    use = _USE.format(mebibytes=mebibytes)
    cluster.kubectl(f"--namespace={namespace}", "exec", pod, "--", "python3", "-c", use, check=False)
    processes.kill(ending)
