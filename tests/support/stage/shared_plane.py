"""One control plane for all processes of a test run, started by the one that outlives the others."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from support.cluster import requirements
from support.cluster.errors import ClusterError
from support.cluster.fixtures import refuse_unfit_machine
from support.cluster.local import LocalCluster
from support.cluster.preparation import prepare
from support.cluster.processes import wait_until
from support.stage.pools import POOL_KIND
from support.stage.rights import operator_kubeconfig


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPlane:
    """What a process needs to know that is to use it. It has no real node, and the chart is installed: CRD and rights.

    Attributes:
        name: of the cluster.
        seconds: how long it took to start.
        kubeconfig: file of the operator's rights.
    """

    name: str
    seconds: float
    kubeconfig: str


_PLANE = pytest.StashKey[SharedPlane]()
_WORKER_INPUT = "shared_plane"


def start_before(node: Any, *, kwok_nodes: int = 0) -> None:
    """For the hook `pytest_configure_node`: start it before the xdist worker `node`, and tell that worker of it.

    Args:
        node: the worker.
        kwok_nodes: how many nodes without a kubelet it has.

    Raises:
        UsageError: it cannot be built or started.
    """
    if node.config.option.collectonly or requirements.unmet(node=False):
        return
    try:
        node.workerinput[_WORKER_INPUT] = asdict(_started(node.config, kwok_nodes))
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from error


def plane_of(config: pytest.Config, *, kwok_nodes: int = 0) -> SharedPlane:
    """The run's plane; started now, with so many KWOK nodes, if this process is on its own."""
    refuse_unfit_machine(node=False)
    told = getattr(config, "workerinput", {}).get(_WORKER_INPUT)
    return SharedPlane(**told) if told else _started(config, kwok_nodes)


def _started(config: pytest.Config, kwok_nodes: int) -> SharedPlane:
    """It is taken down when the run ends."""
    found = config.stash.get(_PLANE, None)
    if found is not None:
        return found
    prepare(node=False)
    cluster = LocalCluster(kwok_nodes=kwok_nodes)
    config.add_cleanup(cluster.down)
    begin = time.monotonic()
    cluster.up()
    seconds = time.monotonic() - begin
    kubeconfig = operator_kubeconfig(cluster)
    wait_until(
        lambda: cluster.kubectl("get", POOL_KIND, check=False).returncode == 0, "the new resource", timeout_seconds=15
    )
    made = config.stash[_PLANE] = SharedPlane(name=cluster.name, seconds=seconds, kubeconfig=str(kubeconfig))
    return made
