"""Fixtures of the fault tests. The control plane is one for all xdist workers; everything else is a test's own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.cluster.fixtures import refuse_unfit_machine
from support.cluster.local import LocalCluster
from support.faults.own_plane import OwnPlane, own_cluster
from support.faults.stage import FaultStage
from support.faults.staging import StageMaker, StageOrder, fault_stage
from support.ordering import longest_first
from support.stage import shared_plane
from support.stage.operatorlog import complaints_of
from support.stage.shared_plane import plane_of

_NODES = 3


def pytest_configure_node(node: Any) -> None:
    shared_plane.start_before(node, kwok_nodes=_NODES)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    longest_first(items)


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> LocalCluster:
    """The run's one control plane with KWOK nodes; other levels of the same run have theirs without."""
    return LocalCluster(name=plane_of(pytestconfig, kwok_nodes=_NODES).name)


@pytest.fixture(scope="module")
def own_plane() -> Iterator[OwnPlane]:
    """A control plane of a file's own, to be broken and mended: `new_stage(cluster=own_plane.cluster)`."""
    refuse_unfit_machine(node=False)
    with own_cluster() as cluster:
        yield OwnPlane(cluster)


@pytest.fixture
def new_stage(control_plane: LocalCluster, tmp_path: Path) -> Iterator[StageMaker]:
    """Makes stages, given the fields of `StageOrder`; afterwards their operators' logs are scanned."""
    made: list[FaultStage] = []
    with ExitStack() as stack:

        def make(**order: Any) -> FaultStage:
            made.append(stack.enter_context(fault_stage(control_plane, tmp_path, StageOrder(**order))))
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
