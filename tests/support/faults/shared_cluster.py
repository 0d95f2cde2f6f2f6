"""One control plane for all processes of a test run, started by the one that outlives the others."""

import pytest

from support.cluster.local import LocalCluster
from support.cluster.preparation import prepare
from support.cluster.processes import wait_until
from support.packaging.paths import CRD
from support.stage.pools import POOL_KIND

NODES = 3
_CLUSTER = pytest.StashKey[LocalCluster]()


def start_for(config: pytest.Config) -> LocalCluster:
    """The run's control plane with KWOK nodes and our CRD; it is taken down when the run ends.

    Raises:
        ClusterError: it cannot be built or started.
    """
    found = config.stash.get(_CLUSTER, None)
    if found is not None:
        return found
    prepare(node=False)
    cluster = LocalCluster(kwok_nodes=NODES)
    config.add_cleanup(cluster.down)
    cluster.up()
    config.stash[_CLUSTER] = cluster
    install_resource(cluster)
    return cluster


def install_resource(cluster: LocalCluster, text: str | None = None) -> None:
    """Our CRD, or another text of it; returns when it is served."""
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=text or CRD.read_text())
    # `kubectl wait` fails on a CRD whose status nobody has written yet.
    wait_until(
        lambda: cluster.kubectl("get", POOL_KIND, check=False).returncode == 0, "the new resource", timeout_seconds=30
    )
