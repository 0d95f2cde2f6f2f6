"""One node and one operator for all processes of a test run, started by the one that outlives the others."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.cluster import remains
from support.cluster.backends import ClusterBackend
from support.cluster.choice import cluster_with_node
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.preparation import prepare
from support.stage import images
from support.stage.operator import Operator

_SHARED = pytest.StashKey["SharedNode"]()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedNode:
    """What a process needs to know that is to use it.

    Attributes:
        name: of the cluster.
        turns: file whose lock says who may use the cluster beside others (module `turns`).
        observed: directory in which each process leaves for the others what it has observed.
    """

    name: str
    turns: str
    observed: str


def start_for(config: pytest.Config) -> SharedNode:
    """The run's node with the operator on it; it is taken down when the run ends.

    Raises:
        ClusterError: it cannot be built or started.
    """
    found = config.stash.get(_SHARED, None)
    if found is not None:
        return found
    prepare(node=True)
    built = images.build(images.stand_in())
    cluster = cluster_with_node()
    if isinstance(cluster, LocalCluster):
        cluster.claim()  # so that what another run still has of the machine's node is no part of the comparison
    before = remains.snapshot()
    config.add_cleanup(lambda: _take_down(cluster, before))
    cluster.up()
    for image in built:
        cluster.load(image)
    directory = Path(tempfile.mkdtemp(prefix="runnerpool-e2e-"))
    operator = Operator(cluster, directory)
    operator.install(built.operator.reference, built.runner.reference)
    operator.stop_following()
    if not cluster.disposable:
        config.add_cleanup(operator.remove)
    shared = config.stash[_SHARED] = SharedNode(
        name=cluster.name, turns=str(directory / "turns"), observed=str(directory)
    )
    return shared


def _take_down(cluster: ClusterBackend, before: frozenset[str]) -> None:
    cluster.down()
    left = sorted(remains.snapshot() - before) if isinstance(cluster, LocalCluster) else []
    if left:
        raise ClusterError(f"the cluster left behind: {'; '.join(left)}")
