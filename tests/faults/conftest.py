"""Fixtures of the fault tests. The control plane is one for all xdist workers; everything else is a test's own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.cluster import requirements
from support.cluster.errors import ClusterError
from support.cluster.fixtures import refuse_unfit_machine
from support.cluster.local import LocalCluster
from support.faults import shared_cluster as shared
from support.faults.own_plane import OwnPlane
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker, StageOrder, fault_stage
from support.ordering import longest_first
from support.stage.operatorlog import complaints_of

_WORKER_INPUT = "shared_cluster"


def pytest_configure_node(node: Any) -> None:
    """Start the control plane in the process that hands tests out: it outlives every worker, as the cluster must."""
    if node.config.option.collectonly or requirements.unmet(node=False):
        return
    try:
        node.workerinput[_WORKER_INPUT] = shared.start_for(node.config).name
    except ClusterError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.fixture(scope="session")
def shared_cluster(pytestconfig: pytest.Config) -> LocalCluster:
    """The run's one control plane, with three KWOK nodes and our CRD."""
    refuse_unfit_machine(node=False)
    name = getattr(pytestconfig, "workerinput", {}).get(_WORKER_INPUT)
    return LocalCluster(name=name) if name else shared.start_for(pytestconfig)


@pytest.fixture(scope="module")
def own_plane(shared_cluster: LocalCluster) -> Iterator[OwnPlane]:
    """A control plane of a file's own, to be broken and mended: `new_stage(cluster=own_plane.cluster)`."""
    cluster = LocalCluster(kwok_nodes=1)
    cluster.up()
    try:
        shared.install_resource(cluster)
        yield OwnPlane(cluster)
    finally:
        cluster.down()


@pytest.fixture
def new_stage(shared_cluster: LocalCluster, tmp_path: Path) -> Iterator[StageMaker]:
    """Makes stages, given the fields of `StageOrder`; afterwards their operators' logs are scanned."""
    made: list[FaultStage] = []
    with ExitStack() as stack:

        def make(**order: Any) -> FaultStage:
            made.append(stack.enter_context(fault_stage(shared_cluster, tmp_path, StageOrder(**order))))
            return made[-1]

        yield make
    logs = [log for stage in made for log in stage.operator.logs()]
    canaries = [canary for stage in made for canary in stage.canaries]
    expected = [words for stage in made for words in stage.expected_complaints]
    told = [text for text in complaints_of(logs, canaries) if not any(words in text for words in expected)]
    assert told == []


@pytest.fixture
def faults(new_stage: StageMaker) -> FaultStage:
    """The usual stage: operator through the proxy, pods played, a PeerTube 8.2 whose clock runs ten times as fast."""
    return new_stage()
