"""The test bed as pytest fixtures. What a machine cannot run fails in CI and is skipped, with the reason, elsewhere."""

import os
from collections.abc import Iterator, Mapping

import pytest

from support.cluster import requirements
from support.cluster.backends import ClusterBackend
from support.cluster.choice import chosen_backend, cluster_with_node
from support.cluster.errors import ClusterError
from support.cluster.local import LocalCluster
from support.cluster.namespaces import temporary_namespace
from support.cluster.preparation import prepare
from support.cluster.standing import standing

SHARED_NODE = "shared_node"
"""In the input of an xdist worker: what its run's one node is (module `support.stage.shared_node`)."""
_NODE_CLUSTER = pytest.StashKey[ClusterBackend]()


def told_of_shared_node(config: pytest.Config) -> Mapping[str, str] | None:
    """The fields of `SharedNode`, as the process that hands tests out tells them; None if this one is on its own."""
    told: Mapping[str, str] | None = getattr(config, "workerinput", {}).get(SHARED_NODE)
    return told


def shared_node(config: pytest.Config) -> ClusterBackend | None:
    """The node that this process uses with others, if that is so."""
    told = told_of_shared_node(config)
    return None if told is None else cluster_with_node(name=told["name"])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what the collected tests need, and wait for the machine's one node, before any test's timeout counts."""
    if session.config.option.collectonly or shared_node(session.config):
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    node = "node_cluster" in wanted
    if wanted.isdisjoint(("control_plane", "node_cluster")) or requirements.unmet(node=node):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        try:
            prepare(node=node)
            if node:
                session.config.stash[_NODE_CLUSTER] = cluster = cluster_with_node()
                if isinstance(cluster, LocalCluster):
                    cluster.claim()
        except ClusterError as error:
            raise pytest.UsageError(str(error)) from error


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give up a node that was waited for and then never asked for."""
    cluster = session.config.stash.get(_NODE_CLUSTER, None)
    if cluster is not None:
        cluster.down()


@pytest.fixture(scope="session")
def node_cluster(pytestconfig: pytest.Config) -> Iterator[ClusterBackend]:
    """A cluster with a real node, on which pods run. When a local one stops, the machine must be as it was."""
    refuse_unfit_machine(node=True)
    shared = shared_node(pytestconfig)
    if shared is not None:
        yield shared
        return
    cluster = pytestconfig.stash.get(_NODE_CLUSTER, None) or cluster_with_node()
    with standing(cluster):
        yield cluster


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own in the cluster that it uses."""
    with temporary_namespace(_cluster_of(request)) as name:
        yield name


@pytest.fixture
def restricted_namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """The same, where the API server refuses pods that break the restricted Pod Security standard."""
    with temporary_namespace(_cluster_of(request), restricted=True) as name:
        yield name


def _cluster_of(request: pytest.FixtureRequest) -> ClusterBackend:
    name = "node_cluster" if "node_cluster" in request.fixturenames else "control_plane"
    cluster: ClusterBackend = request.getfixturevalue(name)
    return cluster


def refuse_unfit_machine(*, node: bool) -> None:
    chosen_backend()
    lacks = requirements.unmet(node=node)
    if lacks:
        reason = f"this machine cannot run the test bed; it lacks {'; '.join(lacks)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
