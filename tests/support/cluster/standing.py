"""A cluster with a node for as long as it is needed. When a local one stops, the machine must be as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

from support.cluster import remains
from support.cluster.backends import ClusterBackend
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster


@contextmanager
def standing(cluster: ClusterBackend) -> Iterator[None]:
    """Bring it up, and take it down when the block ends.

    Raises:
        ClusterError: it cannot be started, or it left something behind.
    """
    local = isinstance(cluster, LocalCluster)
    if isinstance(cluster, LocalCluster):
        cluster.claim()  # so that what another run still has of the machine's node is no part of the comparison
    before = remains.snapshot() if local else frozenset()
    cluster.up()
    try:
        yield
    finally:
        cluster.down()
    left = sorted(remains.snapshot() - before) if local else []
    if left:
        raise ClusterError(f"the cluster left behind: {'; '.join(left)}")
