"""One control plane for all processes of a test run, started by the one that outlives the others.

A run of several levels has one for those that want KWOK nodes, and one for the others: pods are scheduled wherever
there is a node.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from support.cluster import requirements
from support.cluster.errors import ClusterError
from support.cluster.fixtures import refuse_unfit_machine
from support.cluster.local import LocalCluster
from support.cluster.preparation import prepare
from support.stage import pools
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


_PLANES = pytest.StashKey[dict[int, SharedPlane]]()


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
        node.workerinput[_worker_input(kwok_nodes)] = asdict(_started(node.config, kwok_nodes))
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from error


def plane_of(config: pytest.Config, *, kwok_nodes: int = 0) -> SharedPlane:
    """The run's plane; started now, with so many KWOK nodes, if this process is on its own."""
    refuse_unfit_machine(node=False)
    told = getattr(config, "workerinput", {}).get(_worker_input(kwok_nodes))
    return SharedPlane(**told) if told else _started(config, kwok_nodes)


def _worker_input(kwok_nodes: int) -> str:
    return f"shared_plane_{kwok_nodes}"


def _started(config: pytest.Config, kwok_nodes: int) -> SharedPlane:
    """It is taken down when the run ends."""
    planes = config.stash.setdefault(_PLANES, {})
    if kwok_nodes in planes:
        return planes[kwok_nodes]
    prepare(node=False)
    cluster = LocalCluster(kwok_nodes=kwok_nodes)
    config.add_cleanup(cluster.down)
    begin = time.monotonic()
    cluster.up()
    seconds = time.monotonic() - begin
    kubeconfig = operator_kubeconfig(cluster)
    pools.await_served(cluster, seconds=15)
    made = planes[kwok_nodes] = SharedPlane(name=cluster.name, seconds=seconds, kubeconfig=str(kubeconfig))
    return made
